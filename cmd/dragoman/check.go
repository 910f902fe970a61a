package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

type checkCommand struct {
	File string `arg:"" help:"The catalog file." type:"existingfile" default:"dragoman.yaml"`
	Live bool   `help:"Also make one cheap call to each provider: is the key valid, is the region right, are the model ids known?"`
}

// Run reports what is wrong, every error at once.
func (c *checkCommand) Run(ctx context.Context, s streams) error {
	cat, err := catalog.Load(c.File, s.env)
	var errs catalog.Errors
	if errors.As(err, &errs) {
		fmt.Fprintln(s.err, errs.Error())
		fmt.Fprintf(s.err, "%d error(s) in %s\n", len(errs), c.File)
		return errReported
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s is good: %d providers, %d models, %d keys\n", c.File, len(cat.Providers), len(cat.Models), len(cat.Keys))
	if !c.Live {
		return nil
	}
	creds, err := credential.Build(cat, s.env)
	if err != nil {
		return err
	}
	bad := 0
	for _, p := range cat.Providers {
		fmt.Fprintf(s.out, "%-20s ", p.Name)
		word, err := probe(ctx, cat, p, creds)
		if err != nil {
			bad++
			word = "FAILED: " + err.Error()
		}
		fmt.Fprintln(s.out, word)
	}
	if bad > 0 {
		return errReported
	}
	return nil
}

// probe asks a provider for its model list, which costs nothing and needs the
// key, and holds the catalog's ids against it.
func probe(ctx context.Context, cat *catalog.Catalog, p *catalog.Provider, creds *credential.Set) (string, error) {
	const limit, most = 10 * time.Second, 8 << 20
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, p.BaseURL.String()+"/models", nil)
	if err != nil {
		return "", err
	}
	for _, h := range creds.Headers(p.Name) {
		rq.Header.Set(h.Name, string(h.Value))
	}
	client, err := probeClient(p)
	if err != nil {
		return "", err
	}
	began := time.Now()
	resp, err := client.Do(rq)
	if err != nil {
		return "", fmt.Errorf("no answer: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil {
		return "", err
	}
	took := time.Since(began).Round(time.Millisecond)
	switch resp.StatusCode {
	case http.StatusOK:
		return listed(cat, p, body, took)
	case http.StatusUnauthorized, http.StatusForbidden:
		return "", fmt.Errorf("status %d: the provider refuses the key %s", resp.StatusCode, p.Credential)
	case http.StatusNotFound:
		return fmt.Sprintf("answers in %s, but has no model list to check ids with", took), nil
	default:
		return "", fmt.Errorf("status %d", resp.StatusCode)
	}
}

// listed compares the ids a provider lists with those the catalog uses.
func listed(cat *catalog.Catalog, p *catalog.Provider, body []byte, took time.Duration) (string, error) {
	var list struct {
		Data []struct{ ID string }
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return "", fmt.Errorf("the model list is not JSON: %w", err)
	}
	known := make(map[string]bool, len(list.Data))
	for _, m := range list.Data {
		known[m.ID] = true
	}
	used := 0
	for _, m := range cat.Models {
		t, ok := m.Target(p.Name)
		if !ok {
			continue
		}
		used++
		if !known[t.ID] {
			return "", fmt.Errorf("the key is good, but the provider lists no model %q (for %s)", t.ID, m.Name)
		}
	}
	return fmt.Sprintf("ok in %s, %d model ids known", took, used), nil
}

// probeClient trusts what Envoy would trust and follows no redirect.
func probeClient(p *catalog.Provider) (*http.Client, error) {
	t := &http.Transport{Proxy: nil, DisableKeepAlives: true}
	if p.CAFile != "" {
		pem, err := os.ReadFile(p.CAFile)
		if err != nil {
			return nil, err
		}
		if t.TLSClientConfig, err = trusting(pem); err != nil {
			return nil, fmt.Errorf("%s: %w", p.CAFile, err)
		}
	}
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}
