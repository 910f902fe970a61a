// Package settlement sums up what an exchange used and costs.
//
// The flow: each attempt is Reported on, by whoever sees of it: the stage that
// translated it, the guard by way of an access log, or the log alone, which
// counts bytes. Sum is the bill as of now.
//
//	stage  ─ usage of a translated answer ─┐
//	guard  ─ usage of a passed answer ─────┼▶ Tally ─▶ Sum
//	log    ─ bytes, end ───────────────────┘
//
// Promises: an attempt counts once, however many reports it has; reports are
// running totals and may come in any order; what nobody counted is estimated
// and marked; an unknown price is never zero; sums are exact.
//
// Refuses: I/O, clocks, opinions about limits.
//
// Concurrency: a Tally belongs to its exchange, whose lock guards it.
package settlement

import "github.com/dragoman-gateway/dragoman/extproc/llm"

// Target is who an attempt asked.
type Target struct {
	Provider, Model string // public names
	ID              string // the provider's own id for the model
	Prices          *llm.Prices
	// Own: the tenant's own account at the provider paid.
	Own bool
}

// Report is what one source knows of an attempt. Sources report running
// totals: a later or greater one holds.
type Report struct {
	// Usage is nil where the source saw none.
	Usage *llm.Usage
	// Whole: Usage is what the provider said at the end of its answer.
	Whole bool
	// Answered: the provider's answer, no error, has begun.
	Answered bool
	// Bytes of the answer's body have passed to the client, in its dialect.
	Bytes int64
	// Heard of the provider, where its answer is translated.
	Heard Heard
	// Ended: no more will pass.
	Ended bool
}

// Heard is how much of an answer a provider has sent, in bytes of its own dialect.
type Heard struct {
	Dialect llm.Dialect
	Bytes   int64
}

// MaxAttempts bounds how many attempts are told apart; no chain is longer.
const MaxAttempts = 16

// Tally is the running account of one exchange. The zero Tally is ready.
type Tally struct {
	attempts []attempt // by number, from 1
}

type attempt struct {
	target Target
	report Report
	usage  llm.Usage
}

// Add adds a report on attempt number n, from 1; others are not attempts. It
// tells whether this is the first report with the attempt's whole usage.
func (t *Tally) Add(n int, target Target, r Report) (whole bool) {
	if n < 1 || n > MaxAttempts {
		return false
	}
	for len(t.attempts) < n {
		t.attempts = append(t.attempts, attempt{})
	}
	a := &t.attempts[n-1]
	if target.Provider != "" {
		a.target = target
	}
	if r.Usage != nil {
		a.usage.Merge(*r.Usage)
	}
	whole = r.Whole && !a.report.Whole
	a.report.Whole = a.report.Whole || r.Whole
	a.report.Answered = a.report.Answered || r.Answered
	a.report.Ended = a.report.Ended || r.Ended
	a.report.Bytes = max(a.report.Bytes, r.Bytes)
	if r.Heard.Bytes > a.report.Heard.Bytes {
		a.report.Heard = r.Heard
	}
	return whole
}

// Ended tells whether the end of all of the first n attempts is known, or what
// the last used.
func (t *Tally) Ended(n int) bool {
	if len(t.attempts) < n {
		return false
	}
	for i := range t.attempts[:n] {
		if r := &t.attempts[i].report; !r.Ended && !r.Whole {
			return false
		}
	}
	return true
}

// Line is what one attempt used and costs.
type Line struct {
	Target Target
	Usage  llm.Usage
	Heard  Heard
	// Market is the price of Usage; Cost is what the gateway's operator pays of
	// it: nothing where the tenant's own account did.
	Cost, Market llm.NanoUSD
	// Priced is false where tokens were used that have no known price.
	Priced    bool
	Estimated bool // nobody counted
}

// Guess estimates what an attempt used whose provider did not come to say so,
// from what it did say and from the bytes that a report tells of.
type Guess func(said llm.Usage, r *Report) llm.Usage

// Lines are the attempts' lines, by number. An attempt that was never answered
// has used nothing.
func (t *Tally) Lines(guess Guess) []Line {
	lines := make([]Line, len(t.attempts))
	for i := range t.attempts {
		a, l := &t.attempts[i], &lines[i]
		l.Target, l.Usage, l.Heard, l.Priced = a.target, a.usage, a.report.Heard, true
		if !a.report.Answered && !a.usage.Known() {
			continue
		}
		if !a.report.Whole || !a.usage.Known() {
			l.Usage, l.Estimated = guess(a.usage, &a.report), true
		}
		l.Market, l.Priced = a.target.Prices.Cost(l.Usage)
		if !a.target.Own {
			l.Cost = l.Market
		}
	}
	return lines
}

// Total is the bill.
type Total struct {
	Usage        llm.Usage
	Cost, Market llm.NanoUSD
	Priced       bool
	Estimated    bool
}

// Sum adds up lines.
func Sum(lines []Line) Total {
	sum := Total{Priced: true}
	for i := range lines {
		l := &lines[i]
		sum.Usage.Add(l.Usage)
		sum.Cost, sum.Market = add(sum.Cost, l.Cost), add(sum.Market, l.Market)
		sum.Priced, sum.Estimated = sum.Priced && l.Priced, sum.Estimated || l.Estimated
	}
	return sum
}

// add saturates: costs are never negative.
func add(a, b llm.NanoUSD) llm.NanoUSD {
	if sum := a + b; sum >= a {
		return sum
	}
	return 1<<63 - 1
}
