package extproc

import (
	"strconv"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// limitHeaders tell the client how much its limits still let through: of each
// unit the limit that ends first, in the words of the client's vendor.
func (r *routing) limitHeaders(x *exchange, standings []quota.Remaining) (set []setHeader) {
	anthropic := table.Family(x.codec.Name) == llm.Anthropic
	for _, of := range []struct {
		unit quota.Unit
		word string // Anthropic's
		open string // OpenAI's; "" = it has none
	}{
		{quota.Requests, "requests", "requests"},
		{quota.Tokens, "tokens", "tokens"},
		{quota.Input, "input-tokens", ""},
		{quota.Output, "output-tokens", ""},
	} {
		s := tightest(standings, of.unit)
		switch {
		case s == nil:
		case anthropic:
			stem := "anthropic-ratelimit-" + of.word + "-"
			set = append(set, setHeader{stem + "limit", amount(s.Amount)}, setHeader{stem + "remaining", amount(s.Remaining)},
				setHeader{stem + "reset", s.Resets.UTC().AppendFormat(nil, time.RFC3339)})
		case of.open != "":
			set = append(set, setHeader{"x-ratelimit-limit-" + of.open, amount(s.Amount)}, setHeader{"x-ratelimit-remaining-" + of.open, amount(s.Remaining)},
				setHeader{"x-ratelimit-reset-" + of.open, []byte(max(0, s.Resets.Sub(r.started)).Round(time.Millisecond).String())})
		}
	}
	return set
}

func amount(a quota.Amount) []byte { return strconv.AppendInt(nil, int64(max(a, 0)), 10) }

// tightest is the standing with the least part of its limit left, of those that
// begin anew; nil if there is none of the unit.
func tightest(all []quota.Remaining, unit quota.Unit) (found *quota.Remaining) {
	part := func(s *quota.Remaining) float64 { return float64(s.Remaining) / float64(max(s.Amount, 1)) }
	for i := range all {
		s := &all[i]
		if s.Unit == unit && !s.Resets.IsZero() && (found == nil || part(s) < part(found)) {
			found = s
		}
	}
	return found
}

// limitFacts are the same for Envoy to set on an answer that it passes.
func limitFacts(set []setHeader) []byte {
	if len(set) == 0 {
		return nil
	}
	facts := make([]fact, len(set))
	for i := range set {
		facts[i] = fact{set[i].name, string(set[i].value)}
	}
	return appendFacts(nil, envoy.LimitsNamespace, facts...)
}
