package chain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// media are needs of which a request's size says nothing in tokens.
const media = llm.NeedImages | llm.NeedFiles | llm.NeedAudio | llm.NeedVideo

// emulated are the needs that a target without the ability can be made to meet,
// or that can be left out and reported: a target that lacks them is only passed
// over for one that does not.
const emulated = llm.NeedJSON | llm.NeedJSONSchema | llm.NeedReasoning | llm.NeedLogprobs | llm.NeedChoices

// fitting passes over the targets that cannot do what the request needs. The
// problem is that none of them can, for certain. Context and output limits are
// held against an estimate: where no target meets them, all stay, and their
// providers judge.
func (in *Input) fitting(targets []Target) (fit []Target, skipped []Skip, p *llm.Problem) {
	all := func(t *Target) llm.Needs { return in.missing(t) }
	hard := func(t *Target) llm.Needs { return in.missing(t) &^ emulated }
	switch {
	case !slices.ContainsFunc(targets, func(t Target) bool { return all(&t) != 0 }):
	case slices.ContainsFunc(targets, func(t Target) bool { return all(&t) == 0 }):
		targets, skipped = pass(targets, skipped, func(t *Target) string { return words(all(t)) })
	case slices.ContainsFunc(targets, func(t Target) bool { return hard(&t) == 0 }):
		targets, skipped = pass(targets, skipped, func(t *Target) string { return words(hard(t)) })
	default:
		return nil, nil, in.unable(targets)
	}
	need := in.tokens()
	targets, skipped = passOver(targets, skipped, func(t *Target) string {
		if t.Context > 0 && t.Context < need {
			return "context"
		}
		return ""
	})
	targets, skipped = passOver(targets, skipped, func(t *Target) string {
		if t.Output > 0 && t.Output < in.MaxTokens {
			return "output"
		}
		return ""
	})
	return targets, skipped, nil
}

// missing is what the request needs and the target is known to lack.
func (in *Input) missing(t *Target) llm.Needs {
	if !t.Judged {
		return 0
	}
	return in.Needs.Missing(t.Able)
}

// passOver is pass, unless nothing would be left or nothing is to go.
func passOver(targets []Target, skipped []Skip, why func(*Target) string) ([]Target, []Skip) {
	good := 0
	for i := range targets {
		if why(&targets[i]) == "" {
			good++
		}
	}
	if good == 0 || good == len(targets) {
		return targets, skipped
	}
	return pass(targets, skipped, why)
}

// pass takes the targets out that have a reason to go, in place.
func pass(targets []Target, skipped []Skip, why func(*Target) string) ([]Target, []Skip) {
	kept := targets[:0]
	for i := range targets {
		if w := why(&targets[i]); w != "" {
			skipped = append(skipped, Skip{Provider: targets[i].Provider.Name, Model: targets[i].Model.Name, Why: w})
		} else {
			kept = append(kept, targets[i])
		}
	}
	return kept, skipped
}

func words(n llm.Needs) string { return strings.ReplaceAll(n.String(), ", ", " and ") }

// unable is the problem of a request that no target can serve.
func (in *Input) unable(targets []Target) *llm.Problem {
	lacking := llm.AllNeeds
	for i := range targets {
		lacking &= in.missing(&targets[i]) &^ emulated
	}
	message := fmt.Sprintf("No target of %s supports %s", in.Model.Name, words(lacking))
	if lacking == 0 { // each lacks something else
		lacking = in.Needs &^ emulated
		message = fmt.Sprintf("No target of %s supports %s together", in.Model.Name, words(lacking))
	}
	if able := in.alternatives(); len(able) > 0 {
		message += "; these models do: " + strings.Join(able, ", ")
	}
	return &llm.Problem{Kind: llm.Unsupported, Param: "model", Message: message + "."}
}

// alternatives are some models that this client may use and that are known to
// meet the needs, those of the same creator first.
func (in *Input) alternatives() []string {
	const most = 5
	var same, other []string
	creator, _, _ := strings.Cut(in.Model.Name, "/")
	for _, m := range in.Catalog.Models {
		if !in.allowed(m) || !in.serves(m) {
			continue
		}
		if strings.HasPrefix(m.Name, creator+"/") {
			same = append(same, m.Name)
		} else {
			other = append(other, m.Name)
		}
	}
	found := slices.Concat(same, other)
	return found[:min(len(found), most)]
}

// serves tells whether some target of the model is ready and known to be able.
func (in *Input) serves(m *catalog.Model) bool {
	return slices.ContainsFunc(in.Order[m.Name], func(provider string) bool {
		t, ok := m.Target(provider)
		return ok && t.Judged && in.Needs.Missing(t.Able)&^emulated == 0
	})
}

// sortCost is the order by price.
const sortCost = "cost"

// usual is how many tokens a request has where nothing is known of it.
const usual = 1000

// cheapestFirst sorts by what the request would cost at each target, as far as
// that can be estimated; unknown prices come last, equal ones stay in order.
func (in *Input) cheapestFirst(targets []Target) {
	count := func(n int64) llm.Opt[llm.Tokens] {
		if n <= 0 {
			n = usual
		}
		return llm.Some(llm.Tokens(n))
	}
	u := llm.Usage{Input: count(in.InputTokens), Output: count(in.MaxTokens)}
	slices.SortStableFunc(targets, func(a, b Target) int {
		x, known := a.Prices.Cost(u)
		y, alike := b.Prices.Cost(u)
		switch {
		case known != alike && known, known && alike && x < y:
			return -1
		case known != alike, known && x > y:
			return 1
		}
		return 0
	})
}
