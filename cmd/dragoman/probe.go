package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// probed is a provider and what it is shown.
type probed struct {
	*catalog.Provider
	headers []credential.Header
}

// probe asks a provider for its model list, which costs nothing and needs the
// key, and holds the catalog's ids against it.
func probe(ctx context.Context, cat *catalog.Catalog, p probed) (string, error) {
	const limit, most = 10 * time.Second, 8 << 20
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, p.BaseURL.String()+"/models", http.NoBody)
	if err != nil {
		return "", err
	}
	for _, h := range p.Headers {
		rq.Header.Set(h.Name, h.Value)
	}
	for _, h := range p.headers {
		rq.Header.Set(h.Name, string(h.Value))
	}
	client, err := probeClient(p.Provider)
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
		used, err := listed(cat, p.Provider, body)
		return fmt.Sprintf("ok in %s, %s known", took, count(used, "model id")), err
	case http.StatusUnauthorized, http.StatusForbidden:
		return "", fmt.Errorf("status %d: the provider refuses the key, %s", resp.StatusCode, shown(p.Credential))
	case http.StatusNotFound:
		return fmt.Sprintf("answers in %s, but has no model list to check ids with", took), nil
	default:
		return "", fmt.Errorf("status %d", resp.StatusCode)
	}
}

func shown(r catalog.Reference) string {
	if r == (catalog.Reference{}) {
		return "the catalog names none"
	}
	return r.String()
}

// listed compares the ids a provider lists with those the catalog uses, and
// counts them.
func listed(cat *catalog.Catalog, p *catalog.Provider, body []byte) (used int, err error) {
	var list struct {
		Data []struct{ ID string }
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return 0, fmt.Errorf("the model list is not JSON: %w", err)
	}
	known := make(map[string]bool, len(list.Data))
	for _, m := range list.Data {
		known[m.ID] = true
	}
	var missing []string
	for _, m := range cat.Models {
		t, ok := m.Target(p.Name)
		if !ok {
			continue
		}
		used++
		if !known[t.ID] {
			missing = append(missing, fmt.Sprintf("%q (for %s)", t.ID, m.Name))
		}
	}
	if len(missing) > 0 {
		return used, fmt.Errorf("the key is good, but the provider does not list %s", strings.Join(missing, ", "))
	}
	return used, nil
}

// probeClient trusts what Envoy would trust and follows no redirect.
func probeClient(p *catalog.Provider) (*http.Client, error) {
	t := &http.Transport{Proxy: nil, DisableKeepAlives: true}
	if p.CAFile != "" {
		pem, err := os.ReadFile(p.CAFile)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no PEM certificate", p.CAFile)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}
