package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

const maxProviders = 1000

// served are the dialects that this build speaks to providers.
var served = []llm.Dialect{llm.OpenAI}

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
		if p.Preset != p.Name {
			cat.slugs[p.Preset] = append(cat.slugs[p.Preset], p)
		}
		if p.Region != "" {
			slug := p.Preset + "/" + p.Region
			cat.slugs[slug] = append(cat.slugs[slug], p)
		}
	}
}

func (c *compiler) provider(name string, e providerEntry) *Provider {
	path := member("providers", name)
	if !slugName.MatchString(name) {
		c.fail(path, "is not a name for a provider", slugRight)
	}
	p := &Provider{Name: name, Region: e.Region}
	base := c.preset(path, name, e)
	if base != nil {
		p.Preset, p.Dialect, p.BaseURL, p.Credential = base.name, base.dialect, base.baseURL, base.credential
	}
	if c.given(path+".region") && !slugName.MatchString(e.Region) {
		c.fail(path+".region", show(e.Region)+" is not a name for a region", slugRight)
	}
	c.dialect(path, e, p)
	c.baseURL(path, e, p)
	c.credential(path, e, p)
	p.Headers = c.headers(path+".headers", e.Headers)
	p.CAFile = c.file(path+".ca", e.CA)
	return p
}

// preset is the preset the entry names, else the one of its own name.
func (c *compiler) preset(path, name string, e providerEntry) *preset {
	if !c.given(path + ".preset") {
		return c.presets[name]
	}
	base := c.presets[e.Preset]
	if base == nil {
		known := sortedKeys(c.presets)
		c.fail(path+".preset", show(e.Preset)+" is not a preset", c.suggest(e.Preset, known, "known here: "+strings.Join(known, ", ")))
	}
	return base
}

func (c *compiler) dialect(path string, e providerEntry, p *Provider) {
	field := path + ".dialect"
	if c.given(field) {
		p.Dialect = llm.Dialect(e.Dialect)
		if !slices.Contains(served, p.Dialect) {
			c.fail(field, show(e.Dialect)+" is not served", "this build speaks to providers in: "+joined(served))
		}
		return
	}
	if p.Dialect == "" && !c.failed[path+".preset"] {
		c.fail(field, "is missing, and "+show(p.Name)+" is no preset's name", "add dialect: "+joined(served)+", or preset: with one of "+strings.Join(sortedKeys(c.presets), ", "))
	}
}

func joined(dialects []llm.Dialect) string {
	names := make([]string, len(dialects))
	for i, d := range dialects {
		names[i] = string(d)
	}
	return strings.Join(names, ", ")
}

func (c *compiler) baseURL(path string, e providerEntry, p *Provider) {
	field := path + ".base_url"
	if c.given(field) {
		u, wrong, right := parseBaseURL(e.BaseURL)
		if wrong != "" {
			c.fail(field, wrong, right)
		}
		p.BaseURL = u
		return
	}
	if p.BaseURL.Host == "" && !c.failed[path+".preset"] {
		c.fail(field, "is missing", "add where the provider's API starts, such as base_url: https://api.example.com/v1")
	}
}

// credential reads the reference and, if the source has an environment, checks
// that the variable is there. A name in capitals is no key and may be shown.
func (c *compiler) credential(path string, e providerEntry, p *Provider) {
	field := path + ".credential"
	if c.given(field) {
		ref, err := ParseReference(e.Credential)
		if err != nil {
			wrong, right, _ := strings.Cut(err.Error(), "; ")
			c.fail(field, wrong, right)
			return
		}
		if ref.Scheme == SchemeFile {
			ref.Name = c.resolve(ref.Name)
		}
		p.Credential = ref
	}
	if p.Credential.Scheme != SchemeEnv || c.src.Env == nil {
		return
	}
	if value, ok := c.src.Env(p.Credential.Name); !ok || value == "" {
		name := "the environment variable"
		if p.Credential.Name == strings.ToUpper(p.Credential.Name) {
			name += " " + p.Credential.Name
		}
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

// Genuine tells whether the provider is the dialect's own vendor, whose API
// refuses members it does not know, rather than one compatible with it.
func (p *Provider) Genuine() bool { return p.Preset == string(p.Dialect) }

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
