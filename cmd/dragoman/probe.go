package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// prober asks one provider whether it takes the credential and knows the ids.
type prober struct {
	*catalog.Provider
	catalog     *catalog.Catalog
	credentials *credential.Set
	client      *http.Client
}

// inquiry is a call that costs nothing.
type inquiry struct {
	method, path string // the path below the base URL, with its query
	headers      []dialect.Header
	body         []byte
	bare         bool // without the credential
}

// finding is what came back.
type finding struct {
	status int
	header http.Header
	body   []byte
}

// probe asks what is free in the provider's dialect and says what that tells.
func (p *prober) probe(ctx context.Context) (string, error) {
	const limit = 20 * time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	client, err := probeClient(p.Provider)
	if err != nil {
		return "", err
	}
	p.client = client
	began := time.Now()
	ask := p.list
	switch {
	case p.Platform == catalog.Vertex:
		ask = p.count
	case p.Dialects[0] == llm.Bedrock:
		ask = p.converse
	}
	said, err := ask(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("ok in %s, %s", time.Since(began).Round(time.Millisecond), said), nil
}

func (p *prober) ask(ctx context.Context, q inquiry) (*finding, error) {
	const most = 8 << 20
	rq, err := http.NewRequestWithContext(ctx, q.method, p.BaseURL.String()+q.path, bytes.NewReader(q.body))
	if err != nil {
		return nil, err
	}
	for _, h := range p.Headers {
		rq.Header.Set(h.Name, h.Value)
	}
	if len(q.body) > 0 {
		rq.Header.Set("Content-Type", "application/json")
	}
	for _, h := range q.headers {
		rq.Header.Set(h.Name, h.Value)
	}
	if !q.bare {
		if err := p.authorize(rq, q); err != nil {
			return nil, err
		}
	}
	resp, err := p.client.Do(rq)
	if err != nil {
		return nil, fmt.Errorf("no answer: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil {
		return nil, fmt.Errorf("no whole answer: %w", err)
	}
	return &finding{resp.StatusCode, resp.Header, body}, nil
}

func (p *prober) authorize(rq *http.Request, q inquiry) error {
	call := &credential.Call{Method: q.method, Authority: p.BaseURL.Authority(), Path: p.BaseURL.Path + q.path, Body: [][]byte{q.body}}
	headers, err := p.credentials.Authorize(p.Name, call, time.Now())
	if err != nil {
		if problem := (*llm.Problem)(nil); errors.As(err, &problem) && problem.Cause != nil {
			err = problem.Cause // which tells why
		}
		return fmt.Errorf("no credential: %w", err)
	}
	for _, h := range headers {
		rq.Header.Set(h.Name, string(h.Value))
	}
	return nil
}

// refusal is an answer that is not the one hoped for, with the provider's own
// words, in which no secret of ours stands.
func (p *prober) refusal(f *finding) error {
	const most = 200
	text := fmt.Sprintf("status %d", f.status)
	body := p.credentials.Redact(p.Name, f.body)
	problem := table.Codec(p.Dialects[0]).DecodeError(f.status, f.header, body)
	if problem.Kind == llm.Unauthenticated || problem.Kind == llm.Forbidden { // Gemini says so under 400
		text += ": the provider refuses the credential, " + shown(p.Credential)
	}
	if said := wordsOf(body); said != "" {
		text += fmt.Sprintf("; it says %.*q", most, said)
	}
	return errors.New(text)
}

// wordsOf is the message of an error in the shapes that vendors have for it; ""
// if it has another.
func wordsOf(body []byte) string {
	var said struct {
		Message string
		Error   struct{ Message string }
	}
	_ = json.Unmarshal(body, &said) // what has another shape leaves its field empty
	return cmp.Or(said.Error.Message, said.Message)
}

func shown(r catalog.Reference) string {
	if r == (catalog.Reference{}) {
		return "and the catalog names none"
	}
	return r.String()
}

// served are the ids that the catalog uses at this provider, by the models that
// it uses them for. The bundled ones nobody has written here: that an account
// lacks some of them is no error of the catalog's.
func (p *prober) served() (used []use) {
	for _, m := range p.catalog.Models {
		if t, ok := m.Target(p.Name); ok {
			used = append(used, use{m, &t})
		}
	}
	return used
}

// use is a model that the provider serves.
type use struct {
	model  *catalog.Model
	target *catalog.Target
}

// judge says how many of the ids are known, or which of them are not.
func judge(used []use, known func(use) bool) (string, error) {
	var wrong, absent []string
	for _, u := range used {
		switch {
		case known(u):
		case u.model.Bundled:
			absent = append(absent, u.target.ID)
		default:
			wrong = append(wrong, fmt.Sprintf("%q (for %s)", u.target.ID, u.model.Name))
		}
	}
	if len(wrong) > 0 {
		return "", fmt.Errorf("the provider answers, but does not know %s", some(wrong))
	}
	said := count(len(used)-len(absent), "model id") + " known"
	if len(absent) > 0 {
		said += fmt.Sprintf("; of the bundled ones this account lacks %d: %s", len(absent), some(absent))
	}
	return said, nil
}

// some lists the first of many.
func some(names []string) string {
	const most = 8
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
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
