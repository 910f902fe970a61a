package catalog

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Checked is a catalog that is looked at closely, before anybody uses it.
type Checked struct {
	*Catalog
	// Warnings are of what is allowed and does nothing, or not what it says.
	Warnings Errors
	compiled *compiler
}

// Check reads a file as Load does, but goes on to what it names: its files, if
// env is set. The error is of what is no catalog; what else is wrong is in Err.
func Check(path string, env func(string) (string, bool)) (*Checked, error) {
	data, err := readSource(path)
	if err != nil {
		return nil, err
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	c, err := compile(Source{Name: path, Data: data, Dir: filepath.Dir(absolute), Env: env})
	if err != nil {
		return nil, err
	}
	sound := len(c.errs) == 0
	if env != nil {
		c.catalog.verify(Files{Envoy: true, Own: true, Records: true}, c.report)
	}
	if !sound {
		return nil, c.err()
	}
	return &Checked{c.catalog, c.warnings(), c}, nil
}

// Fault adds what others find wrong with a field, by its path in the source.
// What has an error in it already gets no other.
func (c *Checked) Fault(field string, wrong error) {
	for known := range c.compiled.failed {
		if rest, in := strings.CutPrefix(known, field); in && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return
		}
	}
	c.compiled.failAt(c.compiled.find(field), field, wrong.Error())
}

// Err is nil, or Errors with all that is wrong.
func (c *Checked) Err() error { return c.compiled.err() }

// IssuerField is the path of an issuer in the source, by its name.
func (c *Checked) IssuerField(name string) string {
	for i := range c.compiled.doc.Issuers {
		if c.compiled.doc.Issuers[i].Name == name {
			return element("issuers", i)
		}
	}
	return "issuers"
}
