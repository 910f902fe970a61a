package extproc

import (
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/meter"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/journal"
	"github.com/dragoman-gateway/dragoman/extproc/settlement"
)

// spending is what an exchange may spend, and what it has spent. The
// exchange's lock guards it once the exchange is registered.
type spending struct {
	subject  quota.Subject
	tags     []string // of its record
	prompt   quota.Prompt
	estimate quota.Amounts
	reserved quota.Reservation
	slot     journal.Slot
	tally    settlement.Tally
	end      ending
	broke    breach
	passed   chain.Failure // the client's own problem, with a reason if there is one
	finish   llm.FinishReason
	first    time.Duration   // to the first content event
	began    []time.Duration // of attempts, by number, since the request's arrival
	charged  quota.Amounts   // what it was settled as
	settled  bool
}

// ending is what the edge's last log entry says of an exchange.
type ending struct {
	at       time.Time // zero: it has not come
	took     time.Duration
	answered time.Duration // the last attempt, up to the answer's last byte
	provider string        // asked last, "" = none
	status   int
	attempts int
	bytes    int64
	broke    chain.Reason // why the answer broke off, as far as the edge can tell
	aborted  bool         // the client left
}

// reports counts what is known of an attempt; n is its number.
func (s *Service) reports(x *exchange, n int, t *chain.Target, r settlement.Report) {
	if x.asked.endpoint.counts() { // it says what a request would use; itself it uses nothing
		r = settlement.Report{Ended: r.Ended || r.Whole}
	}
	x.mu.Lock()
	whole := x.spend.tally.Add(n, billed(t), r)
	late := whole && x.spend.settled
	x.mu.Unlock()
	if whole || r.Ended && !r.Whole { // what was said of an answer that broke off counts, too
		s.used(t.Provider.Name, r.Usage)
	}
	if late {
		s.correct(x)
	}
}

// answering notes that the client has its first content.
func (e *exchange) answering(now time.Time) {
	e.mu.Lock()
	e.spend.first = now.Sub(e.started)
	e.mu.Unlock()
}

// attempts notes that an attempt begins.
func (e *exchange) attempts(number int, now time.Time) {
	if number > settlement.MaxAttempts {
		return
	}
	e.mu.Lock()
	for len(e.spend.began) < number {
		e.spend.began = append(e.spend.began, 0)
	}
	e.spend.began[number-1] = now.Sub(e.started)
	e.spend.passed = chain.Failure{} // of an attempt that was not the last
	e.mu.Unlock()
}

func billed(t *chain.Target) settlement.Target {
	return settlement.Target{Provider: t.Provider.Name, Model: t.Model.Name, ID: t.ID, Prices: t.Prices, Own: t.Own}
}

// logged counts the usage that a guard found in an answer, in the words of the
// dialect in which the answer came. attempt is its number.
func (s *Service) logged(x *exchange, provider string, e *logEntry) (found bool) {
	codec := table.Codec(llm.Dialect(e.dialect))
	if codec == nil {
		return false
	}
	u := codec.DecodeUsage(e.usage)
	if u == nil {
		return false
	}
	n := max(e.attempt, 1) // at the edge only an express attempt's guard finds any
	t, ok := x.tried(n, provider, string(e.model))
	if !ok {
		s.used(provider, u)
		return false
	}
	x.finished(codec.Finish(string(e.finish)))
	s.reports(x, n, &t, settlement.Report{Usage: u, Whole: e.whole(), Answered: true, Bytes: e.bytes, Ended: e.broke() != chain.None})
	return true
}

// tried is the target of attempt n as its log entry names it. An adopted
// exchange does not know its chain: fallback models are found by their name.
func (e *exchange) tried(n int, provider, model string) (chain.Target, bool) {
	t, ok := e.target(n, provider)
	if model == "" || ok && t.Model.Name == model || !e.adopted {
		return t, ok
	}
	m := e.view.catalog.Model(model)
	if m == nil {
		return t, ok
	}
	found, ok := m.Target(provider)
	return chain.Target{Model: m, Target: found}, ok
}

// finished notes why the answer ended, unless that is known.
func (e *exchange) finished(reason llm.FinishReason) {
	e.mu.Lock()
	if e.spend.finish == llm.FinishUnknown {
		e.spend.finish = reason
	}
	e.mu.Unlock()
}

// guess is what an attempt used whose answer did not end with its usage: the
// input that the provider said, else the estimated one; and the output that it
// said or, if that is more, what the bytes make that passed to the client or came
// of the provider.
func (s *Service) guess(x *exchange) settlement.Guess {
	shape := settlement.Shape{Dialect: x.codec.Name, Stream: x.envelope.Stream}
	return func(said llm.Usage, r *settlement.Report) llm.Usage {
		if !said.Input.Set() {
			said.Input = llm.Some(llm.Tokens(x.spend.estimate[quota.Input]))
		}
		if x.asked.endpoint != embeddings && !x.asked.endpoint.counts() {
			heard := settlement.Shape{Dialect: r.Heard.Dialect, Stream: shape.Stream}
			said.Output = llm.Some(max(said.Output.Or(0), s.books.ratios.Output(shape, r.Bytes), s.books.ratios.Output(heard, r.Heard.Bytes)))
		}
		return said
	}
}

// learn lets later estimates know of an exchange whose usage is known.
func (s *Service) learn(x *exchange, lines []settlement.Line) {
	if len(lines) != 1 || lines[0].Estimated || !lines[0].Usage.Known() || x.spend.end.aborted {
		return
	}
	u, heard := &lines[0].Usage, &lines[0].Heard
	s.books.ratios.Learn(settlement.Shape{Dialect: x.codec.Name, Stream: x.envelope.Stream}, x.spend.end.bytes, u.Output.Or(0))
	if heard.Dialect != x.codec.Name {
		s.books.ratios.Learn(settlement.Shape{Dialect: heard.Dialect, Stream: x.envelope.Stream}, heard.Bytes, u.Output.Or(0))
	}
	s.books.Estimator.Learn(x.started, &x.spend.prompt, x.spend.charged)
}

// amounts is a bill as limits count it.
func amounts(total *settlement.Total) (a quota.Amounts) {
	a[quota.Requests] = 1
	a[quota.Input], a[quota.Output] = quota.Amount(total.Usage.Input.Or(0)), quota.Amount(total.Usage.Output.Or(0))
	a[quota.Tokens] = a[quota.Input] + a[quota.Output]
	a[quota.Money] = quota.Amount(total.Cost)
	return a
}

// settle ends the exchange's accounts. unobserved: its end was never seen, so
// that it stands at the greater of what was seen and what was reserved.
func (s *Service) settle(x *exchange, unobserved bool) {
	if s.books == nil {
		return
	}
	if bill, first := s.closeAccount(x, unobserved); first {
		s.meter.Settled(bill)
	}
}

// closeAccount is settle but for the metrics; first is false if it has been done.
func (s *Service) closeAccount(x *exchange, unobserved bool) (bill meter.Bill, first bool) {
	b := s.books
	x.mu.Lock()
	defer x.mu.Unlock()
	sp := &x.spend
	if sp.settled {
		return bill, false
	}
	sp.settled = true
	lines := sp.tally.Lines(s.guess(x))
	total := settlement.Sum(lines)
	sp.charged = amounts(&total)
	if unobserved {
		sp.atLeastReserved(&total)
	} else {
		s.learn(x, lines) // estimates teach nothing
	}
	record := s.record(x, lines, &total)
	record.Unobserved = unobserved
	var charges [quota.MaxCharges]quota.Charge
	var note [journal.MaxNote]byte
	b.unwritten.add(x.id, sp.slot)
	sp.reserved.Settle(&sp.charged) // before the journal does: Reservation.Settle says why
	if err := sp.slot.Settle(sp.reserved.Settled(charges[:0], &sp.charged), appendNote(note[:0], record)); err != nil {
		s.log.Error("an exchange was not settled in the journal", "error", err)
	}
	b.write(record)
	s.table.letGo(x.contentsHeld())
	x.contents = nil
	if total.Estimated || sp.end.aborted { // what it really used may still come
		b.corrigible.keep(x, s.now()) // before a report can find it settled
	}
	return meter.Bill{Cost: total.Cost, Estimated: total.Estimated, Unobserved: unobserved, Unpriced: !total.Priced}, true
}

// atLeastReserved raises a bill to what was reserved.
func (sp *spending) atLeastReserved(total *settlement.Total) {
	total.Estimated = true
	for u := range sp.charged {
		if quota.Unit(u) != quota.Concurrent {
			sp.charged[u] = max(sp.charged[u], sp.estimate[u])
		}
	}
	total.Cost = max(total.Cost, llm.NanoUSD(sp.charged[quota.Money]))
	total.Market = max(total.Market, total.Cost)
	total.Usage.Input, total.Usage.Output = llm.Some(llm.Tokens(sp.charged[quota.Input])), llm.Some(llm.Tokens(sp.charged[quota.Output]))
}

// correct sets an exchange right that was settled by estimate, once, when what
// it really used is known after all: by a late log entry, or by the stage that
// translated an answer for longer than Envoy was silent.
func (s *Service) correct(x *exchange) {
	b := s.books
	if b == nil || b.corrigible.take(x.id) == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	lines := x.spend.tally.Lines(s.guess(x))
	total := settlement.Sum(lines)
	if !total.Usage.Known() {
		return // of no target that is known
	}
	now := amounts(&total)
	delta := now
	for u := range delta {
		delta[u] -= x.spend.charged[u]
	}
	before := x.spend.charged
	x.spend.charged = now
	owed := x.spend.reserved.Charges(nil)
	for i := range owed {
		owed[i].Amount = delta[owed[i].Unit]
	}
	b.Ledger.Owe(owed)
	if err := b.Journal.Correct(x.id, owed); err != nil {
		s.log.Error("a correction was not journalled; the exchange stays as it was estimated", "error", err)
		for i := range owed {
			owed[i].Amount = -owed[i].Amount
		}
		b.Ledger.Owe(owed)
		x.spend.charged = before
		return
	}
	record := s.record(x, lines, &total)
	record.Corrected = true
	b.write(record)
	s.meter.Corrected()
}
