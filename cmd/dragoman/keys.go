package main

import (
	"crypto/rand"
	"fmt"

	"github.com/dragoman-gateway/dragoman/extproc/identity"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

type keysCommand struct {
	Create keysCreateCommand `cmd:"" help:"Make a key. It is printed once, with the line that lets it in."`
}

type keysCreateCommand struct {
	Name string `arg:"" help:"What to call the key in the catalog, logs and metrics." default:"default"`
}

// Run prints a key and its catalog line.
func (c *keysCreateCommand) Run(s streams) error {
	key, hash, err := identity.Generate(rand.Reader)
	if err != nil {
		return err
	}
	line := identity.CatalogLine(c.Name, hash)
	// The catalog itself judges the name.
	const nowhere = "http://127.0.0.1:1"
	try := catalog.Demo(catalog.DemoAddresses{Alpha: nowhere, Beta: nowhere, Gamma: nowhere, Delta: nowhere})
	try.Data = append(try.Data, "keys:\n  "+line+"\n"...)
	if _, err := catalog.Parse(try); err != nil {
		return fmt.Errorf("%q is no name for a key; write 1 to 63 letters, digits and . _ -, a letter or digit first", c.Name)
	}
	_, err = fmt.Fprintf(s.out, "The key, shown this once:\n  %s\nClients send it as Authorization: Bearer, x-api-key, api-key or x-goog-api-key.\n\nAdd to dragoman.yaml, below keys: if it has that already:\nkeys:\n  %s\n", key.Reveal(), line)
	return err
}
