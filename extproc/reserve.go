package extproc

import (
	"context"
	"slices"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/identity"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/journal"
)

// reserve sets aside what the request will cost at most, as far as can be told,
// and journals it before any provider hears of it.
func (r *routing) reserve(ctx context.Context, x *exchange) *llm.Problem {
	b := r.s.books
	if b == nil {
		return nil
	}
	sp := &x.spend
	sp.subject = r.subject()
	sp.tags = tagsOf(&sp.subject, x.envelope.Options.Tags)
	accounts, err := b.Ledger.Accounts(&sp.subject, x.models()...)
	if err != nil {
		return &llm.Problem{Kind: llm.InvalidRequest, Param: "models", Message: "More limits apply to this request than the gateway can count; send fewer fallback models.", Cause: err}
	}
	if accounts.Counts(quota.Money) {
		if p := r.pricedOnly(x); p != nil {
			return p
		}
	}
	sp.prompt = x.prompt()
	sp.estimate = b.estimate(x)
	refusal := b.Ledger.Reserve(ctx, accounts, &sp.estimate, &sp.reserved)
	for waited := time.Duration(0); refusal.Place() && waited < placeWait && r.s.wait(ctx, placeLook); waited += placeLook {
		refusal = b.Ledger.Reserve(ctx, accounts, &sp.estimate, &sp.reserved)
	}
	if accounts.Len() > 0 {
		r.limits = r.limitHeaders(x, b.Ledger.Standing(accounts, nil))
	}
	if refusal != nil {
		r.s.meter.Limited(refusal.Unit.String())
		p := refusal.Problem()
		x.advise(refusal, p)
		return p
	}
	var charges [quota.MaxCharges]quota.Charge
	var note [journal.MaxNote]byte
	sp.slot, err = b.Journal.Begin(&journal.Entry{
		ID: x.id, Started: x.started, Charges: sp.reserved.Charges(charges[:0]), Note: x.note(note[:0]),
	})
	if err != nil {
		sp.reserved.Settle(&quota.Amounts{})
		return r.s.jammed(err)
	}
	return nil
}

// models are all that may serve the request, the one it asks for first: it
// counts in the limits of each.
func (e *exchange) models() []string {
	names := append(make([]string, 0, 4), e.model)
	for i := range e.chain.Targets {
		if name := e.chain.Targets[i].Model.Name; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// A client that waits for the end of each answer before it asks again is never
// refused by a cap on requests under way: Envoy tells of an end a moment after
// the client has it (in batches, every resource.Options.Flush).
const (
	placeWait = 250 * time.Millisecond
	placeLook = 10 * time.Millisecond
)

// abandon ends an exchange of which Envoy has heard nothing: no attempt follows
// and no log names it.
func (r *routing) abandon(x *exchange) {
	x.mu.Lock()
	settled := x.spend.settled
	x.spend.settled = true
	r.s.table.letGo(x.contentsHeld())
	x.contents = nil
	x.mu.Unlock()
	r.s.table.remove(x.id)
	if !settled {
		r.spent(x, quota.Amounts{})
	}
}

// spent ends a reservation of which no record is kept, with what it used.
func (r *routing) spent(x *exchange, used quota.Amounts) {
	if r.s.books == nil {
		return
	}
	sp := &x.spend
	var charges [quota.MaxCharges]quota.Charge
	sp.reserved.Settle(&used)
	if err := sp.slot.Settle(sp.reserved.Settled(charges[:0], &used), nil); err != nil {
		r.s.log.Error("an exchange was not settled in the journal", "error", err)
		return
	}
	sp.slot.Recorded()
}

// answered counts a request that the gateway answers by itself, as limits on
// requests see it: nothing of it stays open.
func (r *routing) answered(ctx context.Context, x *exchange) *llm.Problem {
	p := r.reserve(ctx, x)
	if p == nil {
		r.spent(x, quota.Amounts{quota.Requests: 1})
	}
	return p
}

// subject is who asks, as limits see it, by what the operator and issuers say:
// a client could spend another's budget with tags of its own choice.
func (r *routing) subject() (s quota.Subject) {
	if r.key != nil {
		s.Key, s.Tenant, s.Tags = nameOf(r.key), r.key.Tenant, r.key.Tags
	}
	return s
}

// tagsOf are the tags of a record: the subject's, and the client's own.
func tagsOf(s *quota.Subject, own []string) []string {
	if len(own) == 0 {
		return s.Tags
	}
	tags := slices.Concat(s.Tags, own)
	slices.Sort(tags)
	return slices.Compact(tags)
}

// nameOf is a key's name in limits and records. That of an issuer's token begins
// with the issuer's: what it says of itself may be the name of a key.
func nameOf(k *identity.Key) string {
	if k.Origin == identity.FromIssuer {
		return k.ID
	}
	return k.Name
}

// pricedOnly passes over targets whose price nobody knows, for a request whose
// money is counted: what they cost could not be told.
func (r *routing) pricedOnly(x *exchange) *llm.Problem {
	unpriced := func(t chain.Target) bool {
		_, known := t.Prices.Bound(1, 1)
		return !known && !t.Own
	}
	if !slices.ContainsFunc(x.chain.Targets, unpriced) {
		return nil
	}
	first := x.chain.Targets[0]
	kept := make([]chain.Target, 0, len(x.chain.Targets))
	for _, t := range x.chain.Targets {
		if !unpriced(t) {
			kept = append(kept, t)
			continue
		}
		skip := chain.Skip{Provider: t.Provider.Name, Model: t.Model.Name, Why: "price"}
		if !slices.Contains(x.chain.Skipped, skip) {
			x.chain.Skipped = append(slices.Clip(x.chain.Skipped), skip)
		}
	}
	if len(kept) == 0 {
		return &llm.Problem{
			Kind: llm.QuotaExceeded, Code: "price_unknown", Param: "model",
			Message: "A budget counts the money of this request, and nobody knows what " + x.model + " costs; the operator must give it prices in the catalog.",
		}
	}
	x.chain.Targets, x.chain.Override = kept, true
	if x.express && !kept[0].Is(first) {
		x.express, x.direct, x.expressHeaders = false, direct{}, nil
	}
	return nil
}

// estimate is what the request will use at most, as far as can be told.
func (b *Books) estimate(x *exchange) (est quota.Amounts) {
	est[quota.Requests], est[quota.Concurrent] = 1, 1
	if x.asked.endpoint.counts() {
		return est
	}
	input, output := b.Estimator.Estimate(&x.spend.prompt)
	if x.asked.endpoint == embeddings {
		output = 0
	}
	output *= quota.Amount(max(1, x.envelope.N))
	est[quota.Input], est[quota.Output], est[quota.Tokens] = input, output, input+output
	for i := range x.chain.Targets {
		if t := &x.chain.Targets[i]; !t.Own {
			cost, _ := t.Prices.Bound(llm.Tokens(input), llm.Tokens(output))
			est[quota.Money] = max(est[quota.Money], quota.Amount(cost))
		}
	}
	return est
}

// prompt is what is known of the request's size.
func (e *exchange) prompt() quota.Prompt {
	p := quota.Prompt{Dialect: e.codec.Name, Model: e.model, Bytes: int(e.size), MaxOutput: quota.Amount(e.envelope.MaxTokens)}
	if e.envelope.Needs&media != 0 {
		if body, ok := e.pristine(); ok {
			p.Bytes, p.Media = e.textOf(body)
		}
	}
	for i := range e.chain.Targets {
		t := &e.chain.Targets[i]
		p.OutputLimit, p.Context = max(p.OutputLimit, quota.Amount(t.Output)), max(p.Context, quota.Amount(t.Context))
	}
	return p
}

// media are needs of which a request's size says nothing in tokens.
const media = llm.NeedImages | llm.NeedFiles | llm.NeedAudio | llm.NeedVideo
