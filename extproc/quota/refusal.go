package quota

import (
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Refusal tells why a request may not go on.
type Refusal struct {
	Limit  string
	Unit   Unit
	Window Window
	// Scope are the values that are counted apart ("tenant acme, model
	// openai/gpt-5"), "" if all requests are counted together.
	Scope string
	// Amount is the limit, Used what is used or reserved of it as far as known,
	// Requested what this request was to reserve.
	Amount, Used, Requested Amount
	// Resets is when the limit counts anew, by the process's own clock; zero:
	// never.
	Resets time.Time
	// Away: the store could not be asked.
	Away bool
	// at is when it was refused.
	at time.Time
}

// refuse tells why the i-th account has no room.
func (w *wanting) refuse(i int, s *lease) *Refusal {
	a := w.accounts.views[i].account
	requested := max(w.est[a.rule.Unit], 0)
	if a.rule.Unit == Concurrent {
		requested = 1
	}
	at := w.ledger.cfg.Now()
	return &Refusal{
		Limit: a.rule.Name, Unit: a.rule.Unit, Window: a.rule.Window, Scope: a.scope,
		Amount: a.rule.Amount, Used: s.taken(), Requested: requested,
		Resets: w.ledger.resets(s, at), at: at,
	}
}

// taken is what is used, reserved or leased to others.
func (s *lease) taken() Amount {
	return max(0, Amount(s.used.Load())+Amount(s.leased.Load())-Amount(s.free.Load()))
}

// resets is when a lease's period ends, by the clock that shows at.
func (l *Ledger) resets(s *lease, at time.Time) time.Time {
	ends := l.local(s.ends.Load())
	if ends == never {
		return time.Time{}
	}
	return at.Add(time.Duration(ends - instant(at.Sub(l.began)))).Round(0).UTC()
}

// Problem is what the client is told: 402 where money is short, 429 where
// anything else is, and 503 where nobody knows. Clients repeat by themselves what
// had a 429, so a request that can never pass has another: 400 if it must become
// smaller, 403 if nothing is allowed.
func (r *Refusal) Problem() *llm.Problem {
	p := &llm.Problem{Kind: llm.RateLimited, Message: r.message(), RetryAfter: r.retry()}
	switch {
	case r.Away && !r.Whole():
		p.Kind, p.Code = llm.Overloaded, "limit_unknown"
	case r.Unit == Money:
		p.Kind = llm.QuotaExceeded
	case r.Amount == 0:
		p.Kind, p.Code = llm.Forbidden, "limit_is_zero"
	case r.Whole():
		p.Kind, p.Code = llm.InvalidRequest, "request_exceeds_limit"
	}
	return p
}

// Place tells that only a place among the requests under way is missing, which
// may be free at any moment. A nil Refusal is none.
func (r *Refusal) Place() bool { return r != nil && r.Unit == Concurrent && !r.Away && !r.Whole() }

// Whole tells that the request alone exceeds the limit: no wait will help.
func (r *Refusal) Whole() bool { return r.Requested > r.Amount || r.Amount == 0 }

func (r *Refusal) retry() time.Duration {
	switch {
	case r.Whole():
		return 0
	case r.Away, r.Unit == Concurrent:
		return time.Second
	case r.Resets.IsZero():
		return 0
	default:
		return max(r.Resets.Sub(r.at), time.Second)
	}
}

// message names limit, scope, amounts and reset.
func (r *Refusal) message() string {
	limit := "the limit \"" + r.Limit + "\" of " + r.Unit.Text(r.Amount)
	if r.Unit != Concurrent {
		limit += windows[r.Window].each
	}
	if r.Scope != "" {
		limit += " for " + r.Scope
	}
	requested := r.Unit.Text(r.Requested)
	switch {
	case r.Amount == 0:
		return "Nothing is allowed by " + limit + "."
	case r.Whole():
		return "The request may take " + requested + ", more than " + limit + " allows at all."
	case r.Away:
		return "The request may take " + requested + ", but " + limit + " can't be checked at the moment; try again soon."
	case r.Unit == Concurrent:
		return "No more requests at a time: " + limit + " is reached; try again when one has ended."
	}
	text := "The request may take " + requested + ", but of " + limit + " " + r.Unit.Text(r.Used) + " are used or reserved"
	if r.Resets.IsZero() {
		return text + "; it doesn't begin anew."
	}
	return text + "; it begins anew at " + r.Resets.Truncate(time.Second).Format(time.RFC3339) + "."
}

// Remaining is how an account stands, for rate-limit headers.
type Remaining struct {
	Limit  string
	Scope  string
	Unit   Unit
	Window Window
	// Amount is the limit, Remaining what is left of it as far as known here.
	Amount, Remaining Amount
	// Resets is when it counts anew, by the process's own clock; zero: never.
	Resets time.Time
}

// Standing appends how the accounts stand as this process knows, without
// asking the store: others' use is as of the last exchange, and what they hold
// without having used it counts as remaining.
func (l *Ledger) Standing(a *Accounts, dst []Remaining) []Remaining {
	at := l.cfg.Now()
	now := instant(at.Sub(l.began))
	for i := range a.views {
		v := &a.views[i]
		s := l.present(v, now)
		r := v.account.rule
		left := r.Amount - Amount(s.used.Load()) - Amount(s.held.Load()) + Amount(s.free.Load())
		dst = append(dst, Remaining{
			Limit: r.Name, Scope: v.account.scope, Unit: r.Unit, Window: r.Window,
			Amount: r.Amount, Remaining: min(max(left, 0), r.Amount), Resets: l.resets(s, at),
		})
	}
	return dst
}
