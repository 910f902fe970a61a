package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/generation/postgres"
	"github.com/dragoman-gateway/dragoman/extproc/generation/sqlite"
)

type usageCommand struct {
	By       string `help:"What to sum up by: ${enum}." enum:"day,hour,model,provider,key,tenant,tag,user,credential" default:"day"`
	From     string `help:"First day (2027-01-31), time (2027-01-31T08:00:00Z) or how long ago (24h, 7d)." default:"30d"`
	To       string `help:"Last day, which counts whole, or the time or how long ago to end. Without it: now." placeholder:"WHEN"`
	Key      string `help:"Only this key's." placeholder:"NAME"`
	Tenant   string `help:"Only this tenant's." placeholder:"NAME"`
	Model    string `help:"Only of this model." placeholder:"NAME"`
	Provider string `help:"Only of this provider." placeholder:"NAME"`
	Tag      string `help:"Only what has this tag." placeholder:"TAG"`
	JSON     bool   `help:"As JSON, in the shape of /v1/report, with the totals."`
	State    string `help:"The state directory of the gateway. Without it: the database that dragoman.yaml names, else dragoman in $$XDG_STATE_HOME, ~/.local/state by default." placeholder:"DIR" env:"DRAGOMAN_STATE"`
	Catalog  string `help:"The catalog file that names the database (store.postgres)." placeholder:"FILE" env:"DRAGOMAN_CATALOG"`
}

// usageStore is what has been recorded.
type usageStore interface {
	generation.Reader
	io.Closer
}

// Run sums up what was used and prints it.
func (c *usageCommand) Run(ctx context.Context, s streams) error {
	filter, err := c.filter(time.Now())
	if err != nil {
		return err
	}
	store, err := c.open(ctx, s)
	if errors.Is(err, sqlite.ErrNone) {
		return c.nothing(filter, s)
	}
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }() // it was only read
	total, err := generation.Total(ctx, store, filter)
	switch {
	case postgres.IsNone(err), err == nil && total.Requests == 0:
		return c.nothing(filter, s)
	case err != nil:
		return fmt.Errorf("reading what was used: %w", err)
	}
	grouping := c.grouping()
	rows, err := store.Report(ctx, filter, grouping)
	if err != nil {
		return fmt.Errorf("reading what was used: %w", err)
	}
	if c.JSON {
		return c.printJSON(rows, total, s)
	}
	return c.printTable(rows, total, filter, s)
}

// open finds where the gateway records: the database of a catalog, unless only
// a state directory is named, else the file in that.
func (c *usageCommand) open(ctx context.Context, s streams) (usageStore, error) {
	path := c.Catalog
	if path == "" && c.State == "" {
		if _, err := os.Stat(defaultCatalog); err == nil {
			path = defaultCatalog
		}
	}
	if path != "" {
		cat, err := loadKeyless(path, s)
		if err != nil {
			return nil, err
		}
		if where := cat.Store.Postgres; where.Scheme != "" {
			dsn, err := credential.Resolve(ctx, where, s.env)
			if err != nil {
				return nil, fmt.Errorf("the catalog's store.postgres: %w", err)
			}
			return postgres.OpenExisting(dsn.Reveal())
		}
	}
	find := existingState
	if c.State == "" { // where nobody has recorded anything yet
		find = statePath
	}
	dir, err := find(c.State, s)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, extproc.DatabaseFile)
	store, err := sqlite.OpenExisting(ctx, file)
	if err != nil {
		return nil, extproc.Damaged(file, err)
	}
	return store, nil
}

// nothing says so, in words that tell what to try.
func (c *usageCommand) nothing(f generation.Filter, s streams) error {
	if c.JSON {
		return c.printJSON(nil, generation.Sums{}, s)
	}
	_, err := fmt.Fprintf(s.out, "No requests from %s to %s%s are recorded here. "+
		"--from reaches back further; --state or --catalog name where another gateway records.\n",
		shownTime(f.From), shownTime(f.To), c.only())
	return err
}

func (c *usageCommand) printJSON(rows []generation.Row, total generation.Sums, s streams) error {
	var report struct {
		Results json.RawMessage `json:"results"`
		Total   json.RawMessage `json:"total"`
	}
	if err := json.Unmarshal(generation.ReportJSON(rows, c.grouping()), &report); err != nil {
		return err
	}
	report.Total = generation.SumsJSON(total)
	enc := json.NewEncoder(s.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(report)
}
