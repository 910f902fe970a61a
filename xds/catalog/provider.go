package catalog

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

const maxProviders = 1000

// What goes into hosts, paths and queries as it is.
var (
	projectName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.:-]{0,62}$`)
	resourceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,62}$`)
	dated        = regexp.MustCompile(`^20[0-9]{2}-`)
	versionName  = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
)

// served are the dialects that this build speaks to providers.
var served = []llm.Dialect{llm.OpenAI, llm.Responses, llm.Anthropic, llm.Gemini, llm.Bedrock}

func (c *compiler) providers() {
	doc, cat := c.doc.Providers, c.catalog
	cat.providers = make(map[string]*Provider, len(doc))
	cat.slugs = make(map[string][]*Provider, 2*len(doc))
	if len(doc) > maxProviders {
		c.fail("providers", fmt.Sprintf("has %d entries", len(doc)), fmt.Sprintf("at most %d are served", maxProviders))
		return
	}
	general := c.timeouts("timeouts", c.doc.Timeouts, defaultTimeouts)
	for _, name := range sortedKeys(doc) {
		p := c.provider(name, doc[name])
		p.Timeouts = c.timeouts(member("providers", name)+".timeouts", doc[name].Timeouts, general)
		cat.providers[name] = p
		cat.Providers = append(cat.Providers, p)
	}
	for _, p := range cat.Providers {
		cat.slugs[p.Name] = append(cat.slugs[p.Name], p)
	}
	for _, p := range cat.Providers {
		if p.Preset == "" {
			continue
		}
		for _, slug := range c.presets.called(p.Preset) {
			if slug != p.Name {
				cat.slugs[slug] = append(cat.slugs[slug], p)
			}
			if p.Region != "" {
				slug += "/" + p.Region
				cat.slugs[slug] = append(cat.slugs[slug], p)
			}
		}
	}
}

func (c *compiler) provider(name string, e providerEntry) *Provider {
	path := member("providers", name)
	if !slugName.MatchString(name) {
		c.fail(path, "is not a name for a provider", slugRight)
	}
	p := &Provider{Name: name, Region: e.Region, Project: e.Project, Resource: e.Resource}
	base := c.preset(path, name, e)
	if base == nil {
		base = &preset{}
	}
	p.Preset, p.Dialects, p.Platform, p.APIVersion = base.name, base.dialects, base.platform, base.apiVersion
	p.Quirks, p.Credential = base.quirks, base.credential(c.src.Env)
	c.dialects(path, e, p)
	if c.given(path + ".platform") {
		p.Platform = c.platform(path+".platform", e.Platform)
	}
	if c.given(path + ".api_version") {
		if p.APIVersion = e.APIVersion; !versionName.MatchString(e.APIVersion) {
			c.fail(path+".api_version", show(e.APIVersion)+" is not a version", "write letters, digits and . _ -, such as 2024-10-21")
		}
	}
	c.quirks(path+".quirks", e.Quirks, &p.Quirks)
	c.account(path, e)
	c.baseURL(path, e, account{p, base})
	c.credential(path, e, p)
	p.Headers = c.headers(path+".headers", e.Headers)
	p.CAFile = c.file(providersAuthorities, path+".ca", e.CA)
	return p
}

// preset is the preset the entry names, else the one of its own name.
func (c *compiler) preset(path, name string, e providerEntry) *preset {
	if !c.given(path + ".preset") {
		c.misspelt(path, name)
		return c.presets[name]
	}
	base := c.presets[e.Preset]
	if base == nil {
		known := c.presets.names()
		c.fail(path+".preset", show(e.Preset)+" is not a preset", c.suggest(e.Preset, known, "known here: "+strings.Join(known, ", ")))
	}
	return base
}

// misspelt refuses a provider that says nothing of its API and is almost a
// preset by its name.
func (c *compiler) misspelt(path, name string) {
	if c.presets[name] != nil || c.given(path+".dialect") || c.given(path+".dialects") || c.given(path+".base_url") {
		return
	}
	if near := nearest(name, c.presets.names(), 1); len(near) == 1 {
		c.fail(path+".preset", "is missing, and "+show(name)+" is no preset's name", "did you mean "+near[0]+"? To another API lead dialect and base_url")
	}
}

// dialects reads dialect or dialects; without them the preset's hold.
func (c *compiler) dialects(path string, e providerEntry, p *Provider) {
	one, several := path+".dialect", path+".dialects"
	switch {
	case c.given(one) && c.given(several):
		c.fail(several, "is given beside dialect", "remove one of them")
	case c.given(one):
		p.Dialects = c.spoken(one, nil, e.Dialect)
	case c.given(several):
		p.Dialects = nil
		for i, name := range e.Dialects {
			p.Dialects = c.spoken(element(several, i), p.Dialects, name)
		}
		if len(e.Dialects) == 0 {
			c.fail(several, "is empty", "name the dialects that the provider speaks, its own first")
		}
	case len(p.Dialects) == 0 && !c.failed[path+".preset"]:
		c.fail(one, "is missing, and "+show(p.Name)+" is no preset's name", "add dialect: "+joined(served)+", or preset: with one of "+strings.Join(c.presets.names(), ", "))
	}
}

// spoken appends a dialect by its name.
func (r *report) spoken(field string, list []llm.Dialect, name string) []llm.Dialect {
	d := llm.Dialect(name)
	switch {
	case !slices.Contains(served, d):
		r.fail(field, show(name)+" is not served", "this build speaks to providers in: "+joined(served))
	case slices.Contains(list, d):
		r.fail(field, show(name)+" is given twice", "remove one of them")
	default:
		list = append(list, d)
	}
	return list
}

func joined(dialects []llm.Dialect) string {
	names := make([]string, len(dialects))
	for i, d := range dialects {
		names[i] = string(d)
	}
	return strings.Join(names, ", ")
}

// account checks the names of the account.
func (c *compiler) account(path string, e providerEntry) {
	for _, f := range [...]struct {
		name, value string
		form        *regexp.Regexp
		right       string
	}{
		{"region", e.Region, slugName, slugRight},
		{"project", e.Project, projectName, "write the id of a Google Cloud project, such as my-project-123"},
		{"resource", e.Resource, resourceName, "write the name of an Azure resource: letters, digits and -"},
	} {
		if field := member(path, f.name); c.given(field) && !f.form.MatchString(f.value) {
			c.fail(field, show(f.value)+" is not a name for a "+f.name, f.right)
		}
	}
}

// account is a provider and the preset it starts from.
type account struct {
	*Provider
	base *preset
}

func (c *compiler) baseURL(path string, e providerEntry, a account) {
	field, text := path+".base_url", template(e.BaseURL)
	if !c.given(field) {
		text = a.base.baseURL
		if a.base.dated != "" && dated.MatchString(a.APIVersion) {
			text = a.base.dated
		}
		if text == "" {
			if !c.failed[path+".preset"] {
				c.fail(field, "is missing", "add where the provider's API starts, such as base_url: https://api.example.com/v1")
			}
			return
		}
	}
	for _, what := range text.holes() {
		c.fill(path, what, a)
	}
	if url, ok := a.base.regional[a.Region]; ok && !c.given(field) {
		text = url
	}
	if c.failed[path+".region"] || c.failed[path+".project"] || c.failed[path+".resource"] {
		return // what does not go into a URL has been reported
	}
	u, wrong, right := parseBaseURL(text.fill(func(what string) string { return *a.hole(what) }))
	if wrong != "" {
		c.fail(field, wrong, right)
	}
	a.BaseURL = u
}

// hole is the provider's field for a hole of a URL.
func (p *Provider) hole(what string) *string {
	switch what {
	case "region":
		return &p.Region
	case "project":
		return &p.Project
	default:
		return &p.Resource
	}
}

// fill finds what a hole of the URL needs in the environment, unless the source
// says it.
func (c *compiler) fill(path, what string, a account) {
	field, value := member(path, what), a.hole(what)
	if c.given(field) {
		return
	}
	if *value = a.base.variable(c.src.Env, what); *value == "" && c.src.Env == nil {
		*value = what
	}
	form := slugName
	if what != "region" {
		form = projectName
	}
	from := strings.Join(a.base.variables[what], " or ")
	switch {
	case *value == "" && from == "":
		c.fail(field, "is missing, and the base URL needs it", "add "+what+":")
	case *value == "":
		c.fail(field, "is missing, and the base URL needs it", "add "+what+":, or set "+from)
	case !form.MatchString(*value):
		c.fail(field, "comes from "+from+" and is not a name for a "+what, "set the variable to a "+what+", or add "+what+":")
	}
}

// credential reads the reference and, if the source has an environment, checks
// that the variable is there.
func (c *compiler) credential(path string, e providerEntry, p *Provider) {
	field := path + ".credential"
	if c.given(field) {
		ref, err := ParseReference(e.Credential)
		if err != nil {
			wrong, right, _ := strings.Cut(err.Error(), "; ")
			c.fail(field, wrong, right)
			return
		}
		if ref.File() {
			ref.Name = c.resolve(ref.Name)
		}
		p.Credential = ref
	}
	if name := c.unset(p.Credential); name != "" {
		c.fail(field, name+" is not set", "set it to the provider's API key, or name another credential")
	}
}

var defaultTimeouts = Timeouts{
	Connect: 5 * time.Second, FirstToken: 60 * time.Second, Answer: 600 * time.Second, Idle: 120 * time.Second,
}

func (c *compiler) timeouts(path string, t timeouts, base Timeouts) Timeouts {
	const least, day = time.Millisecond, 24 * time.Hour
	return Timeouts{
		Connect:    c.span(path+".connect", t.Connect, spans{least, 5 * time.Minute, base.Connect}),
		FirstToken: c.span(path+".first_token", t.FirstToken, spans{least, time.Hour, base.FirstToken}),
		Answer:     c.span(path+".answer", t.Answer, spans{least, day, base.Answer}),
		Idle:       c.span(path+".idle", t.Idle, spans{least, day, base.Idle}),
		Request:    c.span(path+".request", t.Request, spans{0, 7 * day, base.Request}),
	}
}

// vendors are the presets of the vendors themselves, by the dialects that they
// define.
var vendors = map[string][]llm.Dialect{
	"openai":          {llm.OpenAI, llm.Responses},
	"azure":           {llm.OpenAI, llm.Responses},
	"anthropic":       {llm.Anthropic},
	"azure-anthropic": {llm.Anthropic},
	"gemini":          {llm.Gemini},
	"vertex":          {llm.Gemini, llm.Anthropic},
	"bedrock":         {llm.Bedrock, llm.Anthropic},
}

// Genuine tells whether the provider is the vendor of the dialects it speaks,
// whose API refuses members it does not know, rather than one compatible with
// it.
func (p *Provider) Genuine() bool {
	return len(p.Dialects) > 0 && !slices.ContainsFunc(p.Dialects, func(d llm.Dialect) bool {
		return !slices.Contains(vendors[p.Preset], d)
	})
}

// Slug gives the providers that a client may mean by one word: the provider of
// that name first, then those made from the preset of that name; for
// "preset/region" those of that preset in that region. The slice is shared.
func (c *Catalog) Slug(slug string) []*Provider { return c.slugs[slug] }

// inSourceOrder are the providers' names in the order of the source.
func (c *compiler) inSourceOrder() []string {
	return slices.SortedFunc(maps.Keys(c.doc.Providers), func(a, b string) int {
		return c.before(member("providers", a), member("providers", b))
	})
}
