package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

type checkCommand struct {
	File       string `arg:"" optional:"" help:"The catalog file, dragoman.yaml by default."`
	Live       bool   `help:"Also ask each provider something that is free: is the credential taken, are the model ids known? And Redis, Postgres and the issuers whether they are there." xor:"env"`
	WithoutEnv bool   `help:"Don't ask whether the environment variables and the files that it names are there, as on a machine that has no keys." xor:"env"`
}

// Help says what --live does.
func (c *checkCommand) Help() string {
	return "What --live asks: for the list of models; on Vertex AI, each model to count one word; " +
		"on Bedrock, an empty conversation, which it refuses once it has taken the credential. Nothing is generated. " +
		"It also asks Redis for its version, connects to Postgres and fetches the issuers' keys; nothing is written there."
}

// Run reports what is wrong, every error at once.
func (c *checkCommand) Run(ctx context.Context, s streams) error {
	file, env := c.File, s.env
	if file == "" {
		file = defaultCatalog
	}
	if c.WithoutEnv {
		env = nil
	}
	checked, err := c.check(ctx, file, env)
	var errs catalog.Errors
	if errors.As(err, &errs) {
		fmt.Fprintf(s.err, "%v\n%s in %s\n", errs, count(len(errs), "error"), file)
		return errReported
	}
	if err != nil {
		return err
	}
	for _, warning := range checked.Warnings {
		fmt.Fprintln(s.err, "warning:", warning)
	}
	cat := checked.Catalog
	fmt.Fprintf(s.out, "%s is good: %s, %s%s\n", file, sizes(cat), count(len(cat.Keys), "key"), alsoGood(checked))
	if !cat.Open && len(cat.Keys) == 0 && len(cat.Issuers) == 0 {
		fmt.Fprintln(s.out, "It has no keys, so every request would be refused but those with a key of the store; make one with dragoman keys create.")
	}
	if !c.Live {
		return nil
	}
	return errors.Join(checkLive(ctx, cat, s), (&depending{cat, s.env}).ask(ctx, s))
}

// check gives the catalog unless something is wrong with it or with what it
// names, which no env asks for.
func (c *checkCommand) check(ctx context.Context, file string, env credential.Env) (*catalog.Checked, error) {
	if err := there(file); err != nil {
		return nil, err
	}
	checked, err := catalog.Check(file, env)
	if err != nil {
		return nil, err
	}
	if env != nil {
		checkCredentials(checked, env)
		(&depending{checked.Catalog, env}).check(ctx, checked)
	}
	err = checked.Err()
	return checked, err
}

// checkCredentials reads the credential of each provider, as ext_proc does.
func checkCredentials(checked *catalog.Checked, env credential.Env) {
	for _, p := range checked.Providers {
		one := *checked.Catalog
		one.Providers = []*catalog.Provider{p}
		if _, err := credential.Build(&one, env); err != nil {
			text := strings.TrimPrefix(err.Error(), "the credential of provider "+p.Name+": ")
			checked.Fault("providers."+p.Name+".credential", errors.New(text+"; set it right, or name another credential"))
		}
	}
}

// alsoGood counts what not every catalog has.
func alsoGood(c *catalog.Checked) string {
	var words strings.Builder
	for _, some := range []struct {
		n    int
		noun string
	}{{len(c.Tenants), "tenant"}, {len(c.Budgets), "budget"}, {len(c.Issuers), "issuer"}, {len(c.Warnings), "warning"}} {
		if some.n > 0 {
			words.WriteString(", " + count(some.n, some.noun))
		}
	}
	return words.String()
}

// checkLive asks all providers at once and reports in the catalog's order.
func checkLive(ctx context.Context, cat *catalog.Catalog, s streams) error {
	creds, err := credential.Build(cat, s.env)
	if err != nil {
		return err
	}
	if clouds := creds.Clouds(); len(clouds) > 0 {
		fmt.Fprintf(s.out, "Asking the clouds for credentials of %s, half a minute at most.\n", strings.Join(clouds, ", "))
		_ = creds.Await(ctx) // what is missing is said of its provider
	}
	words, failures := make([]string, len(cat.Providers)), make([]error, len(cat.Providers))
	var asking errgroup.Group
	asking.SetLimit(16)
	for i, p := range cat.Providers {
		asking.Go(func() error {
			one := prober{Provider: p, catalog: cat, credentials: creds}
			words[i], failures[i] = one.probe(ctx)
			return nil
		})
	}
	_ = asking.Wait() // failures has them all
	for i, p := range cat.Providers {
		if failures[i] != nil {
			words[i] = "FAILED: " + failures[i].Error()
		}
		fmt.Fprintf(s.out, "%-20s %s\n", p.Name, words[i])
	}
	if errors.Join(failures...) != nil {
		return errReported
	}
	return nil
}
