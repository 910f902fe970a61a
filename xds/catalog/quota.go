package catalog

import (
	"slices"
	"strings"
	"time"
)

// Quota is how budgets are kept.
type Quota struct {
	// Wait is how long a request may wait for the store when a lease is empty.
	Wait time.Duration
	// Webhook is a URL that hears of soft thresholds, "" = none; its calls are
	// signed with WebhookSecret (HMAC), if there is one.
	Webhook       string
	WebhookSecret Reference
	// OwnFallback lets requests of a tenant with credentials of its own go on to
	// the gateway's when its own fail.
	OwnFallback bool
}

// Generations is how records of exchanges are kept.
type Generations struct {
	Keep     time.Duration // then they are deleted
	Contents bool          // also what was said
	JSONL    string        // file that each is appended to, "" = none
	OTLP     string        // URL of an OpenTelemetry collector, "" = none
	// OTLPHeaders refers to headers for it, a "name: value" a line.
	OTLPHeaders Reference
}

// Secrets refer to the master keys with which tenants' own credentials are
// sealed: 32 bytes each, base64 or hexadecimal.
type Secrets struct {
	Key    Reference   // seals; zero = own credentials cannot be kept
	Former []Reference // only open what they have sealed
}

const (
	defaultWait = 20 * time.Millisecond
	defaultKeep = 720 * time.Hour
	longestKeep = 3 * 365 * 24 * time.Hour
)

func (c *compiler) quota() {
	doc := c.doc.Quota
	c.catalog.Quota = Quota{
		Wait:          c.span("quota.wait", doc.Wait, spans{time.Millisecond, time.Second, defaultWait}),
		Webhook:       c.webhook("quota.webhook", doc.Webhook),
		WebhookSecret: c.reference("quota.webhook_secret", doc.WebhookSecret),
		OwnFallback:   doc.BYOK.Fallback == nil || *doc.BYOK.Fallback,
	}
	c.beside("quota.webhook_secret", "quota.webhook")
}

func (c *compiler) generations() {
	doc := c.doc.Generations
	c.catalog.Generations = Generations{
		Keep:        c.span("generations.keep", (*duration)(doc.Keep), spans{time.Hour, longestKeep, defaultKeep}),
		Contents:    doc.Contents,
		JSONL:       c.file(recordsFile, "generations.jsonl", doc.JSONL),
		OTLP:        c.collector("generations.otlp", doc.OTLP),
		OTLPHeaders: c.reference("generations.otlp_headers", doc.OTLPHeaders),
	}
	c.beside("generations.otlp_headers", "generations.otlp")
	c.catalog.Secrets.Key = c.reference("secrets.key", c.doc.Secrets.Key)
	for i, text := range c.doc.Secrets.Former {
		c.catalog.Secrets.Former = append(c.catalog.Secrets.Former, c.reference(element("secrets.former", i), text))
	}
}

// beside refuses a field that means nothing without another.
func (c *compiler) beside(field, other string) {
	if c.given(field) && !c.given(other) {
		name := other[strings.LastIndexByte(other, '.')+1:]
		c.fail(field, "means nothing without "+name, "add "+name+", or remove it")
	}
}

// reference reads where something secret is kept: in a variable or in a file.
// A name in capitals is no secret and may be shown.
func (c *compiler) reference(field, text string) Reference {
	if !c.given(field) || c.failed[field] {
		return Reference{}
	}
	const right = "write env:NAME for an environment variable or file:PATH for a file, never the secret itself"
	ref, err := ParseReference(text)
	if err != nil {
		wrong, _, _ := strings.Cut(err.Error(), "; ")
		c.fail(field, wrong, right)
		return Reference{}
	}
	if ref.Cloud() {
		c.fail(field, "is a cloud's credential, which only providers take", right)
		return Reference{}
	}
	if name := c.unset(ref); name != "" {
		c.fail(field, name+" is not set", "set it, or name another")
	}
	if ref.File() {
		ref.Name = c.resolve(ref.Name)
	}
	return ref
}

// unset names the variable of a reference that the environment lacks, "" if
// none is missing or nobody needs it.
func (c *compiler) unset(ref Reference) string {
	if ref.Scheme != SchemeEnv || c.src.Env == nil || c.src.Keyless {
		return ""
	}
	if value, ok := c.src.Env(ref.Name); ok && value != "" {
		return ""
	}
	if ref.Name == strings.ToUpper(ref.Name) {
		return "the environment variable " + ref.Name
	}
	return "the environment variable"
}

// url checks a URL that the source gives and keeps it as it stands there.
func (c *compiler) url(field, text, example string) string {
	if !c.given(field) || c.failed[field] {
		return ""
	}
	_, wrong, right := parseBaseURL(text)
	switch {
	case wrong == "" && strings.HasSuffix(text, "//"):
		wrong, right = "has a path that needs decoding", "write one / between segments"
	case strings.HasPrefix(right, "write https://host/path"):
		right = "write https://host/path, such as " + example
	case strings.HasPrefix(right, "remove what is before the @"):
		right = "remove what is before the @"
	}
	if wrong != "" {
		c.fail(field, wrong, right)
	}
	return text
}

// collector takes plain http to any host: traces hold no contents, and the
// collector is a neighbour as a rule. What otlp_headers refers to is secret, so
// beside it http is for loopback hosts only, as everywhere.
func (c *compiler) collector(field, text string) string {
	const example = "https://otlp.example.com/v1/traces"
	rest, plain := strings.CutPrefix(text, "http://")
	if !plain {
		return c.url(field, text, example)
	}
	c.url(field, "https://"+rest, example)
	if u, _, _ := parseBaseURL(text); c.given("generations.otlp_headers") && !c.failed[field] && !u.Loopback() {
		c.fail(field, "is plain http to another host, and otlp_headers are secret", "write https://, or remove otlp_headers")
	}
	return text
}

// webhook refuses besides a URL that is a secret itself: whoever knows it may
// send to it, and the catalog is for everybody to read.
func (c *compiler) webhook(field, text string) string {
	segments := strings.Split(text, "/")
	if c.given(field) && !c.failed[field] && slices.ContainsFunc(segments, looksSecret) {
		c.fail(field, "holds what looks like a secret", "use an address that is none, and sign the calls with webhook_secret")
	}
	return c.url(field, text, "https://hooks.example.com/budgets")
}
