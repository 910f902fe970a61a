package extproc

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/meter"
	"github.com/dragoman-gateway/dragoman/extproc/settlement"
)

// holdLimit is how many bytes of an answer an attempt holds at most before it
// commits: more than Envoy's buffer limit would never be answered.
const holdLimit = 32 << 10

// phase is who may still answer for an attempt. It only moves forward.
type phase = int32

const (
	holding  phase = iota // nothing of the answer has been passed on
	answered              // committed, or failed: decided either way
)

// attempt is the attempt stage of one try of one target. It belongs to its
// stream's goroutine, but for phase, with which the deadline timer competes.
type attempt struct {
	s       *Service
	st      stream
	x       *exchange
	number  int
	target  chain.Target
	codec   *dialect.Codec // the target's
	started time.Time
	phase   atomic.Int32
	timer   *deadline

	translate bool
	wishes    wishes
	dropped   []string // request fields the target has no words for
	committed bool     // the answer goes to the client
	status    int
	head      message // held response headers
	remove    [][]byte
	watch     watch
	pending   int // body messages not answered yet
	kept      int // bytes that count as held: media fetched for the request, then the answer
}

// attempt serves the attempt stage of a provider's attempt listener.
func (s *Service) attempt(st stream, provider string) error {
	var m message
	defer m.release()
	if err := st.RecvMsg(&m); err != nil {
		return nil // the attempt was given up before it began
	}
	if m.kind != requestHeaders {
		return errOutOfOrder
	}
	a, p := s.open(st, &m, provider)
	if p != nil {
		return s.refuseAttempt(st, a.client(&m), p)
	}
	defer a.close()
	if done, err := a.request(); done || err != nil {
		return ignoreGone(err)
	}
	for {
		// Headers are held until the answer is decided; bodies are not.
		in := &m
		if a.watch == nil {
			in = &a.head
		}
		if err := st.RecvMsg(in); err != nil {
			return nil // the answer is complete, or the client or its time limit gave up
		}
		if done, err := a.take(in); done || err != nil {
			return ignoreGone(err)
		}
	}
}

// client is the codec of who reads a refused attempt's answer. Without an
// exchange the path tells: it is the client's own, but after an express attempt,
// which has written its target's over it.
func (a *attempt) client(m *message) *dialect.Codec {
	if a.x != nil {
		return a.x.codec
	}
	for i := range m.headers {
		if string(m.headers[i].name) == ":path" {
			path := surfaceOf(m.headers[i].value)
			return path.codec()
		}
	}
	return table.Codec(llm.OpenAI)
}

// open finds the exchange and the target of this attempt. With a problem, the
// attempt holds only the exchange, if there is one.
func (s *Service) open(st stream, m *message, provider string) (*attempt, *llm.Problem) {
	var id, count, failed []byte
	for i := range m.headers {
		switch string(m.headers[i].name) {
		case "x-request-id":
			id = m.headers[i].value
		case "x-envoy-attempt-count":
			count = m.headers[i].value
		case envoy.FailedHeader:
			failed = m.headers[i].value
		}
	}
	n, err := strconv.Atoi(string(count))
	xid, ok := parseExchangeID(id)
	if err != nil || !ok || n < 1 {
		return &attempt{}, unknownExchange()
	}
	x := s.table.get(xid)
	if x == nil {
		s.meter.Orphan()
		return &attempt{}, unknownExchange()
	}
	a := &attempt{s: s, st: st, x: x, number: n, started: s.now()}
	x.touch(a.started)
	x.attempts(n, a.started)
	if x.express && n == 2 {
		f := expressFailure(x, failed, a.started.Sub(x.started))
		s.failed(x.chain.Targets[0], f)
		x.fail(1, f)
		s.reports(x, 1, &x.chain.Targets[0], settlement.Report{Ended: true})
	}
	if a.target, ok = x.target(n, provider); !ok {
		return a, &llm.Problem{Kind: llm.Unavailable, Message: "The provider " + provider + " does not serve this request."}
	}
	if a.codec = table.For(x.codec.Name, a.target.Dialects); a.codec == nil {
		return a, &llm.Problem{Kind: llm.Unavailable, Message: "The provider " + provider + " does not serve " + x.asked.endpoint.String() + "."}
	}
	a.translate = x.translates(a.codec, &a.target)
	return a, nil
}

// unknownExchange is what an attempt gets whose exchange is not here: it was
// lost with a restart, or never ours. It must not become an empty request.
func unknownExchange() *llm.Problem {
	return &llm.Problem{
		Kind: llm.Overloaded, RetryAfter: time.Second,
		Message: "The gateway lost this request in a restart; send it again.",
	}
}

// target is the target of attempt n. The default order may have changed
// between our choice and Envoy's; the listener says which provider it became.
func (e *exchange) target(n int, provider string) (chain.Target, bool) {
	ts := e.chain.Targets
	if n <= len(ts) && ts[n-1].Provider.Name == provider {
		return ts[n-1], true
	}
	for _, t := range ts {
		if t.Provider.Name == provider {
			return t, true
		}
	}
	m := e.view.catalog.Model(e.model)
	if m == nil {
		return chain.Target{}, false
	}
	t, ok := m.Target(provider)
	return chain.Target{Model: m, Target: t}, ok
}

// last tells whether Envoy will not try again after this attempt.
func (a *attempt) last() bool { return a.number >= len(a.x.chain.Targets) }

// repeats tells whether this attempt tries the target of the one before again,
// and if so whether it may (stop) and when (wait).
func (a *attempt) repeats() (stop bool, wait time.Duration) {
	ts := a.x.chain.Targets
	if a.number < 2 || a.number > len(ts) || !ts[a.number-1].Is(ts[a.number-2]) {
		return false, 0
	}
	f, ok := a.x.failed(a.number - 1)
	if !ok {
		return false, 0
	}
	wait, ok = chain.Repeat(f.Reason, f.RetryAfter)
	return !ok, wait
}

// close ends what the attempt owns.
func (a *attempt) close() {
	a.reportRest()
	a.timer.stop()
	a.head.release()
	a.letGo()
}

// reportRest is what is known of an answer that did not come to its end here:
// its client left, it broke off, or Envoy has it.
func (a *attempt) reportRest() {
	if a.status == 0 || a.status >= 400 || a.phase.Load() == answered && !a.committed {
		return
	}
	r := settlement.Report{Answered: true, Heard: a.heard()}
	switch w := a.watch.(type) {
	case *translateWatch:
		if a.committed {
			r.Usage = &w.usage
		}
	case *leaveWatch:
		r.Usage = w.said
	}
	a.s.reports(a.x, a.number, &a.target, r)
}

// heard is how much of the provider's answer came here to be translated.
func (a *attempt) heard() settlement.Heard {
	h := settlement.Heard{Dialect: a.codec.Name}
	switch w := a.watch.(type) {
	case *translateWatch:
		h.Bytes = int64(w.size)
	case *answerWatch:
		if w.translate {
			h.Bytes = int64(len(w.buf))
		}
	}
	return h
}

// letGo gives back what counts as held for this attempt.
func (a *attempt) letGo() {
	a.s.table.letGo(a.kept)
	a.kept = 0
}

func (a *attempt) lane() meter.Lane {
	if a.translate {
		return meter.Translate
	}
	return meter.Leave
}

// reply is what a dialect must know to answer this client.
func (a *attempt) reply() dialect.Reply { return a.x.reply(a.target.Model.Name, a.wishes) }

// reply is what a dialect must know to answer, by the name of the model that
// served.
func (e *exchange) reply(model string, w wishes) dialect.Reply {
	return dialect.Reply{
		Generation: e.id.text(), Model: model, Created: e.started.Unix(), Array: e.asked.array, Base64: w.base64, FreeText: w.freeText,
		Stream: e.envelope.Stream, WantsUsage: e.envelope.WantsUsage,
	}
}
