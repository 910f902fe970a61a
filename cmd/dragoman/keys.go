package main

import (
	"crypto/rand"
	"fmt"

	"github.com/dragoman-gateway/dragoman/extproc/identity"
)

type keysCommand struct {
	Create keysCreateCommand `cmd:"" help:"Make a key: it is printed once, with the line that lets it in."`
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
	_, err = fmt.Fprintf(s.out, "The key, shown this once:\n  %s\n\nAdd to dragoman.yaml:\nkeys:\n  %s\n", key.Reveal(), identity.CatalogLine(c.Name, hash))
	return err
}
