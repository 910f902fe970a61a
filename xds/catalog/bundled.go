package catalog

import (
	_ "embed" // bundled.json
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog/internal/listing"
)

// bundledSource is the bundled list of models. It is made by xds/catalog/bundle
// from models.dev's data, whose licence is in presets.LICENSE.
//
//go:embed bundled.json
var bundledSource []byte

// knownModels are the bundled models. Immutable.
type knownModels struct {
	date   time.Time // of the data
	models []knownModel
	byName map[string]*knownModel // and by alias
	// hosts are, by preset, the models that it serves, by name.
	hosts map[string][]*knownModel
}

type knownModel struct {
	name, title string
	created     time.Time
	aliases     []string // creator/model
	hosts       []knownHost
}

// knownHost is a target as the list has it, without its provider.
type knownHost struct {
	preset, area string
	Target
}

// known reads the bundled list once.
var known = sync.OnceValues(func() (*knownModels, error) { return readKnown(bundledSource) })

func readKnown(data []byte) (*knownModels, error) {
	list, err := listing.Decode(data)
	if err != nil {
		return nil, err
	}
	date, err := time.Parse(time.DateOnly, list.Date)
	if err != nil {
		return nil, fmt.Errorf("the bundled list of models: %w", err)
	}
	k := &knownModels{
		date: date, models: make([]knownModel, 0, len(list.Models)),
		byName: make(map[string]*knownModel, len(list.Models)), hosts: map[string][]*knownModel{},
	}
	for i := range list.Models {
		m, err := readModel(&list.Models[i])
		if err != nil {
			return nil, fmt.Errorf("the bundled list of models: %s: %w", list.Models[i].Name, err)
		}
		k.models = append(k.models, m)
		at := &k.models[i]
		k.byName[at.name] = at
		for j := range at.hosts {
			if preset := at.hosts[j].preset; !slices.Contains(k.hosts[preset], at) {
				k.hosts[preset] = append(k.hosts[preset], at)
			}
		}
	}
	for i := range k.models {
		for _, alias := range k.models[i].aliases {
			if k.byName[alias] == nil {
				k.byName[alias] = &k.models[i]
			}
		}
	}
	return k, nil
}

func readModel(from *listing.Model) (m knownModel, err error) {
	m = knownModel{name: from.Name, title: from.Title, aliases: from.Aliases}
	if from.Created != "" {
		if m.created, err = time.Parse(time.DateOnly, from.Created); err != nil {
			return m, err
		}
	}
	for _, h := range from.Hosts {
		t := Target{ID: h.ID, Dialects: h.Dialects, Context: h.Context, Output: h.Output, Judged: true}
		if t.Prices, err = h.Prices.LLM(); err != nil {
			return m, err
		}
		for _, name := range h.Able {
			need, ok := llm.NeedNamed(name)
			if !ok {
				return m, fmt.Errorf("%q is no ability", name)
			}
			t.Able |= need
		}
		m.hosts = append(m.hosts, knownHost{h.At, h.Area, t})
	}
	return m, nil
}

// at is the model's target at a provider, in its region; nil if it has none
// there.
func (m *knownModel) at(p *Provider) *Target {
	var best *knownHost
	rank, serving := -1, areas(p.Region)
	if p.Platform == Vertex {
		serving = []string{p.Region, ""} // there, all the world is a region of its own
	}
	for i := range m.hosts {
		h := &m.hosts[i]
		if h.preset != p.Preset {
			continue
		}
		if n := slices.Index(serving, h.area); n >= 0 && (rank < 0 || n < rank) {
			best, rank = h, n
		}
	}
	if best == nil {
		return nil
	}
	t := best.Target
	t.restrict(p)
	t.complete(p)
	return &t
}

// restrict leaves the dialects that the operator says the provider speaks.
func (t *Target) restrict(p *Provider) {
	t.Dialects = slices.DeleteFunc(slices.Clone(t.Dialects), func(d llm.Dialect) bool { return !slices.Contains(p.Dialects, d) })
}

// byID is the target of a provider's id for a model, nil if the list has none.
func (k *knownModels) byID(p *Provider, id string) *Target {
	for _, m := range k.hosts[p.Preset] {
		for i := range m.hosts {
			if h := &m.hosts[i]; h.preset == p.Preset && h.ID == id {
				t := h.Target
				t.restrict(p)
				return &t
			}
		}
	}
	return nil
}

// complete fills in what follows from the provider.
func (t *Target) complete(p *Provider) {
	t.Provider = p
	if len(t.Dialects) == 0 {
		t.Dialects = p.Dialects
	}
	if t.Judged && !t.Able.Has(llm.NeedEmbeddings) {
		t.Able |= dialectNeeds(t.Dialects)
	}
}

// dialectNeeds are the abilities that the dialects have words for and that no
// list tells by model. JSON without a schema is asked of a model in words where
// there is no other way.
func dialectNeeds(dialects []llm.Dialect) llm.Needs {
	able := llm.NeedJSON
	for _, d := range dialects {
		switch d {
		case llm.OpenAI, llm.Gemini:
			able |= llm.NeedLogprobs | llm.NeedChoices
		case llm.Responses:
			able |= llm.NeedLogprobs
		}
	}
	return able
}

// areas are the parts of the world that serve a region, the nearest first: by
// the prefixes of Amazon's cross-region inference profiles. A profile of the
// own part keeps data there; one for all the world costs least; "" is the
// region alone. Source: Amazon Bedrock user guide, "Inference profiles".
func areas(region string) []string {
	for _, a := range [...]struct {
		prefix string
		areas  []string
	}{
		{"us-gov-", []string{"us-gov", ""}},
		{"us-", []string{"us", "global", ""}},
		{"eu-", []string{"eu", "global", ""}},
		{"ap-northeast-1", []string{"jp", "apac", "global", ""}},
		{"ap-northeast-3", []string{"jp", "apac", "global", ""}},
		{"ap-southeast-2", []string{"au", "apac", "global", ""}},
		{"ap-southeast-4", []string{"au", "apac", "global", ""}},
		{"ap-", []string{"apac", "global", ""}},
	} {
		if len(region) >= len(a.prefix) && region[:len(a.prefix)] == a.prefix {
			return a.areas
		}
	}
	return []string{"global", ""}
}
