package catalog

import (
	_ "embed" // presets.yaml
	"strings"
	"sync"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// presetSource is the bundled list of providers and of some of their models.
// Ids, context windows and release dates are models.dev's, whose licence is in
// presets.LICENSE.
//
//go:embed presets.yaml
var presetSource []byte

// preset is what a provider starts from.
type preset struct {
	name       string
	dialect    llm.Dialect
	baseURL    BaseURL
	credential Reference
	models     []presetModel // sorted by name
}

type presetModel struct {
	name, id string
	context  int64
	created  time.Time
}

// model is the preset's model of that public name, or nil.
func (p *preset) model(name string) *presetModel {
	if p == nil {
		return nil
	}
	for i := range p.models {
		if p.models[i].name == name {
			return &p.models[i]
		}
	}
	return nil
}

// The shape of presets.yaml.
type presetDocument struct {
	Presets map[string]presetEntry `json:"presets"`
}

type presetEntry struct {
	BaseURL    string                      `json:"base_url"`
	Dialect    string                      `json:"dialect"`
	Credential string                      `json:"credential"`
	Models     map[string]presetModelEntry `json:"models"`
}

type presetModelEntry struct {
	ID      string `json:"id"`
	Context int64  `json:"context"`
	Created date   `json:"created"`
}

// bundled parses the bundled presets once; nobody changes them afterwards.
var bundled = sync.OnceValues(func() (map[string]*preset, error) {
	return parsePresets("presets.yaml", presetSource)
})

func parsePresets(file string, data []byte) (map[string]*preset, error) {
	r := newReport(file)
	doc := decode[presetDocument](data, r)
	presets := make(map[string]*preset, len(doc.Presets))
	for name, e := range doc.Presets {
		presets[name] = r.preset(name, e)
	}
	return presets, r.err()
}

func (r *report) preset(name string, e presetEntry) *preset {
	path := member("presets", name)
	if !slugName.MatchString(name) {
		r.fail(path, "is not a name for a preset", slugRight)
	}
	p := &preset{name: name, dialect: llm.Dialect(e.Dialect)}
	u, wrong, right := parseBaseURL(e.BaseURL)
	if wrong != "" {
		r.fail(path+".base_url", wrong, right)
	}
	p.baseURL = u
	ref, err := ParseReference(e.Credential)
	if err != nil {
		wrong, right, _ := strings.Cut(err.Error(), "; ")
		r.fail(path+".credential", wrong, right)
	}
	p.credential = ref
	for _, model := range sortedKeys(e.Models) {
		m, at := e.Models[model], member(path+".models", model)
		if !validModel(model) {
			r.fail(at, show(model)+" is not a name for a model", modelRight)
		}
		if !providerID.MatchString(m.ID) {
			r.fail(at+".id", "is not an id", idRight)
		}
		if m.Context < 1 || m.Context > maxContext {
			r.fail(at+".context", "is out of range", contextRight)
		}
		p.models = append(p.models, presetModel{name: model, id: m.ID, context: m.Context, created: time.Time(m.Created)})
	}
	return p
}
