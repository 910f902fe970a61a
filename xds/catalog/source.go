package catalog

import (
	"crypto/sha256"
	"encoding/hex"
)

// Source is the text of a catalog.
type Source struct {
	Name string // the file's name for messages
	Data []byte // YAML, at most 4 MiB
	// Dir is what relative names of files in the catalog are relative to; ""
	// leaves them as they are.
	Dir string
	// Env looks up environment variables. If it is set, every env: reference
	// must name one that is set and not empty; nil leaves that unchecked, and the
	// holes of URLs that only variables fill hold their names. The values of
	// credentials are not kept.
	Env func(string) (string, bool)
	// Keyless leaves the env: references of credentials unchecked, for a process
	// that needs none; what else the catalog takes from Env is asked for.
	Keyless bool
}

// Parse checks and compiles a source. Its error is Errors: everything that is
// wrong, sorted by line.
func Parse(src Source) (*Catalog, error) {
	c, err := compile(src)
	if err != nil {
		return nil, err
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	return c.catalog, nil
}

// compile goes through the whole source. What is wrong with it is in the
// compiler's report; the error is of what cannot be compiled at all.
func compile(src Source) (*compiler, error) {
	r := newReport(src.Name)
	doc := decode[document](src.Data, r)
	if len(r.errs) > 0 && len(r.at) == 0 {
		return nil, r.err() // not even YAML: there is nothing to check
	}
	all, err := bundled()
	if err != nil {
		return nil, err
	}
	list, err := known()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(src.Data)
	c := &compiler{
		report: r, src: src, doc: doc, presets: all, known: list,
		catalog: &Catalog{Version: versionOf(sum), Open: doc.Open, source: src.Name},
	}
	c.something()
	c.listen()
	c.limits()
	c.providers()
	c.models()
	c.aliases()
	c.keys()
	c.tenants()
	c.store()
	c.budgets()
	c.issuers()
	c.quota()
	c.generations()
	return c, nil
}

func versionOf(sum [sha256.Size]byte) string { return hex.EncodeToString(sum[:]) }
