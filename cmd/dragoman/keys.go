package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

type keysCommand struct {
	Create keysCreateCommand `cmd:"" help:"Make a key. It is printed once, with the line that lets it in where no store is given."`
	List   keysListCommand   `cmd:"" help:"List the store's keys."`
	Revoke keysRevokeCommand `cmd:"" help:"End a key of the store. Every replica refuses it within two seconds."`
	Rotate keysRotateCommand `cmd:"" help:"Give a key of the store a new secret, which is printed once."`
	Reseal keysResealCommand `cmd:"" help:"Seal tenants' own provider keys with a new master key."`
}

type keysCreateCommand struct {
	Name        string   `arg:"" help:"What to call the key in the catalog, logs and metrics." default:"default"`
	Tenant      string   `help:"The tenant that it belongs to." placeholder:"NAME"`
	Tag         []string `help:"A tag of all its requests; may be repeated." placeholder:"TAG"`
	Model       []string `help:"A model that it may use, * stands for any text; may be repeated. Without it: all." placeholder:"GLOB"`
	Expires     string   `help:"When it ends: a day (2027-01-31), a time (2027-01-31T08:00:00Z) or in how long (30d, 720h)." placeholder:"WHEN"`
	Budget      string   `help:"What it may use: an amount per minute, hour, day, week, month or total." placeholder:"$20/month"`
	State       string   `help:"Keep the key in this state directory's store, which a gateway that runs there follows." placeholder:"DIR" env:"DRAGOMAN_STATE"`
	Catalog     string   `help:"Keep the key in the store that this catalog names (store.redis)." placeholder:"FILE" env:"DRAGOMAN_CATALOG"`
	CatalogLine bool     `help:"Print the line for the catalog even where a store is given." aliases:"print"`
}

// Run makes a key in the store, or prints a key and its catalog line.
func (c *keysCreateCommand) Run(ctx context.Context, s streams) error {
	key, err := c.key(time.Now())
	if err != nil {
		return err
	}
	var budget *catalog.Budget
	if c.Budget != "" {
		if budget, err = keyBudget(c.Name, c.Budget); err != nil {
			return err
		}
	}
	where := keyStore{state: c.State, catalog: c.Catalog, makes: true}
	if !c.CatalogLine {
		if err := where.read(s); err != nil {
			return err
		}
	}
	if c.CatalogLine || !where.named() {
		return printLine(s, key, budget)
	}
	return where.with(ctx, s, func(d *directory.Directory) error { return c.create(ctx, s, d, keyPlan{key, budget}) })
}

// keyPlan is a key to be made and its budget, nil if it has none.
type keyPlan struct {
	key    catalog.Key
	budget *catalog.Budget
}

// create writes the budget first, so that the key is never without it.
func (c *keysCreateCommand) create(ctx context.Context, s streams, d *directory.Directory, p keyPlan) error {
	by := directory.By{Who: keysWho}
	if old, err := d.FindKey(ctx, p.key.Name); err == nil && old.Name == p.key.Name && old.Revoked.IsZero() {
		return fmt.Errorf("there is a key %s already; rotate it, or revoke it first", old.Name)
	}
	undo := func() error { return nil }
	if p.budget != nil {
		made, err := putBudget(ctx, d, *p.budget)
		if err != nil {
			return err
		}
		undo = func() error { return forgetBudget(ctx, d, made) }
	}
	k, secret, err := d.CreateKey(ctx, by, p.key)
	if err != nil {
		return errors.Join(err, undo())
	}
	_, err = fmt.Fprint(s.out, shownOnce("The key "+k.Name+" ("+k.ID+")", secret), sentAs)
	return err
}

// putBudget makes a key's budget. One that is there stays as it is: it is left
// alone if it says the same, of which it gives nil, and else it is an error.
func putBudget(ctx context.Context, d *directory.Directory, b catalog.Budget) (made *directory.Budget, err error) {
	made, err = d.PutBudget(ctx, directory.By{Who: keysWho, Expect: directory.Seen(0)}, b)
	if !errors.Is(err, directory.ErrExists) {
		return made, err
	}
	old, findErr := d.FindBudget(ctx, b.Name)
	switch {
	case errors.Is(findErr, directory.ErrNotFound):
		return nil, err // the catalog has it
	case findErr != nil:
		return nil, findErr
	case bytes.Equal(old.JSON(), b.JSON()):
		return nil, nil //nolint:nilnil // nothing is made
	}
	return nil, fmt.Errorf("there is a budget %s already, which is not overwritten: %s\nleave --budget out to keep it, or change it by the admin API, at budgets/%s", b.Name, old.JSON(), b.Name)
}

// forgetBudget takes back what putBudget made, unless somebody has changed it.
func forgetBudget(ctx context.Context, d *directory.Directory, made *directory.Budget) error {
	if made == nil {
		return nil
	}
	return d.DeleteBudget(ctx, directory.By{Who: keysWho, Expect: directory.Seen(made.Version)}, made.Name)
}

// shownOnce is the only text that ever holds a key's secret.
func shownOnce(what string, secret credential.Secret) string {
	return what + ", shown this once:\n  " + secret.Reveal() + "\n"
}

// sentAs is said of every key that is made.
const sentAs = "Clients send it as Authorization: Bearer, x-api-key, api-key or x-goog-api-key.\n"

// key reads the flags as the catalog does.
func (c *keysCreateCommand) key(now time.Time) (catalog.Key, error) {
	expires, err := ending(c.Expires, now)
	if err != nil {
		return catalog.Key{}, err
	}
	plain := catalog.Key{Name: c.Name, Tenant: c.Tenant, Models: c.Model, Tags: c.Tag, Expires: expires}
	key, err := catalog.ParseKey(plain.JSON())
	return key, flagErrors(err, c.Name)
}

// flagErrors are the catalog's, of fields that are flags here.
func flagErrors(err error, name string) error {
	fields, ok := err.(catalog.Errors) //nolint:errorlint // the catalog returns nothing else
	if !ok {
		return err
	}
	lines := make([]string, len(fields))
	for i, f := range fields {
		field, _, _ := strings.Cut(f.Field, "[")
		switch field {
		case "name":
			return fmt.Errorf("%q is no name for a key; write 1 to 63 letters, digits and . _ -, a letter or digit first", name)
		case "tags", "models":
			field = strings.TrimSuffix(field, "s")
		}
		lines[i] = "--" + field + ": " + f.Message
	}
	return fmt.Errorf("%s", strings.Join(lines, "\n"))
}

// ending reads when a key ends.
func ending(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if in, err := inDays(text); err == nil && in > 0 {
		return now.Add(in).UTC().Truncate(time.Second), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			if !at.After(now) {
				return time.Time{}, fmt.Errorf("--expires %s is over; write a time to come", text)
			}
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("--expires %q is no time; write 2027-01-31, 2027-01-31T08:00:00Z or a duration such as 30d or 720h", text)
}

// keyBudget reads an amount per period: $20/month, 2M tokens/day, 100
// requests/minute.
func keyBudget(key, text string) (*catalog.Budget, error) {
	const right = "write such as $20/month, 2M tokens/day or 100 requests/minute"
	amount, per, ok := strings.Cut(text, "/")
	words := strings.Fields(amount)
	unit := catalog.UnitMoney
	if len(words) == 2 {
		unit = words[1]
	}
	if !ok || len(words) != 1 && len(words) != 2 || (len(words) == 1) != strings.HasPrefix(amount, "$") || !slices.Contains(catalog.BudgetUnits(), unit) {
		return nil, fmt.Errorf("--budget %q is no amount and period; %s", text, right)
	}
	body, err := json.Marshal(map[string]any{"name": "key-" + key, "keys": []string{key}, "per": strings.TrimSpace(per), unit: words[0]})
	if err != nil {
		return nil, err
	}
	b, err := catalog.ParseBudget(body)
	if fields, wrong := err.(catalog.Errors); wrong { //nolint:errorlint // the catalog returns nothing else
		return nil, fmt.Errorf("--budget %q: %s %s; %s", text, fields[0].Field, fields[0].Message, right)
	}
	return &b, err
}
