package oidc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	maxDocument  = 512 << 10 // bytes of a fetched document
	mostRedirect = 3
)

// fetcher asks one issuer. It is immutable.
type fetcher struct {
	issuer string
	jwks   string // "" = by discovery
	client *http.Client
	// own: the client is this package's and its connections are closed at the
	// end.
	own bool
}

// newFetcher checks the URLs. A client that is handed in keeps its transport
// and nothing else: redirects, cookies and time limits are decided here.
func newFetcher(of origin, handed *http.Client) (fetcher, error) {
	f := fetcher{issuer: of.issuer, jwks: of.jwks, client: &http.Client{CheckRedirect: stay}}
	for _, u := range []string{of.issuer, of.jwks} {
		if u == "" {
			continue
		}
		if err := checkURL(u, true); err != nil {
			return f, err
		}
	}
	if handed != nil && of.caFile == "" {
		f.client.Transport = handed.Transport
	}
	if f.client.Transport != nil {
		return f, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if of.caFile != "" {
		pem, err := os.ReadFile(of.caFile)
		if err != nil {
			return f, err
		}
		if config.RootCAs = x509.NewCertPool(); !config.RootCAs.AppendCertsFromPEM(pem) {
			return f, fmt.Errorf("%s has no certificate", of.caFile)
		}
	}
	f.own = true
	f.client.Transport = &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 5 * time.Second, IdleConnTimeout: 30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10, DisableCompression: true, // no bombs
	}
	return f, nil
}

// stay follows redirects only to where the request went in the first place:
// any other host is none that the operator named.
func stay(r *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case len(via) > mostRedirect:
		return errors.New("redirects more than three times")
	case r.URL.Scheme != first.Scheme || r.URL.Host != first.Host:
		return errors.New("redirects to another host")
	}
	return nil
}

// checkURL accepts https, and http for loopback where that is allowed.
func checkURL(text string, loopback bool) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return errors.New("has a URL that is no https://host/path")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && loopback && isLoopback(u.Hostname()):
		return nil
	}
	return errors.New("has a URL without https")
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// discover finds the URL of the issuer's keys (OpenID Connect Discovery 1.0
// section 4). The document has to be about the very issuer (section 4.3).
func (f *fetcher) discover(ctx context.Context) (string, error) {
	if f.jwks != "" {
		return f.jwks, nil
	}
	text, err := f.get(ctx, strings.TrimSuffix(f.issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return "", err
	}
	var document struct {
		Issuer string `json:"issuer"`
		JWKS   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return "", errors.New("discovery answers with something else than a JSON object")
	}
	if document.Issuer != f.issuer {
		return "", errors.New("discovery is about another issuer")
	}
	if err := checkURL(document.JWKS, strings.HasPrefix(f.issuer, "http://")); err != nil {
		return "", fmt.Errorf("discovery: jwks_uri %w", err)
	}
	return document.JWKS, nil
}

// keys fetches the set at a URL.
func (f *fetcher) keys(ctx context.Context, at string) (*keySet, error) {
	text, err := f.get(ctx, at)
	if err != nil {
		return nil, err
	}
	set, err := parseKeys(text)
	if err != nil {
		return nil, err
	}
	set.from = at
	return set, nil
}

func (f *fetcher) get(ctx context.Context, at string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	answer, err := f.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }() // nothing can be done about it
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers with status %d", at, answer.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxDocument+1))
	if err == nil && len(text) > maxDocument {
		err = fmt.Errorf("%s answers with more than %d bytes", at, maxDocument)
	}
	return text, err
}
