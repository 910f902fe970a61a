package catalog

import (
	"slices"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Catalog is the compiled catalog. All slices are sorted by name unless said
// otherwise; all values are resolved (defaults filled in).
type Catalog struct {
	// Version is a hash of the source bytes, hex.
	Version string
	// Open lets requests pass without a key. Listen is loopback then.
	Open      bool
	Listen    Listen
	Providers []*Provider
	Models    []*Model
	Keys      []Key
	Limits    Limits

	Tenants     []Tenant
	Budgets     []Budget
	Issuers     []Issuer
	Store       Store
	Quota       Quota
	Generations Generations
	Secrets     Secrets

	providers map[string]*Provider
	slugs     map[string][]*Provider
	models    map[string]*Model
	bare      map[string][]*Model // by the part after the slash
	aliases   []alias             // most specific first
	known     map[string]*Model   // by the bundled aliases, with creator and without; nil: several
	names     []string            // of models, sorted
	bareNames []string            // keys of bare, sorted
	source    string              // the source's name for messages
	files     []namedFile
}

// Listen says where clients reach the gateway.
type Listen struct {
	Address string // IP address, default 127.0.0.1
	Port    uint16 // default 10000; 0 lets the kernel choose
	// External leaves the listener to an Envoy that has its own bootstrap: the
	// edge's connection manager stands there, its routes come by xDS.
	External bool
	TLS      *TLS
	// TrustedHops is how many proxies in front of Envoy are trusted to have
	// written x-forwarded-for.
	TrustedHops uint32
	// CORSOrigins are the browser origins that may call the gateway.
	CORSOrigins []string
}

// TLS names certificate and key files; Envoy watches them for rotation.
type TLS struct{ CertFile, KeyFile string }

// Provider is an account at a vendor's API in one region.
type Provider struct {
	Name   string
	Preset string // the preset it came from, "" if none
	Region string
	// Project and Resource name the account where the vendor puts that into the
	// URL: a Google Cloud project, an Azure resource.
	Project, Resource string
	// Dialects are those the provider speaks, its own first; never empty.
	Dialects   []llm.Dialect
	Platform   Platform
	APIVersion string // what the platform wants in its query, "" = nothing
	Quirks     llm.Quirks
	BaseURL    BaseURL
	// Credential is the zero Reference for a provider that wants none.
	Credential Reference
	// Headers are sent with every request, sorted by name.
	Headers  []Header
	CAFile   string // a PEM bundle that replaces the system's roots, "" = system
	Timeouts Timeouts
}

// Platform is a host of vendors' models that wraps their dialects in paths of
// its own.
type Platform string

// Platforms.
const (
	Direct Platform = ""
	Azure  Platform = "azure"
	Vertex Platform = "vertex"
)

// BaseURL is a provider's endpoint.
type BaseURL struct {
	TLS  bool
	Host string // lower-case DNS name or IP address, IPv6 without brackets
	Port uint16
	Path string // "" or "/v1": no trailing slash, nothing to decode
}

// Header is a static request header.
type Header struct{ Name, Value string }

// Timeouts are the time limits of an attempt.
type Timeouts struct {
	Connect    time.Duration // until the connection stands
	FirstToken time.Duration // of a stream: until its first content event
	Answer     time.Duration // of a JSON answer: until it is whole
	Idle       time.Duration // of a stream: between two events; see StreamIdle
	Request    time.Duration // whole request; 0 = none
}

// StreamIdle is how long a stream may be silent. Envoy has one timer for that,
// from the stream's beginning to its end, so the wait for the first event and
// five seconds more fit into it, whatever Idle says.
func (t Timeouts) StreamIdle() time.Duration {
	const more = 5 * time.Second
	return max(t.Idle, t.FirstToken+more)
}

// Model is a public name and the targets that serve it.
type Model struct {
	Name    string    // "creator/model"
	Title   string    // what people call it; the part after the slash if nothing is known
	Created time.Time // the day it was released, UTC; zero = unknown
	// Targets in the catalog's order; never empty, one per provider.
	Targets []Target
	Lane    Lane
	// Bundled: the operator has not defined it; it came with a preset.
	Bundled bool
}

// Target is one way to serve a model.
type Target struct {
	Provider *Provider
	ID       string // the provider's own id for the model
	// Dialects are those the provider speaks for this model, its own first;
	// never empty.
	Dialects []llm.Dialect
	Context  int64 // most tokens of input and output together; 0 = unknown
	Output   int64 // most tokens of output; 0 = unknown
	// Able is what the target can do, as far as Judged says that is known.
	Able   llm.Needs
	Judged bool
	// Prices is nil if they are unknown; free is a price of zero.
	Prices *llm.Prices
}

// Dialect is the one to speak to the target for a client of that dialect: the
// client's own if the target has it, else the target's first.
func (t Target) Dialect(client llm.Dialect) llm.Dialect {
	if slices.Contains(t.Dialects, client) {
		return client
	}
	if len(t.Dialects) == 0 {
		return ""
	}
	return t.Dialects[0]
}

// Lane limits how requests for a model pass. The zero value lets each request
// take the cheapest lane that serves it.
type Lane string

// Lanes an operator may force.
const (
	LaneAuto      Lane = ""
	LaneLeave     Lane = "leave"     // never express
	LaneTranslate Lane = "translate" // always decoded and re-encoded
)

// Key is a client's API key: only its hash is known.
type Key struct {
	Name   string
	Hash   [32]byte // SHA-256 of the whole key
	Models []string // globs of public names; empty = all
	Tenant string   // who it belongs to, "" = nobody; Catalog.Tenants need not list it
	Tags   []string // of each of its requests; sorted, each once
	// Expires is when the key ends to be good; the zero time: never.
	Expires time.Time
}

// Limits bound what one process holds.
type Limits struct {
	Body      int64 // bytes of one request body, default 32 MiB
	Held      int64 // bytes of all held bodies; 0 = a quarter of memory
	Exchanges int   // default 65,536
	Drain     time.Duration
}

// Provider returns the provider of that name, or nil.
func (c *Catalog) Provider(name string) *Provider { return c.providers[name] }

// Model returns the model of exactly that public name, or nil.
func (c *Catalog) Model(name string) *Model { return c.models[name] }

// Target returns the model's target at a provider.
func (m *Model) Target(provider string) (Target, bool) {
	for _, t := range m.Targets {
		if t.Provider.Name == provider {
			return t, true
		}
	}
	return Target{}, false
}
