package catalog

import (
	_ "embed" // presets.yaml
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// presetSource is the bundled list of providers.
//
//go:embed presets.yaml
var presetSource []byte

// preset is what a provider starts from.
type preset struct {
	name       string
	baseURL    template
	regional   map[string]template // by region, instead of baseURL
	dated      template            // instead of baseURL if the API's version is a day
	dialects   []llm.Dialect
	platform   Platform
	apiVersion string
	// credentials are alternatives; none: the provider wants no credential.
	credentials []Reference
	variables   map[string][]string // of the environment, by what they fill in
	quirks      llm.Quirks
}

// presets are the bundled presets by name, and by what else they are called.
type presets map[string]*preset

// names are the presets' own names, sorted.
func (p presets) names() []string {
	var names []string
	for name, preset := range p {
		if name == preset.name {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// called are all names of a preset, sorted.
func (p presets) called(preset string) []string {
	var names []string
	for name, one := range p {
		if one.name == preset {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// The shape of presets.yaml.
type presetDocument struct {
	Presets map[string]presetEntry `json:"presets"`
}

type presetEntry struct {
	Aliases    []string            `json:"aliases,omitempty"`
	BaseURL    string              `json:"base_url"`
	Regional   map[string]string   `json:"regional,omitempty"`
	Dated      string              `json:"dated,omitempty"`
	Dialects   []string            `json:"dialects"`
	Platform   string              `json:"platform,omitempty"`
	APIVersion string              `json:"api_version,omitempty"`
	Credential []string            `json:"credential,omitempty"`
	Variables  map[string][]string `json:"variables,omitempty"`
	Quirks     quirksEntry         `json:"quirks,omitempty"`
}

// bundled parses the bundled presets once; nobody changes them afterwards.
var bundled = sync.OnceValues(func() (presets, error) {
	return parsePresets("presets.yaml", presetSource)
})

func parsePresets(file string, data []byte) (presets, error) {
	r := newReport(file)
	doc := decode[presetDocument](data, r)
	all := make(presets, 2*len(doc.Presets))
	for _, name := range sortedKeys(doc.Presets) {
		e := doc.Presets[name]
		p := r.preset(name, e)
		for i, called := range append([]string{name}, e.Aliases...) {
			field := member("presets", name)
			if i > 0 {
				field = element(member(field, "aliases"), i-1)
			}
			if all[called] != nil {
				r.fail(field, show(called)+" names another preset", "give each its own name")
			}
			all[called] = p
		}
	}
	return all, r.err()
}

func (r *report) preset(name string, e presetEntry) *preset {
	path := member("presets", name)
	if !slugName.MatchString(name) {
		r.fail(path, "is not a name for a preset", slugRight)
	}
	p := &preset{name: name, apiVersion: e.APIVersion, variables: e.Variables, regional: map[string]template{}}
	p.baseURL = r.template(path+".base_url", e.BaseURL)
	for _, region := range sortedKeys(e.Regional) {
		p.regional[region] = r.template(member(path+".regional", region), e.Regional[region])
	}
	if r.given(path + ".dated") {
		p.dated = r.template(path+".dated", e.Dated)
	}
	for i, d := range e.Dialects {
		p.dialects = r.spoken(element(path+".dialects", i), p.dialects, d)
	}
	p.platform = r.platform(path+".platform", e.Platform)
	for i, text := range e.Credential {
		ref, err := ParseReference(text)
		if err != nil {
			wrong, right, _ := strings.Cut(err.Error(), "; ")
			r.fail(element(path+".credential", i), wrong, right)
		}
		p.credentials = append(p.credentials, ref)
	}
	r.quirks(path+".quirks", e.Quirks, &p.quirks)
	for _, what := range p.baseURL.holes() {
		if len(p.variables[what]) == 0 {
			r.fail(path+".variables", "does not say where "+what+" comes from", "name the environment variables that hold it")
		}
	}
	return p
}

// credential is the first alternative whose variable is set, else the last; the
// first if nobody can tell.
func (p *preset) credential(env func(string) (string, bool)) Reference {
	if len(p.credentials) == 0 {
		return Reference{}
	}
	if env == nil {
		return p.credentials[0]
	}
	for _, ref := range p.credentials {
		if ref.Scheme != SchemeEnv || lookUp(env, ref.Name) != "" {
			return ref
		}
	}
	return p.credentials[0]
}

// keyed tells whether the environment holds a key for the preset, and all else
// that its URL needs.
func (p *preset) keyed(env func(string) (string, bool)) bool {
	ref := p.credential(env)
	if ref.Scheme != SchemeEnv || lookUp(env, ref.Name) == "" {
		return false
	}
	for _, what := range p.baseURL.holes() {
		if p.variable(env, what) == "" {
			return false
		}
	}
	return true
}

// variable is what the environment says for a hole of the URL, "" = nothing.
func (p *preset) variable(env func(string) (string, bool), what string) string {
	for _, name := range p.variables[what] {
		if value := lookUp(env, name); value != "" {
			return value
		}
	}
	return ""
}

func lookUp(env func(string) (string, bool), name string) string {
	if env == nil {
		return ""
	}
	value, _ := env(name)
	return value
}

// template is a base URL with holes: {region}, {project}, {resource}.
type template string

// holeNames are what may stand in braces.
var holeNames = []string{"region", "project", "resource"}

// template checks the URL with its holes filled.
func (r *report) template(field, text string) template {
	t := template(text)
	if _, wrong, right := parseBaseURL(t.fill(func(what string) string { return what })); wrong != "" {
		r.fail(field, wrong, right)
	}
	return t
}

// holes are the names in braces, each once.
func (t template) holes() []string {
	var found []string
	for _, name := range holeNames {
		if strings.Contains(string(t), "{"+name+"}") {
			found = append(found, name)
		}
	}
	return found
}

func (t template) fill(with func(what string) string) string {
	text := string(t)
	for _, name := range t.holes() {
		text = strings.ReplaceAll(text, "{"+name+"}", with(name))
	}
	return text
}

func (r *report) platform(field, name string) Platform {
	switch p := Platform(name); p {
	case Direct, Azure, Vertex:
		return p
	}
	r.fail(field, show(name)+" is not a platform", fmt.Sprintf("write %s or %s, or leave it out", Azure, Vertex))
	return Direct
}
