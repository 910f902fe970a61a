package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
)

// keyPlace names the store; without either it is that of `dragoman run`.
type keyPlace struct {
	State   string `help:"The state directory whose store has the keys. Without it: dragoman in $$XDG_STATE_HOME, ~/.local/state by default." placeholder:"DIR" env:"DRAGOMAN_STATE"`
	Catalog string `help:"The catalog that names the store (store.redis)." placeholder:"FILE" env:"DRAGOMAN_CATALOG"`
}

func (p keyPlace) with(ctx context.Context, s streams, do func(*directory.Directory) error) error {
	where := keyStore{state: p.State, catalog: p.Catalog}
	if err := where.read(s); err != nil {
		return err
	}
	return where.with(ctx, s, do)
}

type keysListCommand struct {
	keyPlace
	JSON bool `help:"As JSON."`
}

// keyRow is a key as --json prints it.
type keyRow struct {
	Name     string     `json:"name"`
	ID       string     `json:"id"`
	State    string     `json:"state"`
	Tenant   string     `json:"tenant,omitempty"`
	Models   []string   `json:"models,omitempty"`
	Tags     []string   `json:"tags,omitempty"`
	Created  time.Time  `json:"created"`
	Expires  *time.Time `json:"expires,omitempty"`
	LastUsed *time.Time `json:"last_used,omitempty"`
}

// Run lists the keys, the ended ones too.
func (c *keysListCommand) Run(ctx context.Context, s streams) error {
	rows := []keyRow{}
	err := c.with(ctx, s, func(d *directory.Directory) error {
		keys, err := d.ListKeys(ctx, "", 0)
		for i := range keys {
			rows = append(rows, keyRowOf(&keys[i], time.Now()))
		}
		return err
	})
	var none *noStoreError
	if nobody := c.State == "" && errors.As(err, &none); err != nil && !nobody {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(s.out)
		e.SetIndent("", "  ")
		return e.Encode(rows)
	}
	return printRows(s, rows)
}

func keyRowOf(k *directory.Key, now time.Time) keyRow {
	r := keyRow{
		Name: k.Name, ID: k.ID, State: "good", Tenant: k.Tenant, Models: k.Models, Tags: k.Tags, Created: k.Created,
		Expires: known(k.Expires), LastUsed: known(k.LastUsed),
	}
	switch {
	case !k.Revoked.IsZero():
		r.State = "revoked"
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		r.State = "expired"
	case now.Before(k.Grace):
		r.State = "rotating"
	}
	return r
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func printRows(s streams, rows []keyRow) error {
	if len(rows) == 0 {
		_, err := fmt.Fprintln(s.out, "There are no keys in the store; those of the catalog stand in its file.")
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tID\tSTATE\tTENANT\tTAGS\tMODELS\tEXPIRES\tLAST USED")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, r.ID, r.State, orDash(r.Tenant), orDash(strings.Join(r.Tags, ",")),
			orDash(strings.Join(r.Models, ",")), day(r.Expires), day(r.LastUsed))
	}
	return w.Flush()
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func day(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

type keysRevokeCommand struct {
	Key string `arg:"" help:"The key's id or name."`
	keyPlace
}

// Run ends a key.
func (c *keysRevokeCommand) Run(ctx context.Context, s streams) error {
	return c.with(ctx, s, func(d *directory.Directory) error {
		k, err := d.RevokeKey(ctx, directory.By{Who: keysWho}, c.Key)
		if err != nil {
			return orOfTheCatalog(err)
		}
		_, err = fmt.Fprintf(s.out, "%s (%s) is revoked.\n", k.Name, k.ID)
		return err
	})
}

type keysRotateCommand struct {
	Key   string `arg:"" help:"The key's id or name."`
	Grace span   `help:"How long the former secret stays good (24h, 7d), 90d at most; 0s ends it at once." default:"24h"`
	keyPlace
}

// Run gives a key a new secret.
func (c *keysRotateCommand) Run(ctx context.Context, s streams) error {
	return c.with(ctx, s, func(d *directory.Directory) error {
		k, secret, err := d.RotateKey(ctx, directory.By{Who: keysWho}, directory.Rotation{Key: c.Key, Grace: time.Duration(c.Grace)})
		if err != nil {
			return orOfTheCatalog(err)
		}
		former := "The former one has ended."
		if !k.Grace.IsZero() {
			former = "The former one is good until " + k.Grace.Format(time.RFC3339) + "."
		}
		_, err = fmt.Fprint(s.out, shownOnce("The new key of "+k.Name+" ("+k.ID+")", secret), former, "\n")
		return err
	})
}

// orOfTheCatalog says where else a key may be.
func orOfTheCatalog(err error) error {
	if errors.Is(err, directory.ErrNotFound) {
		return fmt.Errorf("%w; dragoman keys list shows the store's, and those of the catalog stand in its file", err)
	}
	return err
}
