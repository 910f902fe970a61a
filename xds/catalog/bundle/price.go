package main

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog/internal/listing"
)

// prices are the list's, with what the generator does to them.
type prices listing.Prices

// times multiplies all prices; rounded to six decimals, as they are.
func (p *prices) times(n, by int64) *prices {
	if p == nil {
		return nil
	}
	out := &prices{Rates: times(p.Rates, n, by)}
	for _, t := range p.Tiers {
		out.Tiers = append(out.Tiers, listing.Tier{Over: t.Over, Rates: times(t.Rates, n, by)})
	}
	return out
}

func times(r listing.Rates, n, by int64) listing.Rates {
	for _, class := range []*json.Number{
		&r.Input, &r.Output, &r.CacheRead, &r.CacheWrite, &r.CacheWriteHour, &r.Reasoning, &r.AudioInput, &r.AudioOut,
	} {
		if p, err := llm.ParsePrice(class.String()); err == nil {
			*class = json.Number(llm.PicoUSD((int64(p)*n + by/2) / by).PerMillion())
		}
	}
	return r
}

// regional gives the rows their prices. Where a model of Anthropic's is served
// from all the world, being served from one part of it costs a tenth more; the
// data has that for some parts only. Source: Anthropic's documentation,
// "Pricing", on Amazon Bedrock and Vertex AI.
func regional(rows []*row) []*row {
	for _, r := range rows {
		r.price = r.prices()
	}
	i := slices.IndexFunc(rows, func(r *row) bool { return r.area == "global" && r.creator == "anthropic" })
	if i < 0 {
		return rows
	}
	dearer := rows[i].price.times(11, 10)
	var out []*row
	for _, r := range rows {
		switch {
		case r.preset == "vertex":
			here := *r
			here.price = r.price.times(11, 10)
			everywhere := *r
			everywhere.area = "global"
			out = append(out, &here, &everywhere)
		case r.preset == "bedrock" && r.area != "global":
			r.price = dearer
			out = append(out, r)
		default:
			out = append(out, r)
		}
	}
	return out
}

// prices are nil where the data says nothing that can be relied on.
func (r *row) prices() *prices {
	c := r.Cost
	if c == nil || c.Input == "" || c.Output == "" || c.Request != nil && !zero(*c.Request) {
		return nil
	}
	if zero(c.Input) && zero(c.Output) {
		if !slices.Contains(free, r.slug) && !strings.HasSuffix(r.id, ":free") {
			return nil
		}
		return &prices{Rates: listing.Rates{Input: "0", Output: "0"}}
	}
	if zero(c.Output) && !r.embeds() {
		return nil // input that costs and output that does not: half of it is unknown
	}
	p := &prices{Rates: c.clean(r)}
	for i := range c.Tiers {
		t := &c.Tiers[i]
		p.Tiers = append(p.Tiers, listing.Tier{Over: t.Tier.Size, Rates: t.clean(r)})
	}
	slices.SortFunc(p.Tiers, func(a, b listing.Tier) int { return cmp.Compare(a.Over, b.Over) })
	return p
}

// clean rounds prices to six decimals and drops parts that are said to be free
// of a model that is not: their parent's price holds.
func (c *rates) clean(r *row) listing.Rates {
	part := func(names ...json.Number) json.Number {
		for _, n := range names {
			if n != "" && !zero(n) {
				return exact(n)
			}
		}
		return ""
	}
	out := listing.Rates{
		Input: exact(c.Input), Output: exact(c.Output),
		CacheRead: part(c.CacheRead, c.CachedInput), CacheWrite: part(c.CacheWrite, c.CachedWrite),
		Reasoning: part(c.Reasoning), AudioInput: part(c.AudioInput), AudioOut: part(c.AudioOut),
	}
	if r.creator == "anthropic" && out.CacheWrite != "" && slices.Contains(hourly, r.preset) {
		if in, err := llm.ParsePrice(out.Input.String()); err == nil {
			out.CacheWriteHour = json.Number((2 * in).PerMillion())
		}
	}
	return out
}

func zero(n json.Number) bool {
	v, err := n.Float64()
	return err == nil && v == 0
}

// exact is the number in dollars a million, as llm.ParsePrice rounds it. What
// is no price becomes none.
func exact(n json.Number) json.Number {
	p, err := llm.ParsePrice(n.String())
	if err != nil {
		return ""
	}
	return json.Number(p.PerMillion())
}
