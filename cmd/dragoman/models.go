package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

type modelsCommand struct {
	Catalog  string `help:"The catalog file. Without it: dragoman.yaml if it is here, else the providers whose keys are in the environment." placeholder:"FILE" env:"DRAGOMAN_CATALOG"`
	Provider string `help:"Only models this provider serves." placeholder:"NAME"`
	JSON     bool   `help:"As JSON."`
}

// modelRow is a model as `dragoman models` shows it.
type modelRow struct {
	Model   string      `json:"model"`
	Targets []targetRow `json:"targets"`
}

type targetRow struct {
	Provider string `json:"provider"`
	ID       string `json:"id"`
	Context  int64  `json:"context,omitempty"`
}

// Run lists the models in the order their targets are tried.
func (c *modelsCommand) Run(s streams) error {
	cat, err := c.load(s)
	if err != nil {
		return err
	}
	if c.Provider != "" && cat.Provider(c.Provider) == nil {
		return fmt.Errorf("--provider %s: the catalog has no provider of that name", c.Provider)
	}
	rows := c.rows(cat)
	if c.JSON {
		enc := json.NewEncoder(s.out)
		enc.SetIndent("", "  ")
		return enc.Encode(rows)
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "MODEL\tTARGETS (in order)")
	for _, r := range rows {
		ts := make([]string, len(r.Targets))
		for i, t := range r.Targets {
			ts[i] = t.Provider + ":" + t.ID
		}
		fmt.Fprintf(w, "%s\t%s\n", r.Model, strings.Join(ts, "  "))
	}
	return w.Flush()
}

// load takes the catalog that `dragoman run` would take here.
func (c *modelsCommand) load(s streams) (*catalog.Catalog, error) {
	path := c.Catalog
	if path == "" {
		path = defaultCatalog
		if _, err := os.Stat(path); err != nil {
			if source, enabled := catalog.FromEnvironment(s.env); len(enabled) > 0 {
				return catalog.Parse(source)
			}
		}
	}
	return loadCatalog(path, nil)
}

func (c *modelsCommand) rows(cat *catalog.Catalog) []modelRow {
	rows := []modelRow{}
	for _, m := range cat.Models {
		if _, ok := m.Target(c.Provider); c.Provider != "" && !ok {
			continue
		}
		r := modelRow{Model: m.Name}
		for _, t := range m.Targets {
			r.Targets = append(r.Targets, targetRow{t.Provider.Name, t.ID, t.Context})
		}
		rows = append(rows, r)
	}
	return rows
}
