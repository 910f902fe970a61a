package extproc

import (
	"bytes"
	"slices"
	"sync/atomic"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// intake is a request's body as it comes.
type intake struct {
	bytes   []byte
	claimed int64 // the length the client said; below 0: none
}

// grow makes room for n more bytes. A length is a claim until the bytes are
// here: room for what is still to come is at most three times what has.
func (i *intake) grow(n int) {
	need := len(i.bytes) + n
	switch {
	case need <= cap(i.bytes):
	case i.claimed > int64(need):
		room := make([]byte, len(i.bytes), min(i.claimed, 4*int64(need)))
		copy(room, i.bytes)
		i.bytes = room
	default:
		i.bytes = slices.Grow(i.bytes, n)
	}
}

// collect reads the body to its end. Every byte counts against what the
// process may hold; on any way out but success they are given back.
func (r *routing) collect(limit int64) ([]byte, *llm.Problem, error) {
	body := intake{claimed: r.head.contentLength}
	held := 0
	m := message{sink: &body}
	defer m.release()
	await := r.awaitBody()
	for {
		var p *llm.Problem
		err := r.st.RecvMsg(&m)
		if !await() {
			return nil, nil, errAnswered
		}
		if err == nil {
			p = r.hold(&m, limit-int64(held))
		}
		switch {
		case err == nil && m.kind == responseBody: // Envoy answers in our stead
			r.s.table.letGo(held)
			_ = r.st.SendMsg(&reply{part: toResponseBody}) // the client is gone where this fails
			return nil, nil, errAnswered
		case err != nil || p != nil:
			r.s.table.letGo(held)
			return nil, p, err
		case m.kind == requestTrailers:
			r.trailers = true
			for i := range m.headers {
				r.late = append(r.late, bytes.Clone(m.headers[i].name))
			}
			return body.bytes, nil, nil
		}
		held = len(body.bytes)
		if m.end && m.kind == requestBody {
			return body.bytes, nil, nil
		}
	}
}

// firstByte is how long a request whose length is not said may take to begin
// its body. Envoy keeps trailers that come without any body until the headers
// are answered, so such a request would never end.
const firstByte = 30 * time.Second

// awaitBody answers a request whose body does not begin in time. What it
// returns is called when something came, and tells whether there is still
// somebody to answer.
func (r *routing) awaitBody() (came func() bool) {
	if r.head.contentLength >= 0 {
		return func() bool { return true }
	}
	var decided atomic.Bool
	late := newDeadline(firstByte, func() {
		if decided.CompareAndSwap(false, true) {
			_ = r.refuse(noBody("The request's body did not begin in time.")) // the client is gone then
		}
	})
	first := true
	return func() bool {
		if first {
			first = false
			mine := decided.CompareAndSwap(false, true)
			late.stop()
			return mine
		}
		return true
	}
}

func noBody(message string) *llm.Problem {
	return &llm.Problem{Kind: llm.InvalidRequest, Code: "no_body", Message: message}
}

// hold counts the bytes a message brought, of which so many are allowed.
func (r *routing) hold(m *message, most int64) *llm.Problem {
	switch {
	case m.kind != requestBody:
		return nil
	case int64(len(m.body)) > most:
		return tooLarge(r.view.catalog.Limits.Body)
	case !r.s.table.hold(len(m.body)):
		return full()
	default:
		return nil
	}
}

func full() *llm.Problem {
	return &llm.Problem{
		Kind: llm.Overloaded, RetryAfter: time.Second,
		Message: "The gateway holds as many requests as it can; try again in a moment.",
	}
}
