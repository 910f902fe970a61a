package extproc

import (
	"time"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/meter"
	"github.com/dragoman-gateway/dragoman/extproc/settlement"
)

// breach is why an attempt's answer broke off after its first content, by the
// stage that translated it, or else by the attempt's log entry.
type breach struct {
	attempt int // which, from 1
	reason  chain.Reason
}

// breaks notes that the answer of attempt n broke off. Who says so first knows
// best; it only counts if no attempt followed.
func (e *exchange) breaks(n int, r chain.Reason) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if b := &e.spend.broke; n > b.attempt {
		*b = breach{n, r}
	}
}

// passes notes the problem that an attempt was answered with, which is the
// client's own.
func (e *exchange) passes(f chain.Failure) {
	e.mu.Lock()
	e.spend.passed = f
	e.mu.Unlock()
}

// heardOfEnd takes in what an attempt listener's entry says of an answer that
// broke off.
func (s *Service) heardOfEnd(x *exchange, provider string, e *logEntry) {
	r := e.broke()
	if r == chain.None {
		return
	}
	n := max(e.attempt, 1)
	x.breaks(n, r)
	if t, ok := x.tried(n, provider, string(e.model)); ok {
		s.reports(x, n, &t, settlement.Report{Ended: true})
	}
}

// passedReason is how an attempt ended whose problem went to the client.
func passedReason(k llm.Kind) chain.Reason {
	switch k {
	case llm.Refused:
		return chain.Refused
	case llm.ContextLength:
		return chain.ContextLength
	case llm.Unsupported:
		return chain.UnsupportedFeature
	case llm.Overloaded:
		return chain.Overloaded
	case llm.Internal:
		return chain.Internal
	}
	return chain.InvalidRequest
}

// fate is how the last attempt ended, with reason None if well. known is false
// if its failure is among the exchange's already, or none was made. Caller must
// hold e.mu.
func (e *exchange) fate() (f chain.Failure, known bool) {
	sp := &e.spend
	end := &sp.end
	n := max(end.attempts, len(sp.began), 1)
	f = e.unseen(n)
	f.Reason, f.Status = chain.None, end.status
	if end.provider != "" {
		f.Provider = end.provider
	}
	switch {
	case sp.passed.Reason != chain.None:
		return sp.passed, true
	case end.at.IsZero():
		return f, e.served == meter.Leave || e.served == meter.Translate // its end was never seen
	case end.provider == "" || n <= len(e.failures):
		return f, false
	case end.aborted && end.status == 0:
		f.Reason = chain.Aborted
	case end.status >= 200 && end.status < 400:
		f.Reason = end.broke
		if sp.broke.attempt == n && !end.aborted {
			f.Reason = sp.broke.reason
		}
	case e.express && n == 1:
		f.Reason = expressReason(end.status)
		f.Took = end.took
	default:
		return f, false // an answer of ours
	}
	return f, true
}

// expressReason is how an express attempt ended whose error went to the client,
// and was looked at by nobody but its guard. Envoy's edge ends it with a 503 of
// its own where it has no way to the provider.
func expressReason(status int) chain.Reason {
	if status == llm.Overloaded.Status() {
		return chain.ConnectFailure
	}
	r, _ := chain.Classify(chain.Outcome{Status: status})
	return r
}

// finish settles an exchange, takes it out of the table and counts how it ended.
// unobserved: its end was never seen.
func (s *Service) finish(x *exchange, unobserved bool) {
	if !x.adopted { // else who was tried is not known
		x.mu.Lock()
		missed := x.fillIn(x.spend.end.attempts)
		x.mu.Unlock()
		s.missed(x, missed)
	}
	// Settled first: what comes meanwhile finds it in the table, or corrigible.
	s.settle(x, unobserved)
	if s.table.remove(x.id) != nil {
		s.count(x)
	}
}

// count counts how an exchange and its last attempt ended, unless that one's
// failure was counted as it came.
func (s *Service) count(x *exchange) {
	x.mu.Lock()
	f, known := x.fate()
	end, lane, express := x.spend.end, x.served, x.express && x.spend.end.attempts <= 1
	x.mu.Unlock()
	switch {
	case !known:
	case f.Reason == chain.None, f.Reason == chain.Aborted, f.Reason == chain.InvalidRequest, f.Reason == chain.Refused:
		s.meter.Attempt(f.Provider, f.Reason)
	default:
		s.failed(x.asks(&f), f)
	}
	if known && express && f.Reason == chain.None {
		s.meter.FirstContent(f.Provider, end.answered)
	}
	if !end.at.IsZero() {
		s.meter.Ended(meter.End{
			Surface: x.asked.endpoint.String(), Lane: lane, Status: end.status, Broken: known && end.broken(f.Reason), Took: end.at.Sub(x.started),
		})
	}
}

// broken tells whether the answer broke off whose attempt ended for this reason.
func (e *ending) broken(r chain.Reason) bool {
	return r != chain.None && e.status >= 200 && e.status < 400
}

// asks is the target that a failure is of.
func (e *exchange) asks(f *chain.Failure) chain.Target {
	for _, t := range e.chain.Targets {
		if t.Provider.Name == f.Provider && t.Model.Name == f.Model {
			return t
		}
	}
	return chain.Target{}
}

// endingOf is what the edge's last entry says.
func endingOf(e *logEntry, now time.Time) ending {
	provider, _ := envoy.ProviderOf(string(e.cluster))
	answered := e.took
	if e.heard > e.sent && e.sent > 0 {
		answered = e.heard - e.sent
	}
	return ending{
		at: now, took: e.took, answered: answered, provider: provider, status: e.status, attempts: e.attempts, bytes: e.bytes,
		broke: e.broke(), aborted: e.aborted,
	}
}
