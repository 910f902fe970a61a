package extproc

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/settlement"
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
	a.s.failed(a.target, f)
	a.s.reports(a.x, a.number, &a.target, settlement.Report{Ended: true})
	all, missed := a.x.fail(a.number, f)
	a.s.missed(a.x, missed)
	return a.sendFailures(all)
}

// missed counts the failures of attempts that nobody reported.
func (s *Service) missed(x *exchange, failures []chain.Failure) {
	for i := range failures {
		s.failed(x.asks(&failures[i]), failures[i])
	}
}

// failed counts and tells of a failure, and remembers a target that asked for a
// pause. A tenant's own account rests alone: its pause would keep others from the
// gateway's.
func (s *Service) failed(t chain.Target, f chain.Failure) {
	if f.Reason == chain.RateLimited && !t.Own {
		s.cooling.Add(t, f.RetryAfter, s.now())
	}
	s.meter.Attempt(f.Provider, f.Reason)
	s.complain(&t, f)
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
	set := append(problemAnswer(p), setHeader{envoy.AttemptsHeader, strconv.AppendInt(nil, int64(len(fs)), 10)})
	body := a.x.codec.EncodeError(p, a.x.id.text())
	for i := range fs { // a verdict may hold a provider's own words
		body = a.x.redact(fs[i].Provider, body)
	}
	return a.st.SendMsg(&reply{part: immediate, status: status, body: body, set: set})
}

// pass answers with a problem that is the client's own: no other target would
// take the request either.
func (a *attempt) pass(p *llm.Problem) error {
	if !a.phase.CompareAndSwap(holding, answered) {
		return nil
	}
	a.s.table.commit(a.x)
	a.x.passes(chain.Failure{
		Provider: a.target.Provider.Name, Model: a.target.Model.Name, Reason: passedReason(p.Kind), Status: a.status, Problem: p,
		Took: a.s.now().Sub(a.started),
	})
	set := problemAnswer(p)
	if a.target.Model.Name != a.x.model {
		set = append(set, setHeader{envoy.ModelHeader, []byte(a.target.Model.Name)})
	}
	body := a.redact(a.x.codec.EncodeError(p, a.x.id.text()))
	return a.st.SendMsg(&reply{part: immediate, status: p.Kind.Status(), body: body, set: set})
}

// redact takes our credential out of what a provider said, should it repeat it.
func (a *attempt) redact(body []byte) []byte {
	return a.x.redact(a.target.Provider.Name, body)
}

// refuseAttempt answers an attempt that has no exchange or no target, in the
// client's dialect.
func (s *Service) refuseAttempt(st stream, client *dialect.Codec, p *llm.Problem) error {
	return ignoreGone(st.SendMsg(&reply{
		part: immediate, status: p.Kind.Status(), body: client.EncodeError(p, ""), set: problemAnswer(p),
	}))
}

// unseen stands for an attempt whose end never reached us: Envoy's edge gave
// it up, or it was an express attempt that got no answer.
func (e *exchange) unseen(number int) chain.Failure {
	f := chain.Failure{Reason: chain.Reset}
	if number <= len(e.chain.Targets) {
		t := e.chain.Targets[number-1]
		f.Provider, f.Model = t.Provider.Name, t.Model.Name
	}
	return f
}

// expressFailure is what the guard of the express lane said of the first
// attempt: "status retry-after-ms kind", or nothing where no answer came. Then
// the time it took tells a time limit from a broken connection.
func expressFailure(x *exchange, said []byte, took time.Duration) chain.Failure {
	f := x.unseen(1)
	f.Took = took
	parts := bytes.Fields(said)
	if len(parts) == 0 {
		f.Reason = chain.ConnectFailure
		// Envoy's clock is read once a turn of its loop and may run behind.
		if limit := x.chain.Targets[0].Provider.Timeouts.Answer; took >= limit-limit/10 {
			f.Reason = chain.AnswerTimeout
		}
		return f
	}
	f.Status, _ = strconv.Atoi(string(parts[0]))
	o := chain.Outcome{Status: f.Status}
	if len(parts) > 1 {
		ms, _ := strconv.Atoi(string(parts[1]))
		f.RetryAfter = time.Duration(ms) * time.Millisecond
	}
	if len(parts) > 2 {
		o.Problem, o.Empty = guardWords[string(parts[2])], string(parts[2]) == "empty"
	}
	f.Problem = o.Problem
	f.Reason, _ = chain.Classify(o)
	return f
}

// guardWords are the words in which the express guard classifies answers; any
// other leaves it to the status.
var guardWords = map[string]*llm.Problem{
	"context":     {Kind: llm.ContextLength, Message: "The request is longer than the model's context."},
	"payment":     {Kind: llm.QuotaExceeded, Message: "the gateway's account at the provider is out of credit"},
	"auth":        {Kind: llm.Unauthenticated, Message: "the provider refuses the gateway's credential"},
	"unsupported": {Kind: llm.Unsupported, Message: "The request asks for a feature the model's provider does not have."},
	"malformed":   {Kind: llm.BadAnswer, Message: "the provider's answer is no chat completion"},
	"empty":       {Kind: llm.BadAnswer, Message: "the provider's answer is empty"},
}
