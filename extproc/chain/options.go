package chain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// maxNames bounds each list among a request's options.
const maxNames = 64

// The request fields that options come from.
const (
	paramOrder  = "providerOptions.gateway.order"
	paramOnly   = "providerOptions.gateway.only"
	paramModels = "providerOptions.gateway.models"
	paramSort   = "providerOptions.gateway.sort"
)

// check judges what needs no look-up of names.
func (in *Input) check() *llm.Problem {
	o := &in.Options
	if !in.allowed(in.Model) {
		return forbidden(in.Model, "model")
	}
	if o.Sort != "" && o.Sort != sortCost {
		return invalid(paramSort, "Sorting targets by "+show(o.Sort)+` is not supported yet; write "cost" or leave sort out to use the gateway's order.`)
	}
	for _, list := range [...]struct {
		param string
		names []string
	}{{paramOrder, o.Order}, {paramOnly, o.Only}, {paramModels, o.Models}} {
		if n := len(list.names); n > maxNames {
			return invalid(list.param, fmt.Sprintf("The list has %d names; at most %d are read.", n, maxNames))
		}
	}
	return nil
}

// only gives the providers that the client limits its request to; nil = all.
func (in *Input) only() ([]*catalog.Provider, *llm.Problem) {
	var only []*catalog.Provider
	for _, slug := range in.Options.Only {
		named := in.Catalog.Slug(slug)
		if len(named) == 0 {
			return nil, invalid(paramOnly, "There is no provider "+show(slug)+" here; known are "+names(in.Catalog.Providers)+".")
		}
		only = append(only, named...)
	}
	return only, nil
}

// fallbacks gives the models to go on with after the one asked for, each once.
func (in *Input) fallbacks() ([]*catalog.Model, *llm.Problem) {
	var models []*catalog.Model
	for _, name := range in.Options.Models {
		m, p := (&Wish{Name: name, Param: paramModels, Allowed: in.Allowed}).Find(in.Catalog)
		if p != nil {
			if p.Kind == llm.NotFound {
				p.Message = "Among the fallback models, " + p.Message
			}
			return nil, p
		}
		if m != in.Model && !slices.Contains(models, m) {
			models = append(models, m)
		}
	}
	return models, nil
}

// reorder moves the targets that the client names to the front, in the order
// in which it names them; the rest follow. A slug that names several providers
// takes them in the route's order. Names that serve nothing here are ignored:
// clients send one list for many models.
func (in *Input) reorder(targets []Target) {
	moved := 0
	for _, slug := range in.Options.Order {
		named := in.Catalog.Slug(slug)
		for i := moved; i < len(targets) && len(named) > 0; i++ {
			if !slices.Contains(named, targets[i].Provider) {
				continue
			}
			t := targets[i]
			copy(targets[moved+1:i+1], targets[moved:i])
			targets[moved] = t
			moved++
		}
	}
}

// nothing is the problem of a chain without targets.
func (in *Input) nothing(only []*catalog.Provider) *llm.Problem {
	ready := in.appendModel(nil, in.Model, nil)
	if len(only) == 0 || len(ready) == 0 {
		return &llm.Problem{Kind: llm.Unavailable, Message: "No target of " + in.Model.Name + " is ready."}
	}
	serving := make([]*catalog.Provider, len(ready))
	for i := range ready {
		serving[i] = ready[i].Provider
	}
	return invalid(paramOnly, "None of the providers named serves "+in.Model.Name+"; it is served by "+names(serving)+".")
}

func (in *Input) allowed(m *catalog.Model) bool { return in.Allowed == nil || in.Allowed(m.Name) }

// allows tells whether only, which is nil for all, has p.
func allows(only []*catalog.Provider, p *catalog.Provider) bool {
	return only == nil || slices.Contains(only, p)
}

func invalid(param, message string) *llm.Problem {
	return &llm.Problem{Kind: llm.InvalidRequest, Param: param, Message: message}
}

func forbidden(m *catalog.Model, param string) *llm.Problem {
	return &llm.Problem{
		Kind: llm.Forbidden, Code: "model_not_allowed", Param: param,
		Message: "This key may not use the model " + m.Name + ".",
	}
}

// names lists providers for a message, the first of many.
func names(providers []*catalog.Provider) string {
	const most = 20
	var b strings.Builder
	for i, p := range providers[:min(len(providers), most)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p.Name)
	}
	if more := len(providers) - most; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}

// show quotes a client's own word, cut short.
func show(s string) string { return strconv.QuoteToASCII(cut(s, maxWord)) }
