package catalog

// The shape of those sections of dragoman.yaml that say who may ask, what may
// be spent and where that is kept; see document.

type tenantEntry struct {
	Tags      []string `json:"tags,omitempty" jsonschema:"maxItems=10" jsonschema_description:"Tags of every request of the tenant."`
	Models    []string `json:"models,omitempty" jsonschema_description:"Public names the tenant may use, * stands for any text. None given: all."`
	Suspended bool     `json:"suspended,omitempty" jsonschema:"default=false" jsonschema_description:"Refuse all requests of the tenant."`
}

type budgetEntry struct {
	Name    string   `json:"name" eg:"name: everyone" jsonschema_description:"Name of the budget in refusals and figures."`
	Keys    []string `json:"keys,omitempty" jsonschema_description:"Holds only for keys with these names, * stands for any text. None given: all."`
	Tenants []string `json:"tenants,omitempty" jsonschema_description:"Holds only for these tenants, * stands for any text. None given: all, and requests without a tenant."`
	Models  []string `json:"models,omitempty" jsonschema_description:"Holds only for models with these public names, * stands for any text. None given: all."`
	Tags    []string `json:"tags,omitempty" jsonschema_description:"Holds only for requests with a tag of these, * stands for any text. None given: all."`
	Each    []string `json:"each,omitempty" jsonschema_description:"What is counted apart: key, tenant, model or tag, or several of them. None given: all together."`
	Per     string   `json:"per,omitempty" jsonschema:"enum=minute,enum=hour,enum=day,enum=week,enum=month,enum=total" jsonschema_description:"How long is counted before it begins anew, by UTC; total never does. Only concurrent needs none."`

	Money        *money `json:"money,omitempty" jsonschema_description:"US dollars."`
	Requests     *count `json:"requests,omitempty" jsonschema_description:"Requests."`
	Tokens       *count `json:"tokens,omitempty" jsonschema_description:"Tokens of input and output together."`
	InputTokens  *count `json:"input_tokens,omitempty" jsonschema_description:"Tokens of input."`
	OutputTokens *count `json:"output_tokens,omitempty" jsonschema_description:"Tokens of output."`
	Concurrent   *count `json:"concurrent,omitempty" jsonschema_description:"Requests under way at a time."`

	Soft   []int64    `json:"soft,omitempty" jsonschema_description:"Percentages of the limits at which somebody is told. Default [50, 80, 100]; [] is none."`
	Shares shareTable `json:"shares,omitempty" jsonschema_description:"How the limits are divided among regions, in percent, by region."`
	Away   *awayEntry `json:"away,omitempty" jsonschema_description:"What one process may grant a period while the store is away, or deny, the default."`
}

// awayEntry is a mapping of units to amounts, or one word.
type awayEntry struct {
	Word         string `json:"-"`
	Money        *money `json:"money,omitempty" jsonschema_description:"US dollars."`
	Requests     *count `json:"requests,omitempty" jsonschema_description:"Requests."`
	Tokens       *count `json:"tokens,omitempty" jsonschema_description:"Tokens of input and output together."`
	InputTokens  *count `json:"input_tokens,omitempty" jsonschema_description:"Tokens of input."`
	OutputTokens *count `json:"output_tokens,omitempty" jsonschema_description:"Tokens of output."`
	Concurrent   *count `json:"concurrent,omitempty" jsonschema_description:"Requests under way at a time."`
}

// short reads the word.
func (a *awayEntry) short(text string) { a.Word = text }

type issuerEntry struct {
	Name       string     `json:"name" eg:"name: ci" jsonschema_description:"Name of the issuer in logs."`
	Issuer     string     `json:"issuer" eg:"issuer: https://idp.example.com/acme" jsonschema_description:"Exactly what its tokens say in iss: an https URL. http only for loopback hosts."`
	Audience   []string   `json:"audience" eg:"audience: [https://gateway.example.com]" jsonschema:"minItems=1" jsonschema_description:"Values of aud that are accepted."`
	Algorithms []string   `json:"algorithms,omitempty" jsonschema_description:"Signatures that are accepted, with public keys only. Default [RS256, ES256, EdDSA]."`
	JWKS       string     `json:"jwks,omitempty" jsonschema_description:"URL of the issuer's public keys. By default what its /.well-known/openid-configuration says."`
	CA         string     `json:"ca,omitempty" jsonschema_description:"File with the certificate authorities to trust instead of the system's, PEM. Relative to the catalog."`
	Require    claimTable `json:"require,omitempty" jsonschema_description:"Claims that a token must have: claim to pattern, * stands for any text. Dots lead into nested claims."`
	Tenant     string     `json:"tenant,omitempty" jsonschema_description:"Name of the tenant: fixed, or with claims in braces, such as {owner_id}. None given: no tenant."`
	Tags       []string   `json:"tags,omitempty" jsonschema:"maxItems=10" jsonschema_description:"Tags of every request, with claims in braces, such as env:{environment}."`
	Key        string     `json:"key,omitempty" jsonschema:"default={sub}" jsonschema_description:"Name of who asks, in logs, figures and budgets, with claims in braces."`
	Models     []string   `json:"models,omitempty" jsonschema_description:"Public names the tokens may use, * stands for any text. None given: all."`
	Leeway     *duration  `json:"leeway,omitempty" jsonschema_description:"How far the issuer's clock may be off. Default 30s; 0s to 5m."`
}

type storeSection struct {
	Redis    *redisEntry `json:"redis,omitempty" jsonschema_description:"Redis 7 or later, for several replicas."`
	Postgres string      `json:"postgres,omitempty" jsonschema:"pattern=^(env|file):.+$" jsonschema_description:"Where the URL of a PostgreSQL database for records of requests is kept: env:NAME or file:PATH."`
}

type redisEntry struct {
	Addresses        []string    `json:"addresses" eg:"addresses: [redis.internal:6379]" jsonschema:"minItems=1" jsonschema_description:"Host and port; 6379 if none is given, of Sentinels 26379. Several of a cluster's nodes, or of Sentinels."`
	Cluster          bool        `json:"cluster,omitempty" jsonschema:"default=false" jsonschema_description:"The addresses are nodes of a cluster."`
	Sentinel         string      `json:"sentinel,omitempty" jsonschema_description:"The addresses are Sentinels, and this is the name of the master that they watch."`
	Username         string      `json:"username,omitempty" jsonschema_description:"User of Redis's ACL."`
	Password         string      `json:"password,omitempty" jsonschema:"pattern=^(env|file):.+$" jsonschema_description:"Where the password is kept: env:NAME or file:PATH. Never the password itself."`
	SentinelUsername string      `json:"sentinel_username,omitempty" jsonschema_description:"User of the Sentinels' own ACL."`
	SentinelPassword string      `json:"sentinel_password,omitempty" jsonschema:"pattern=^(env|file):.+$" jsonschema_description:"Where the Sentinels' own password is kept, if they have one: env:NAME or file:PATH."`
	TLS              bool        `json:"tls,omitempty" jsonschema:"default=false" jsonschema_description:"Connect by TLS."`
	CA               string      `json:"ca,omitempty" jsonschema_description:"File with the certificate authorities to trust instead of the system's, PEM. Relative to the catalog."`
	Database         *int64      `json:"database,omitempty" jsonschema:"default=0,minimum=0,maximum=65535" jsonschema_description:"Number of the database."`
	Region           string      `json:"region,omitempty" jsonschema_description:"Name of the region that this Redis is for, where there are several."`
	Prefix           string      `json:"prefix,omitempty" jsonschema:"default=dgm" jsonschema_description:"What all names in Redis start with, so that several gateways can share one."`
	Regions          regionTable `json:"regions,omitempty" jsonschema_description:"The Redis of every other region, by region; budgets with shares are balanced with them."`
}

type quotaSection struct {
	Wait          *duration   `json:"wait,omitempty" jsonschema_description:"How long a request may wait for the store when what this process holds of a budget is used up. Default 20ms; 1ms to 1s."`
	Webhook       string      `json:"webhook,omitempty" jsonschema_description:"URL that is called when a budget reaches one of its soft percentages. http only for loopback hosts."`
	WebhookSecret string      `json:"webhook_secret,omitempty" jsonschema:"pattern=^(env|file):.+$" jsonschema_description:"Where the secret that signs those calls (HMAC-SHA256) is kept: env:NAME or file:PATH."`
	BYOK          byokSection `json:"byok,omitempty" jsonschema_description:"Tenants' own credentials at providers."`
}

type byokSection struct {
	Fallback *bool `json:"fallback,omitempty" jsonschema:"default=true" jsonschema_description:"When a tenant's own credential fails, go on to the gateway's."`
}

type generationsSection struct {
	Keep        *age   `json:"keep,omitempty" jsonschema_description:"How long records are kept. Default 720h; 1h to 26280h, three years; in days: 30d."`
	Contents    bool   `json:"contents,omitempty" jsonschema:"default=false" jsonschema_description:"Also keep what was said: prompts and answers."`
	JSONL       string `json:"jsonl,omitempty" jsonschema_description:"File that every record is appended to, a line of JSON each. Relative to the catalog."`
	OTLP        string `json:"otlp,omitempty" jsonschema_description:"URL of an OpenTelemetry collector (OTLP over HTTP) that gets every record as a trace, without contents. With otlp_headers, http only for loopback hosts."`
	OTLPHeaders string `json:"otlp_headers,omitempty" jsonschema:"pattern=^(env|file):.+$" jsonschema_description:"Where headers for it are kept, one name: value a line: env:NAME or file:PATH."`
}

type secretsSection struct {
	Key    string   `json:"key" eg:"key: env:DRAGOMAN_MASTER_KEY" jsonschema:"pattern=^(env|file):.+$" jsonschema_description:"Where the master key (32 bytes, base64 or hexadecimal) is kept: env:NAME or file:PATH."`
	Former []string `json:"former,omitempty" jsonschema_description:"Where former master keys are kept, which open what they sealed until dragoman keys reseal has been run: env:NAME or file:PATH."`
}

type (
	tenantTable map[string]tenantEntry
	shareTable  map[string]int64
	claimTable  map[string]string
	regionTable map[string]redisEntry
)
