// Package catalog turns everything the operator says (dragoman.yaml) into one
// immutable value.
//
// The flow: bytes → guards → tree with positions → strict decode → validate
// all and compile, with the bundled presets (how to reach a provider) and the
// bundled list of models (who serves what, under which id, what it can do and
// what it costs) filling in what is left out. Parse reports every error at
// once, each with line, field path and what would be right; it never returns a
// half-valid Catalog. Watch keeps the last good value when a changed file does
// not parse. FromEnvironment and Demo write sources that go the same way;
// Schema describes the file to editors. The command in bundle makes the list.
// Verify looks into the certificates, keys and other files that a catalog names,
// and Check does both and warns of what fits nothing, for who asks beforehand.
//
// Keys, tenants and budgets may also be kept outside the file: ParseKey,
// ParseTenant and ParseBudget read each from JSON by the same checks, with the
// same Errors, and their JSON methods write what those read.
//
// Refuses: unknown and duplicate fields, YAML's anchors, aliases, tags and
// further documents, sources that would cost much to parse, secrets in clear
// text (only references; no message repeats what may be one), hosts that the
// operator did not write. It resolves no secret, opens no connection and knows
// nothing of Envoy.
//
// Concurrency: a *Catalog is never changed after Parse returns it, so it may
// be shared freely. A Watcher has one goroutine, which ends with the context
// given to Watch; its owner waits for that with Wait.
package catalog
