package extproc

import (
	"errors"
	"strconv"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// refuse answers with a problem, before any provider was asked. This is the
// router stage's only way to an error body.
func (r *routing) refuse(p *llm.Problem) error {
	r.s.meter.Refused(r.asked.endpoint.String(), p.Kind)
	set := append(problemHeaders(p), r.limits...)
	if p.Kind == llm.MethodNotAllowed {
		set = append(set, setHeader{"allow", []byte(r.asked.endpoint.allow())})
	}
	return r.immediate(p.Kind.Status(), r.asked.codec().EncodeError(p, string(r.text)), set)
}

// problemHeaders are those with which clients decide whether to try again.
func problemHeaders(p *llm.Problem) []setHeader {
	if p.RetryAfter <= 0 {
		return nil
	}
	whole := (p.RetryAfter + time.Second - 1) / time.Second
	return []setHeader{
		{"retry-after", strconv.AppendInt(nil, int64(whole), 10)},
		{"retry-after-ms", strconv.AppendInt(nil, p.RetryAfter.Milliseconds(), 10)},
	}
}

// problemAnswer are the headers of a JSON answer to a problem that does not go
// through immediate.
func problemAnswer(p *llm.Problem) []setHeader {
	return append(problemHeaders(p), setHeader{"content-type", []byte("application/json")})
}

// immediate answers a JSON body in Envoy's stead.
func (r *routing) immediate(status int, body []byte, set []setHeader) error {
	set = append(set,
		setHeader{"content-type", []byte("application/json")},
		setHeader{envoy.GenerationHeader, r.text},
		setHeader{"x-request-id", r.text},
		setHeader{"request-id", r.text},
	)
	return ignoreGone(r.st.SendMsg(&reply{part: immediate, status: status, body: body, set: set}))
}

// allow lists the methods an endpoint takes.
func (e endpoint) allow() string {
	if e.generates() {
		return "POST"
	}
	return "GET, HEAD"
}

// ignoreGone turns the end of Envoy's stream into success: the client left, or
// a deadline has answered it, and there is nobody to tell.
func ignoreGone(err error) error {
	if err == nil || isGone(err) || errors.Is(err, errAnswered) {
		return nil
	}
	return err
}
