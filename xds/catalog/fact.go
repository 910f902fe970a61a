package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

const maxTiers = 8 // of one target's prices

// facts are what the source says of a model or of one of its targets.
type facts struct {
	context, output *int64
	capabilities    []string
	prices          *pricesEntry
}

// correction is what the source says, checked. What it does not say stays as
// the bundled list has it.
type correction struct {
	context, output int64 // 0 = not said
	able            llm.Needs
	judged          bool
	prices          *llm.Prices
	priced          bool // also that the prices are unknown
}

func (c *compiler) facts(path string, f facts) (out correction) {
	out.context = c.tokens(path+".context", f.context)
	out.output = c.tokens(path+".output", f.output)
	if field := path + ".capabilities"; c.given(field) && !c.failed[field] {
		out.judged = true
		for i, name := range f.capabilities {
			need, ok := llm.NeedNamed(name)
			if !ok {
				c.fail(element(field, i), show(name)+" is not a capability", "write one of "+strings.Join(llm.AllNeeds.Names(), ", "))
			}
			out.able |= need
		}
	}
	if f.prices != nil {
		out.priced = true
		out.prices = c.prices(path+".prices", f.prices)
	}
	return out
}

func (f correction) apply(t *Target) {
	t.Context = cmp.Or(f.context, t.Context)
	t.Output = cmp.Or(f.output, t.Output)
	if f.judged {
		t.Able, t.Judged = f.able, true
	}
	if f.priced {
		t.Prices = f.prices
	}
}

func (c *compiler) tokens(field string, n *int64) int64 {
	if n == nil || c.failed[field] {
		return 0
	}
	if *n < 1 || *n > maxContext {
		c.fail(field, fmt.Sprintf("%d is out of range", *n), tokensRight)
	}
	return *n
}

// prices are nil if none is given: they are unknown.
func (c *compiler) prices(path string, e *pricesEntry) *llm.Prices {
	p := &llm.Prices{Rates: llm.Rates{
		Input: e.Input.opt(), Output: e.Output.opt(), CacheRead: e.CacheRead.opt(), CacheWrite: e.CacheWrite.opt(),
		CacheWriteHour: e.CacheWriteHour.opt(), Reasoning: e.Reasoning.opt(), AudioInput: e.AudioInput.opt(), AudioOut: e.AudioOutput.opt(),
	}}
	if len(e.Tiers) > maxTiers {
		c.fail(path+".tiers", fmt.Sprintf("has %d entries", len(e.Tiers)), fmt.Sprintf("at most %d are read", maxTiers))
		return p
	}
	for i := range e.Tiers {
		t := &e.Tiers[i]
		field := element(path+".tiers", i) + ".over"
		switch twice := slices.ContainsFunc(p.Tiers, func(other llm.Tier) bool { return int64(other.Over) == t.Over }); {
		case !c.given(field): // reported as missing
		case t.Over < 1 || t.Over > maxContext:
			c.fail(field, fmt.Sprintf("%d is out of range", t.Over), tokensRight)
		case twice:
			c.fail(field, fmt.Sprintf("%d is given twice", t.Over), "remove one of them")
		}
		p.Tiers = append(p.Tiers, llm.Tier{Over: llm.Tokens(t.Over), Rates: llm.Rates{
			Input: t.Input.opt(), Output: t.Output.opt(), CacheRead: t.CacheRead.opt(), CacheWrite: t.CacheWrite.opt(),
			CacheWriteHour: t.CacheWriteHour.opt(), Reasoning: t.Reasoning.opt(), AudioInput: t.AudioInput.opt(), AudioOut: t.AudioOutput.opt(),
		}})
	}
	slices.SortFunc(p.Tiers, func(a, b llm.Tier) int { return cmp.Compare(a.Over, b.Over) })
	if p.Rates == (llm.Rates{}) && len(p.Tiers) == 0 {
		return nil
	}
	return p
}
