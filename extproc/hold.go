package extproc

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/settlement"
)

// take handles one message of the answer; done ends the stage, after which
// Envoy passes the rest by itself.
func (a *attempt) take(m *message) (done bool, err error) {
	switch m.kind {
	case responseHeaders:
		return a.takeHeaders(m)
	case responseBody:
		return a.takeBody(m)
	case responseTrailers:
		return a.takeBody(&message{kind: responseBody, end: true})
	default:
		return false, nil
	}
}

// answerHead is what the attempt stage reads of a provider's headers.
type answerHead struct {
	status      int
	contentType []byte
	encoded     bool // in a content encoding nobody asked for
	localFlags  string
	input       llm.Opt[llm.Tokens] // counted in a header (Bedrock's embeddings)
	retryAfter  http.Header
}

func (a *attempt) takeHeaders(m *message) (done bool, err error) {
	h := a.readAnswerHead(m)
	a.status = h.status
	if h.localFlags != "" {
		return true, a.fail(chain.Outcome{Status: h.status, LocalFlags: h.localFlags})
	}
	a.s.reached.add(a.target.Provider)
	limit := a.target.Provider.Timeouts.Answer
	if a.x.envelope.Stream {
		limit = a.target.Provider.Timeouts.FirstToken
	}
	if a.watch = a.choose(&h); a.watch == nil {
		return true, a.fail(chain.Outcome{Status: h.status, Problem: badAnswer(&h)})
	}
	if m.end {
		return a.rule(a.watch.feed(nil, true))
	}
	a.timer = newDeadline(max(limit-a.s.now().Sub(a.started), time.Millisecond), a.expire)
	return false, nil
}

// choose picks how this answer is watched; nil for one that cannot be right.
func (a *attempt) choose(h *answerHead) watch {
	json := isJSON(h.contentType)
	html := bytes.HasPrefix(h.contentType, []byte("text/html"))
	switch {
	case h.status >= 400:
		return &errorWatch{codec: a.codec, status: h.status, header: h.retryAfter, onRefusal: a.x.evades()}
	case h.status != 200 || h.encoded || html:
		return nil
	case !a.x.envelope.Stream || json:
		if !json {
			return nil
		}
		return &answerWatch{codec: a.codec, client: a.x.codec, reply: a.reply(), translate: a.translate, stream: a.x.envelope.Stream, input: h.input}
	case a.translate:
		return &translateWatch{reader: a.codec.NewReader(), writer: a.x.codec.NewWriter(a.reply()), redact: a.redact}
	default:
		return &leaveWatch{probe: a.codec.NewProbe(), codec: a.codec}
	}
}

func badAnswer(h *answerHead) *llm.Problem {
	return &llm.Problem{Kind: llm.BadAnswer, Message: "the provider answered " + strconv.Itoa(h.status) + " with " + printable(h.contentType)}
}

// readAnswerHead reads the provider's headers and notes which of them clients
// must not see.
func (a *attempt) readAnswerHead(m *message) answerHead {
	h := answerHead{}
	for i := range m.headers {
		name, value := m.headers[i].name, m.headers[i].value
		switch string(name) {
		case ":status":
			h.status, _ = strconv.Atoi(string(value))
			continue
		case "content-type":
			h.contentType = value
		case "content-encoding":
			h.encoded = !bytes.EqualFold(value, []byte("identity"))
		case "content-length":
			continue
		case "retry-after", "retry-after-ms", "date":
			if h.retryAfter == nil {
				h.retryAfter = make(http.Header, 2)
			}
			h.retryAfter.Set(string(name), string(value))
		case "x-amzn-bedrock-input-token-count":
			n, err := strconv.ParseInt(string(value), 10, 64)
			if err == nil {
				h.input = llm.Count(n)
			}
		case envoy.LocalReplyHeader:
			h.localFlags = string(value)
		}
		if !envoy.AnswerHeaders.Has(name) {
			a.remove = append(a.remove, name)
		}
	}
	return h
}

func (a *attempt) takeBody(m *message) (done bool, err error) {
	if a.watch == nil {
		return false, nil // headers alone decided already
	}
	a.pending++
	if !a.keep(len(m.body)) {
		if a.committed {
			a.x.breaks(a.number, chain.Internal)
			return true, errBroken
		}
		return true, a.fail(chain.Outcome{Status: a.status, Problem: full()})
	}
	return a.rule(a.watch.feed(m.body, m.end))
}

// keep counts what is held of an answer that is translated as a whole, up to
// its end: it may be as large as a request, and may come as slowly. False when
// the process holds enough.
func (a *attempt) keep(n int) bool {
	if w, ok := a.watch.(*answerWatch); !ok || !w.translate {
		return true
	}
	if !a.s.table.hold(n) {
		return false
	}
	a.kept += n
	return true
}

// rule carries out what the watch decided.
func (a *attempt) rule(r ruling) (done bool, err error) {
	if r.broke != chain.None {
		a.x.breaks(a.number, r.broke)
	}
	if r.usage != nil {
		whole := r.usage.Known() && !r.partial
		a.s.reports(a.x, a.number, &a.target, settlement.Report{Usage: r.usage, Whole: whole, Answered: true, Heard: a.heard(), Ended: true})
		a.x.finished(r.finish)
	}
	switch r.do {
	case keepHolding:
		return false, nil
	case failOver:
		return true, a.fail(r.outcome)
	case passProblem:
		return true, a.pass(r.outcome.Problem)
	case breakOff:
		return true, errBroken
	case leaveIt:
		return true, a.commit(r)
	default:
		return r.last, a.commit(r)
	}
}

// commit passes the answer on: from here no attempt can follow. In the leave
// lane this is all; else every message so far gets its replacement.
func (a *attempt) commit(r ruling) error {
	if !a.committed {
		if !a.phase.CompareAndSwap(holding, answered) {
			return errAnswered // by the deadline, which may still be sending
		}
		a.committed = true
		a.s.committed(a)
		a.x.answering(a.s.now())
		head := &reply{part: toResponseHeaders, remove: a.remove}
		if a.translate || a.x.envelope.Stream {
			// Not the provider's length any more. For a stream it may have come
			// into the held headers since: the guard's first change sets it.
			head.remove = append(head.remove, []byte("content-length"))
		}
		head.set = a.answerHeaders()
		if err := a.st.SendMsg(head); err != nil {
			return err
		}
	}
	if r.do == leaveIt {
		return nil
	}
	a.s.says(a.x, r.out)
	for ; a.pending > 0; a.pending-- {
		b := &reply{part: toResponseBody, op: replaceBody}
		if a.pending == 1 {
			b.body = r.out
		}
		if err := a.st.SendMsg(b); err != nil {
			return err
		}
	}
	return nil
}

// answerHeaders are what the client learns beside the provider's own headers.
func (a *attempt) answerHeaders() (set []setHeader) {
	if a.target.Model.Name != a.x.model {
		set = append(set, setHeader{envoy.ModelHeader, []byte(a.target.Model.Name)})
	}
	if len(a.dropped) > 0 {
		set = append(set, setHeader{envoy.DroppedHeader, []byte(joinShort(a.dropped))})
	}
	if skipped := a.x.skipped(); skipped != "" {
		set = append(set, setHeader{envoy.SkippedHeader, []byte(skipped)})
	}
	switch {
	case !a.translate || !a.x.envelope.Stream:
	case a.x.asked.array:
		set = append(set, setHeader{"content-type", []byte("application/json")})
	case a.codec.StreamType != "":
		set = append(set, setHeader{"content-type", []byte("text/event-stream")})
	}
	return set
}

// expire is the deadline: no content event came in time. It says what Envoy
// says when its own time limit ends an attempt.
func (a *attempt) expire() {
	defer func() { _ = a.s.caught(recover()) }()                                   // Envoy's own limit ends the attempt then
	_ = a.fail(chain.Outcome{Status: http.StatusGatewayTimeout, LocalFlags: "UT"}) // Envoy is gone where this fails
}
