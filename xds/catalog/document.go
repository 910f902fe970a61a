package catalog

// The structs of this file are the shape of dragoman.yaml: they are decoded
// from it, and its JSON Schema is generated from them. A pointer tells "not
// given" from zero.

type document struct {
	Open      bool          `json:"open,omitempty" jsonschema_description:"Requests need no key. Only allowed while listen.address is a loopback address."`
	Listen    listenSection `json:"listen,omitempty" jsonschema_description:"Where clients reach the gateway."`
	Timeouts  timeouts      `json:"timeouts,omitempty" jsonschema_description:"Time limits of every attempt; a provider may have its own."`
	Limits    limitsSection `json:"limits,omitempty" jsonschema_description:"What one process holds at most."`
	Providers providerTable `json:"providers,omitempty" jsonschema_description:"Accounts at the APIs of vendors, by name. A name that is a preset's needs nothing more: {}."`
	Models    modelTable    `json:"models,omitempty" jsonschema_description:"Models by public name, creator/model. One that is defined here replaces the bundled one of that name."`
	Aliases   aliasTable    `json:"aliases,omitempty" jsonschema_description:"Further names for models: pattern to public name. * stands for any text; the most specific pattern wins, then the first."`
	Keys      []keyEntry    `json:"keys,omitempty" jsonschema_description:"API keys of clients, by their hashes."`

	Tenants     tenantTable        `json:"tenants,omitempty" jsonschema_description:"Who keys and identities belong to, by name. Tenants that need nothing said of them need not stand here."`
	Budgets     []budgetEntry      `json:"budgets,omitempty" jsonschema_description:"What may be used at most, of money, requests and tokens, and by whom."`
	Issuers     []issuerEntry      `json:"issuers,omitempty" jsonschema_description:"Issuers of signed tokens (OpenID Connect) that are accepted in place of keys."`
	Store       storeSection       `json:"store,omitempty" jsonschema_description:"Where replicas keep what they share. By default a file in the state directory, for one process."`
	Quota       quotaSection       `json:"quota,omitempty" jsonschema_description:"How budgets are kept."`
	Generations generationsSection `json:"generations,omitempty" jsonschema_description:"How records of requests are kept."`
	Secrets     secretsSection     `json:"secrets,omitempty" jsonschema_description:"How tenants' own credentials are sealed."`
}

type listenSection struct {
	Address     string      `json:"address,omitempty" jsonschema:"default=127.0.0.1" jsonschema_description:"IP address to listen on. 0.0.0.0 is every IPv4 interface."`
	Port        *int64      `json:"port,omitempty" jsonschema:"default=10000,minimum=0,maximum=65535" jsonschema_description:"TCP port. 0 lets the kernel choose."`
	External    bool        `json:"external,omitempty" jsonschema:"default=false" jsonschema_description:"An Envoy of yours has the listener, with the connection manager that dragoman envoy pieces prints. Address and port are then what that prints."`
	TLS         *tlsSection `json:"tls,omitempty" jsonschema_description:"Serve HTTPS. The files are watched, so that rotation needs no restart."`
	TrustedHops *int64      `json:"trusted_hops,omitempty" jsonschema:"default=0,minimum=0,maximum=16" jsonschema_description:"How many proxies in front of the gateway are trusted to have written x-forwarded-for."`
	CORSOrigins []string    `json:"cors_origins,omitempty" jsonschema_description:"Origins (https://app.example) whose pages may call the gateway from a browser."`
}

type tlsSection struct {
	Cert string `json:"cert" eg:"cert: gateway.crt" jsonschema_description:"File with the certificate chain, PEM. Relative to the catalog."`
	Key  string `json:"key" eg:"key: gateway.key" jsonschema_description:"File with the private key, PEM. Relative to the catalog."`
}

type timeouts struct {
	Connect    *duration `json:"connect,omitempty" jsonschema_description:"Until the connection to the provider stands. Default 5s; 1ms to 5m."`
	FirstToken *duration `json:"first_token,omitempty" jsonschema_description:"Of a stream: until its first content. Default 60s; 1ms to 1h."`
	Answer     *duration `json:"answer,omitempty" jsonschema_description:"Of a JSON answer: until it is whole. Default 600s; 1ms to 24h."`
	Idle       *duration `json:"idle,omitempty" jsonschema_description:"Of a stream: between two events. Default 120s; 1ms to 24h. What is less than first_token and 5s counts as that, as the first event may take so long."`
	Request    *duration `json:"request,omitempty" jsonschema_description:"Of a whole attempt, its stream included. Default 0s, no limit; up to 168h."`
}

type limitsSection struct {
	Body      *size     `json:"body,omitempty" jsonschema_description:"Largest request body. Default 32MiB; 1KiB to 1GiB."`
	Held      *size     `json:"held,omitempty" jsonschema_description:"All held bodies together. 0, the default, is a quarter of memory; up to 1TiB."`
	Exchanges *int64    `json:"exchanges,omitempty" jsonschema:"default=65536,minimum=1,maximum=16777216" jsonschema_description:"Requests in progress at a time."`
	Drain     *duration `json:"drain,omitempty" jsonschema_description:"How long requests in progress may go on when the process ends. Default 30s; 0s to 1h."`
}

type providerEntry struct {
	Preset     string      `json:"preset,omitempty" jsonschema_description:"Bundled preset to start from; by default the one of the provider's own name, if there is one."`
	Region     string      `json:"region,omitempty" jsonschema_description:"Region of the account: preset/region names this provider in a request's order. Some base URLs need it; then it may come from the vendor's own environment variable."`
	Project    string      `json:"project,omitempty" jsonschema_description:"Google Cloud project, for base URLs that need it. By default GOOGLE_CLOUD_PROJECT."`
	Resource   string      `json:"resource,omitempty" jsonschema_description:"Name of the Azure resource, for base URLs that need it. By default AZURE_RESOURCE_NAME."`
	Dialect    string      `json:"dialect,omitempty" jsonschema_description:"Wire format of the API."`
	Dialects   []string    `json:"dialects,omitempty" jsonschema_description:"Wire formats of the API where it has several, its own first."`
	Platform   string      `json:"platform,omitempty" jsonschema:"enum=azure,enum=vertex" jsonschema_description:"Host that wraps the dialect in paths of its own."`
	APIVersion string      `json:"api_version,omitempty" jsonschema:"pattern=^[A-Za-z0-9._-]+$" jsonschema_description:"Version that the platform wants in its query, such as Azure's 2024-10-21. Without it, Azure's v1 API is used."`
	Quirks     quirksEntry `json:"quirks,omitempty" jsonschema_description:"How the API departs from its dialect. By default the preset's, field by field."`
	BaseURL    string      `json:"base_url,omitempty" jsonschema_description:"Where the API starts, such as https://api.openai.com/v1. http only for loopback hosts. {region}, {project} and {resource} stand for those fields."`
	Credential string      `json:"credential,omitempty" jsonschema:"pattern=^((env|file):.+|(aws|gcp):.*|azure:)$" jsonschema_description:"Where the credential is kept: env:NAME or file:PATH for a key; aws:, aws:PROFILE, gcp:, gcp:PATH or azure: for what a cloud hands out. Never the key itself."`
	Headers    headerTable `json:"headers,omitempty" jsonschema_description:"Headers sent with every request. No credentials."`
	CA         string      `json:"ca,omitempty" jsonschema_description:"File with the certificate authorities to trust instead of the system's, PEM. Relative to the catalog."`
	Timeouts   timeouts    `json:"timeouts,omitempty" jsonschema_description:"Time limits of this provider where they differ."`
}

type modelEntry struct {
	Targets []targetEntry `json:"targets" eg:"targets: [openai]" jsonschema:"minItems=1" jsonschema_description:"Providers that serve the model, in the order in which they are tried."`
	Lane    string        `json:"lane,omitempty" jsonschema:"enum=auto,enum=leave,enum=translate,default=auto" jsonschema_description:"How requests pass: auto is the cheapest way that serves them, leave never rewrites early, translate always decodes and re-encodes."`
	Created *date         `json:"created,omitempty" jsonschema_description:"Day of its release, 2006-01-02, as the list of models shows it."`

	Context      *int64       `json:"context,omitempty" jsonschema:"minimum=1,maximum=1000000000" jsonschema_description:"Context window in tokens, of all targets that do not say otherwise."`
	Output       *int64       `json:"output,omitempty" jsonschema:"minimum=1,maximum=1000000000" jsonschema_description:"Most tokens of output, of all targets that do not say otherwise."`
	Capabilities []string     `json:"capabilities,omitempty" jsonschema_description:"All that the model can do, for all targets that do not say otherwise."`
	Prices       *pricesEntry `json:"prices,omitempty" jsonschema_description:"What tokens cost at all targets that do not say otherwise."`
}

type targetEntry struct {
	Provider string `json:"provider" eg:"provider: openai" jsonschema_description:"Name of a provider."`
	ID       string `json:"id,omitempty" jsonschema_description:"The provider's own id for the model. By default the bundled list's, else the public name's part after the slash."`

	Dialects     []string     `json:"dialects,omitempty" jsonschema_description:"Wire formats for this model where they are not the provider's, its own first."`
	Context      *int64       `json:"context,omitempty" jsonschema:"minimum=1,maximum=1000000000" jsonschema_description:"Context window in tokens. By default the bundled list's, if it knows the id."`
	Output       *int64       `json:"output,omitempty" jsonschema:"minimum=1,maximum=1000000000" jsonschema_description:"Most tokens of output. By default the bundled list's, if it knows the id."`
	Capabilities []string     `json:"capabilities,omitempty" jsonschema_description:"All that the model can do here. By default the bundled list's, if it knows the id; unknown otherwise, and then nothing is held against it."`
	Prices       *pricesEntry `json:"prices,omitempty" jsonschema_description:"What tokens cost here. By default the bundled list's, if it knows the id; {} is unknown."`
}

// pricesEntry is in dollars a million tokens. A class that is left out costs what
// its parent does.
type pricesEntry struct {
	Input          *price `json:"input,omitempty" jsonschema_description:"Of input that is in no other class."`
	Output         *price `json:"output,omitempty" jsonschema_description:"Of output that is in no other class."`
	CacheRead      *price `json:"cache_read,omitempty" jsonschema_description:"Of input that is read from a cache. By default input's."`
	CacheWrite     *price `json:"cache_write,omitempty" jsonschema_description:"Of input that is written to a cache. By default input's."`
	CacheWriteHour *price `json:"cache_write_hour,omitempty" jsonschema_description:"The same, to live for an hour. By default cache_write's."`
	Reasoning      *price `json:"reasoning,omitempty" jsonschema_description:"Of reasoning. By default output's."`
	AudioInput     *price `json:"audio_input,omitempty" jsonschema_description:"Of audio in the input. By default input's."`
	AudioOutput    *price `json:"audio_output,omitempty" jsonschema_description:"Of audio in the output. By default output's."`

	Tiers []tierEntry `json:"tiers,omitempty" jsonschema_description:"Prices of requests with more input."`
}

type tierEntry struct {
	Over           int64  `json:"over" eg:"over: 200000" jsonschema:"minimum=1,maximum=1000000000" jsonschema_description:"For requests with more tokens of input than this."`
	Input          *price `json:"input,omitempty" jsonschema_description:"As above; what is left out costs what it costs without the tier."`
	Output         *price `json:"output,omitempty" jsonschema_description:"As above."`
	CacheRead      *price `json:"cache_read,omitempty" jsonschema_description:"As above."`
	CacheWrite     *price `json:"cache_write,omitempty" jsonschema_description:"As above."`
	CacheWriteHour *price `json:"cache_write_hour,omitempty" jsonschema_description:"As above."`
	Reasoning      *price `json:"reasoning,omitempty" jsonschema_description:"As above."`
	AudioInput     *price `json:"audio_input,omitempty" jsonschema_description:"As above."`
	AudioOutput    *price `json:"audio_output,omitempty" jsonschema_description:"As above."`
}

// short reads a target that is only a provider's name.
func (t *targetEntry) short(text string) { t.Provider = text }

type keyEntry struct {
	Name   string   `json:"name" eg:"name: ci" jsonschema_description:"Name of the key in logs and figures."`
	Hash   string   `json:"hash" eg:"hash: sha256:<64 hexadecimal digits>" jsonschema:"pattern=^sha256:[0-9a-fA-F]{64}$" jsonschema_description:"SHA-256 of the whole key. Never the key itself."`
	Models []string `json:"models,omitempty" jsonschema_description:"Public names the key may use, * stands for any text. None given: all."`

	Tenant  string   `json:"tenant,omitempty" jsonschema_description:"Tenant that the key belongs to. It need not stand in tenants."`
	Tags    []string `json:"tags,omitempty" jsonschema:"maxItems=10" jsonschema_description:"Tags of every request made with the key."`
	Expires *moment  `json:"expires,omitempty" jsonschema_description:"When the key ends to be good: a day, from whose beginning (UTC) it is refused, or a moment. Never, if not given."`
}

type (
	providerTable map[string]providerEntry
	modelTable    map[string]modelEntry
	aliasTable    map[string]string
	headerTable   map[string]string
)
