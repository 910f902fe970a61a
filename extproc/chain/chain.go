package chain

import (
	"math"
	"slices"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// MaxTargets is the length of the longest chain.
const MaxTargets = 8

// Target is one way to serve a request: the model whose name it is served
// under and the provider's side of it.
type Target struct {
	Model *catalog.Model
	catalog.Target
	// Own: with the tenant's own account at the provider, not the gateway's.
	Own bool
}

// Is tells whether both are the same model at the same provider, by the same
// account.
func (t Target) Is(other Target) bool {
	return t.Model == other.Model && t.Provider == other.Provider && t.Own == other.Own
}

// Chain is the targets of one request: attempt n (from 1) is for Targets[n-1].
type Chain struct {
	Targets []Target
	// Override is set if Targets are not exactly what the model's route lists:
	// then the chain has to travel with the request.
	Override bool
	// Skipped are the targets that were passed over because they cannot do what
	// the request needs.
	Skipped []Skip
}

// Skip is a target that was passed over.
type Skip struct {
	Provider, Model string // public names
	Why             string // what it lacks: "images and tools", "context", "output"
}

// Order is, by public model name, the names of the providers that the model's
// route lists, first attempt first. It is what Envoy has: a target that does
// not stand there must not be used.
type Order map[string][]string

// Input is everything a chain depends on.
type Input struct {
	Catalog *catalog.Catalog
	Order   Order
	Model   *catalog.Model // the model asked for
	Options dialect.Options
	// Needs are what the request needs of a target.
	Needs llm.Needs
	// InputTokens is an estimate by the size of the request. It says nothing of
	// one that holds pictures, files or sounds.
	InputTokens int64
	MaxTokens   int64 // of output, as the client limits them; 0 = not said
	// Cooling may be nil: nobody asked for a pause.
	Cooling *Cooling
	Now     time.Time
	// Allowed is the key's allow-list by public model name; nil = all.
	Allowed func(model string) bool
	// Serves tells whether a target has the operation that is asked for; nil =
	// all have. Others are no targets of this request.
	Serves func(*Target) bool
	// Own tells whether the tenant has an account of its own at a provider,
	// which is tried first; nil = nowhere. OwnOnly leaves the gateway's out
	// wherever it has.
	Own     func(*catalog.Provider) bool
	OwnOnly bool
}

// Build makes the chain of a request. The problem is the client's to mend,
// unless it is Unavailable: then no target is ready. A chain without targets
// and without a problem is that of an operation none of them serves. The default
// case, without options, allocates the chain and nothing else.
func Build(in Input) (Chain, *llm.Problem) {
	if p := in.check(); p != nil {
		return Chain{}, p
	}
	only, p := in.only()
	if p != nil {
		return Chain{}, p
	}
	fallbacks, p := in.fallbacks()
	if p != nil {
		return Chain{}, p
	}
	order := in.Order[in.Model.Name]
	targets := in.appendModel(make([]Target, 0, max(2, len(order))), in.Model, only)
	for _, m := range fallbacks {
		targets = in.appendModel(targets, m, only)
	}
	if len(targets) == 0 {
		return Chain{}, in.nothing(only)
	}
	if targets = in.serving(targets); len(targets) == 0 {
		return Chain{}, nil
	}
	targets, skipped, p := in.fitting(targets)
	if p != nil {
		return Chain{}, p
	}
	if in.Cooling.any(in.Now) {
		targets = prefer(targets, func(t *Target) bool { return !in.Cooling.Rests(*t, in.Now) })
	}
	if in.Own != nil {
		targets = Owned(targets, in.Own, in.OwnOnly)
	}
	targets = targets[:min(len(targets), MaxTargets)]
	if len(targets) == 1 {
		return Chain{Targets: append(targets, targets[0]), Override: true, Skipped: skipped}, nil
	}
	return Chain{Targets: targets, Override: in.differs(targets), Skipped: skipped}, nil
}

// appendModel appends the ready targets of a model in the order of its route,
// or by price, those that the client named first.
func (in *Input) appendModel(dst []Target, m *catalog.Model, only []*catalog.Provider) []Target {
	start := len(dst)
	for _, name := range in.Order[m.Name] {
		t, ok := m.Target(name)
		if ok && allows(only, t.Provider) && !holds(dst[start:], t.Provider) {
			dst = append(dst, Target{Model: m, Target: t})
		}
	}
	if in.Options.Sort == sortCost {
		in.cheapestFirst(dst[start:])
	}
	in.reorder(dst[start:])
	return dst
}

// serving keeps, in place, the targets that have the operation. It comes before
// anything that passes over targets for what they lack or rest from: those that
// are left must be able to serve.
func (in *Input) serving(targets []Target) []Target {
	if in.Serves == nil {
		return targets
	}
	return slices.DeleteFunc(targets, func(t Target) bool { return !in.Serves(&t) })
}

// Owned puts the tenant's own account at a provider before the gateway's, or in
// its place.
func Owned(targets []Target, has func(*catalog.Provider) bool, only bool) []Target {
	all := make([]Target, 0, 2*len(targets))
	for _, t := range targets {
		own := has(t.Provider)
		if own {
			first := t
			first.Own = true
			all = append(all, first)
		}
		if !own || !only {
			all = append(all, t)
		}
	}
	return all
}

// tokens is what the target's context must hold.
func (in *Input) tokens() int64 {
	input, output := max(in.InputTokens, 0), max(in.MaxTokens, 0)
	if in.Needs&media != 0 {
		input = 0
	}
	if output > math.MaxInt64-input {
		return math.MaxInt64
	}
	return input + output
}

// differs tells whether the targets are not exactly the route's.
func (in *Input) differs(targets []Target) bool {
	order := in.Order[in.Model.Name]
	if len(targets) != len(order) {
		return true
	}
	for i := range targets {
		if targets[i].Model != in.Model || targets[i].Provider.Name != order[i] || targets[i].Own {
			return true
		}
	}
	return false
}

// prefer keeps the good targets, in place, unless none is.
func prefer(targets []Target, good func(*Target) bool) []Target {
	kept := targets[:0]
	for i := range targets {
		if good(&targets[i]) {
			kept = append(kept, targets[i])
		}
	}
	if len(kept) == 0 {
		return targets // nothing was overwritten
	}
	return kept
}

func holds(targets []Target, p *catalog.Provider) bool {
	for i := range targets {
		if targets[i].Provider == p {
			return true
		}
	}
	return false
}

// CatalogOrder is the order a catalog itself gives, for an Envoy whose routes
// were made from it once and for all.
func CatalogOrder(c *catalog.Catalog) Order {
	o := make(Order, len(c.Models))
	for _, m := range c.Models {
		for i := range m.Targets {
			o[m.Name] = append(o[m.Name], m.Targets[i].Provider.Name)
		}
	}
	return o
}
