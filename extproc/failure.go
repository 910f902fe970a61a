package extproc

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// fail ends the attempt without a byte of the provider's answer: Envoy gets a
// status it tries the next target for, or, when none is left, the client's
// error. Either body names every attempt so far, so that whatever Envoy
// decides, the client reads a true answer.
func (a *attempt) fail(o chain.Outcome) error {
	if !a.phase.CompareAndSwap(holding, answered) {
		return nil
	}
	o.Stream = a.x.envelope.Stream
	reason, _ := chain.Classify(o)
	f := chain.Failure{
		Provider: a.target.Provider.Name, Model: a.target.Model.Name, Reason: reason,
		Status: o.Status, Problem: o.Problem, Took: a.s.now().Sub(a.started),
	}
	if o.LocalFlags != "" {
		f.Status = 0 // Envoy's, not the provider's
	}
	if o.Problem != nil {
		f.RetryAfter = o.Problem.RetryAfter
	}
	if f.RetryAfter > 0 && reason == chain.RateLimited {
		a.s.cooling.Add(a.target, f.RetryAfter, a.s.now())
	}
	a.s.meter.Attempt(f.Provider, reason)
	a.s.log.Debug("attempt failed", "exchange", a.x.id.text(), "attempt", a.number,
		"provider", f.Provider, "reason", reason.String(), "status", f.Status)
	return a.sendFailures(a.x.fail(a.number, f, a.x.unseen))
}

// sendVerdict answers an attempt that is not made, since trying its target
// again is no use.
func (a *attempt) sendVerdict() error {
	if !a.phase.CompareAndSwap(holding, answered) {
		return nil
	}
	a.x.mu.Lock()
	fs := append([]chain.Failure(nil), a.x.failures...)
	a.x.mu.Unlock()
	return a.sendFailures(fs)
}

func (a *attempt) sendFailures(fs []chain.Failure) error {
	p := chain.Verdict(fs)
	status := http.StatusServiceUnavailable // makes the next attempt
	if a.last() {
		status = p.Kind.Status()
		a.s.table.commit(a.x)
	}
	set := append(problemHeaders(p),
		setHeader{"content-type", []byte("application/json")},
		setHeader{envoy.AttemptsHeader, strconv.AppendInt(nil, int64(len(fs)), 10)})
	body := a.x.codec.EncodeError(p, a.x.id.text())
	return a.st.SendMsg(&reply{part: immediate, status: status, body: body, set: set})
}

// pass answers with a problem that is the client's own: no other target would
// take the request either.
func (a *attempt) pass(p *llm.Problem) error {
	if !a.phase.CompareAndSwap(holding, answered) {
		return nil
	}
	a.s.table.commit(a.x)
	a.s.meter.Passed(a.target.Provider.Name, p.Kind)
	set := append(problemHeaders(p), setHeader{"content-type", []byte("application/json")})
	if a.target.Model.Name != a.x.model {
		set = append(set, setHeader{envoy.ModelHeader, []byte(a.target.Model.Name)})
	}
	body := a.x.codec.EncodeError(p, a.x.id.text())
	return a.st.SendMsg(&reply{part: immediate, status: p.Kind.Status(), body: body, set: set})
}

// refuseAttempt answers an attempt that has no exchange or no target.
func (s *Service) refuseAttempt(st stream, p *llm.Problem) error {
	set := append(problemHeaders(p), setHeader{"content-type", []byte("application/json")})
	return ignoreGone(st.SendMsg(&reply{
		part: immediate, status: p.Kind.Status(), body: table.Codec(llm.OpenAI).EncodeError(p, ""), set: set,
	}))
}

// unseen stands for an attempt whose end never reached us: Envoy's edge gave
// it up, or it was an express attempt that got no answer.
func (x *exchange) unseen(number int) chain.Failure {
	f := chain.Failure{Reason: chain.Reset}
	if number <= len(x.chain.Targets) {
		t := x.chain.Targets[number-1]
		f.Provider, f.Model = t.Provider.Name, t.Model.Name
	}
	return f
}

// expressFailure is what the guard of the express lane said of the first
// attempt: "status retry-after-ms kind", or nothing where no answer came.
func expressFailure(x *exchange, said []byte) chain.Failure {
	f := x.unseen(1)
	parts := bytes.Fields(said)
	if len(parts) == 0 {
		f.Reason = chain.ConnectFailure
		return f
	}
	f.Status, _ = strconv.Atoi(string(parts[0]))
	p := &llm.Problem{Kind: llm.Unavailable}
	if len(parts) > 1 {
		ms, _ := strconv.Atoi(string(parts[1]))
		p.RetryAfter = time.Duration(ms) * time.Millisecond
	}
	if len(parts) > 2 {
		p.Kind = guardKinds[string(parts[2])]
	}
	f.Problem, f.RetryAfter = p, p.RetryAfter
	f.Reason, _ = chain.Classify(chain.Outcome{Status: f.Status, Problem: p})
	return f
}

// guardKinds are the words in which the express guard classifies answers.
var guardKinds = map[string]llm.Kind{
	"context": llm.ContextLength, "unsupported": llm.Unsupported, "malformed": llm.BadAnswer,
}
