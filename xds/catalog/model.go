package catalog

import (
	"fmt"
	"strings"
)

const (
	maxContext  = 1_000_000_000 // tokens
	maxTargets  = 64            // of one model
	idRight     = `write the provider's id: 1 to 256 printable ASCII characters without spaces, " and \`
	tokensRight = "write a number of tokens, 1 to 1000000000, or leave it out if it is unknown"
)

// models compiles the operator's models, then adds the bundled ones that the
// operator has not defined.
func (c *compiler) models() {
	cat := c.catalog
	cat.models = make(map[string]*Model, len(c.doc.Models))
	for _, name := range sortedKeys(c.doc.Models) {
		cat.models[name] = c.model(name, c.doc.Models[name])
	}
	c.bundledModels()
	c.bundledAliases()
	if len(cat.models) == 0 && len(c.doc.Providers) > 0 && !c.explained() {
		c.fail("models", "nothing is served: no model is configured, and no provider has a preset that brings some",
			"add models: {creator/model: {targets: [a provider's name]}}")
	}
	cat.bare = make(map[string][]*Model, len(cat.models))
	for _, name := range sortedKeys(cat.models) {
		m := cat.models[name]
		cat.Models = append(cat.Models, m)
		bare := name[strings.IndexByte(name, '/')+1:]
		cat.bare[bare] = append(cat.bare[bare], m)
	}
	cat.names, cat.bareNames = sortedKeys(cat.models), sortedKeys(cat.bare)
}

// explained tells whether an error of providers or models has been reported, from
// which it follows that nothing is served.
func (c *compiler) explained() bool {
	for field := range c.failed {
		if section := strings.FieldsFunc(field, func(r rune) bool { return r == '.' || r == '[' })[0]; section == "providers" || section == "models" {
			return true
		}
	}
	return false
}

func (c *compiler) model(name string, e modelEntry) *Model {
	path := member("models", name)
	if !validModel(name) {
		c.fail(path, show(name)+" is not a name for a model", modelRight)
	}
	m := &Model{Name: name, Created: e.Created.day()}
	_, m.Title, _ = strings.Cut(name, "/")
	if k := c.known.byName[name]; k != nil {
		m.Title = k.title
		if !c.given(path + ".created") {
			m.Created = k.created
		}
	}
	general := c.facts(path, facts{e.Context, e.Output, e.Capabilities, e.Prices})
	switch Lane(e.Lane) {
	case LaneLeave, LaneTranslate:
		m.Lane = Lane(e.Lane)
	default:
		if c.given(path+".lane") && e.Lane != "auto" {
			c.fail(path+".lane", show(e.Lane)+" is not a lane", "write auto, leave or translate")
		}
	}
	if n := len(e.Targets); c.given(path+".targets") && (n == 0 || n > maxTargets) {
		c.fail(path+".targets", fmt.Sprintf("has %d targets", n), fmt.Sprintf("name 1 to %d providers, such as targets: [openai]", maxTargets))
		return m
	}
	seen := map[string]bool{}
	for i, t := range e.Targets {
		at := element(path+".targets", i)
		if c.failed[at] || c.failed[at+".provider"] {
			continue
		}
		if seen[t.Provider] {
			c.fail(at, show(t.Provider)+" is a target of this model already", "name each provider once")
			continue
		}
		seen[t.Provider] = true
		m.Targets = append(m.Targets, c.target(at, named{name, t, general}))
	}
	return m
}

// named is a target as the source has it, in a model.
type named struct {
	model string
	targetEntry
	general correction // of the model
}

// target fills in what the entry leaves out: the bundled list knows the
// provider's id of a public name it has, and what an id that it has can do;
// else the id is the part after the slash.
func (c *compiler) target(path string, e named) Target {
	at := path + ".provider"
	if !c.given(at) {
		at = path // written short, as the provider's name only
	}
	p := c.catalog.providers[e.Provider]
	if p == nil {
		known := sortedKeys(c.catalog.providers)
		c.fail(at, show(e.Provider)+" is not a provider of this catalog", c.suggest(e.Provider, known, "add it under providers"))
		return Target{ID: e.ID}
	}
	var t Target
	switch {
	case c.given(path + ".id"):
		if !providerID.MatchString(e.ID) {
			c.fail(path+".id", show(e.ID)+" is not an id", idRight)
		}
		if by := c.known.byID(p, e.ID); by != nil {
			t = *by
		}
		t.ID = e.ID
	default:
		_, t.ID, _ = strings.Cut(e.model, "/")
		if k := c.known.byName[e.model]; k != nil {
			if by := k.at(p); by != nil {
				t = *by
			}
		}
	}
	for i, d := range e.Dialects {
		if i == 0 {
			t.Dialects = nil
		}
		t.Dialects = c.spoken(element(path+".dialects", i), t.Dialects, d)
	}
	e.general.apply(&t)
	c.facts(path, facts{e.Context, e.Output, e.Capabilities, e.Prices}).apply(&t)
	t.complete(p)
	return t
}

// bundledModels adds the bundled models that the operator has not defined: one
// that several providers serve has them as targets in the order in which the
// source names them.
func (c *compiler) bundledModels() {
	for _, name := range c.inSourceOrder() {
		p := c.catalog.providers[name]
		if p == nil || p.Preset == "" {
			continue
		}
		for _, k := range c.known.hosts[p.Preset] {
			if _, own := c.doc.Models[k.name]; own {
				continue
			}
			t := k.at(p)
			if t == nil {
				continue // not in this region
			}
			m := c.catalog.models[k.name]
			if m == nil {
				m = &Model{Name: k.name, Title: k.title, Created: k.created, Bundled: true}
				c.catalog.models[k.name] = m
			}
			m.Targets = append(m.Targets, *t)
		}
	}
}

// bundledAliases gives the models what else the bundled list calls them, with
// the creator and without.
func (c *compiler) bundledAliases() {
	cat := c.catalog
	cat.known = map[string]*Model{}
	for i := range c.known.models {
		m := cat.models[c.known.models[i].name]
		if m == nil {
			continue
		}
		for _, alias := range c.known.models[i].aliases {
			_, bare, _ := strings.Cut(alias, "/")
			for _, name := range [...]string{alias, bare} {
				if other, taken := cat.known[name]; taken && other != m {
					cat.known[name] = nil
				} else {
					cat.known[name] = m
				}
			}
		}
	}
}
