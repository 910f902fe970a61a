package catalog

import (
	"fmt"
	"strings"
)

const (
	maxContext   = 1_000_000_000 // tokens
	maxTargets   = 64            // of one model
	idRight      = `write the provider's id: 1 to 256 printable ASCII characters without spaces, " and \`
	contextRight = "write the context window in tokens, 1 to 1000000000, or leave it out if it is unknown"
)

// models compiles the operator's models, then adds those of the presets that
// the operator has not defined.
func (c *compiler) models() {
	cat := c.catalog
	cat.models = make(map[string]*Model, len(c.doc.Models))
	for _, name := range sortedKeys(c.doc.Models) {
		cat.models[name] = c.model(name, c.doc.Models[name])
	}
	c.presetModels()
	if len(cat.models) == 0 && len(c.doc.Providers) > 0 {
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

func (c *compiler) model(name string, e modelEntry) *Model {
	path := member("models", name)
	if !validModel(name) {
		c.fail(path, show(name)+" is not a name for a model", modelRight)
	}
	m := &Model{Name: name, Created: e.Created.day()}
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
		m.Targets = append(m.Targets, c.target(at, name, t))
	}
	return m
}

// target fills in what the entry leaves out: the preset knows the provider's
// id and context window of a public name it has; else the id is the part after
// the slash.
func (c *compiler) target(path, model string, e targetEntry) Target {
	at := path + ".provider"
	if !c.given(at) {
		at = path // written short, as the provider's name only
	}
	t := Target{Provider: c.catalog.providers[e.Provider], ID: e.ID}
	if t.Provider == nil {
		known := sortedKeys(c.catalog.providers)
		c.fail(at, show(e.Provider)+" is not a provider of this catalog", c.suggest(e.Provider, known, "add it under providers"))
		return t
	}
	known := c.presets[t.Provider.Preset].model(model)
	switch {
	case c.given(path + ".id"):
		if !providerID.MatchString(e.ID) {
			c.fail(path+".id", show(e.ID)+" is not an id", idRight)
		}
	case known != nil:
		t.ID = known.id
	default:
		_, t.ID, _ = strings.Cut(model, "/")
	}
	if e.Context != nil {
		t.Context = c.context(path+".context", *e.Context)
	} else if known != nil && known.id == t.ID {
		t.Context = known.context
	}
	return t
}

func (c *compiler) context(field string, tokens int64) int64 {
	if tokens < 1 || tokens > maxContext {
		c.fail(field, fmt.Sprintf("%d is out of range", tokens), contextRight)
	}
	return tokens
}

// presetModels joins the presets' models: one that several providers serve has
// them as targets in the order in which the source names them.
func (c *compiler) presetModels() {
	for _, name := range c.inSourceOrder() {
		p := c.catalog.providers[name]
		if p == nil || p.Preset == "" {
			continue
		}
		for _, pm := range c.presets[p.Preset].models {
			if _, own := c.doc.Models[pm.name]; own {
				continue
			}
			m := c.catalog.models[pm.name]
			if m == nil {
				m = &Model{Name: pm.name, Created: pm.created}
				c.catalog.models[pm.name] = m
			}
			if pm.created.Before(m.Created) {
				m.Created = pm.created // others host a model later than its creator
			}
			m.Targets = append(m.Targets, Target{Provider: p, ID: pm.id, Context: pm.context})
		}
	}
}
