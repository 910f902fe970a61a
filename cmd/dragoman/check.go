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
	WithoutEnv bool   `help:"Don't ask whether the environment variables that it names are set, as on a machine that has no keys." xor:"env"`
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
	cat, err := loadCatalog(file, env)
	var errs catalog.Errors
	if errors.As(err, &errs) {
		fmt.Fprintf(s.err, "%v\n%s in %s\n", errs, count(len(errs), "error"), file)
		return errReported
	}
	if err != nil {
		return err
	}
	needs := &depending{cat, s.env}
	if !c.WithoutEnv {
		if err := needs.check(ctx, s); err != nil {
			return err
		}
	}
	fmt.Fprintf(s.out, "%s is good: %s, %s%s\n", file, sizes(cat), count(len(cat.Keys), "key"), alsoGood(cat))
	if !cat.Open && len(cat.Keys) == 0 && len(cat.Issuers) == 0 {
		fmt.Fprintln(s.out, "It has no keys, so every request would be refused but those with a key of the store; make one with dragoman keys create.")
	}
	if !c.Live {
		return nil
	}
	return errors.Join(checkLive(ctx, cat, s), needs.ask(ctx, s))
}

// alsoGood counts what not every catalog has.
func alsoGood(c *catalog.Catalog) string {
	var words strings.Builder
	for _, some := range []struct {
		n    int
		noun string
	}{{len(c.Tenants), "tenant"}, {len(c.Budgets), "budget"}, {len(c.Issuers), "issuer"}} {
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
