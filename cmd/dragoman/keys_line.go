package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/identity"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// printLine makes a key for the catalog and prints both.
func printLine(s streams, key catalog.Key, budget *catalog.Budget) error {
	secret, hash, err := identity.Generate(rand.Reader)
	if err != nil {
		return err
	}
	line, err := catalogLine(key, hash)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(s.out, shownOnce("The key", secret), sentAs, "\nAdd to dragoman.yaml, below keys: if it has that already:\nkeys:\n  ", line, "\n")
	if err == nil && budget != nil {
		_, err = fmt.Fprintf(s.out, "budgets:\n  - %s\n", budget.JSON())
	}
	return err
}

// catalogLine is the key's entry with all that is said of it. JSON is YAML.
func catalogLine(key catalog.Key, hash [32]byte) (string, error) {
	var line strings.Builder
	line.WriteString(strings.TrimSuffix(identity.CatalogLine(key.Name, hash), "}"))
	var said map[string]json.RawMessage
	if err := json.Unmarshal(key.JSON(), &said); err != nil {
		return "", err
	}
	for _, field := range []string{"tenant", "models", "tags", "expires"} {
		if value, ok := said[field]; ok {
			fmt.Fprintf(&line, ", %s: %s", field, value)
		}
	}
	line.WriteString("}")
	return line.String(), nil
}
