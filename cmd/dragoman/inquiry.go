package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// list asks for the provider's list of models and holds the ids against it.
// Sources: OpenAI, Anthropic and Gemini API references, "List models".
func (p *prober) list(ctx context.Context) (string, error) {
	q := inquiry{method: http.MethodGet, path: "/models", headers: table.Codec(p.Dialects[0]).Headers}
	switch {
	case p.Dialects[0] == llm.Anthropic:
		q.path += "?limit=1000"
	case p.Dialects[0] == llm.Gemini:
		q.path += "?pageSize=1000"
	case p.APIVersion != "":
		q.path += "?api-version=" + url.QueryEscape(p.APIVersion)
	}
	f, err := p.ask(ctx, q)
	switch {
	case err != nil:
		return "", err
	case f.status == http.StatusNotFound:
		return "but it has no list of models: neither the credential nor the ids are checked", nil
	case f.status != http.StatusOK:
		return "", p.refusal(f)
	}
	listed, err := idsOf(f.body)
	if err != nil {
		return "", err
	}
	said := "the ids are not checked: Azure lists no deployments"
	if p.Platform != catalog.Azure {
		said, err = judge(p.served(), func(u use) bool { return listed[u.target.ID] || p.knows(ctx, u) })
		if err != nil {
			return "", err
		}
	}
	if p.public(ctx, q) {
		said += "; the list is public, so the credential is not checked"
	}
	return said, nil
}

// public tells whether anybody gets the answer.
func (p *prober) public(ctx context.Context, q inquiry) bool {
	if p.Credential == (catalog.Reference{}) {
		return false
	}
	q.bare = true
	f, err := p.ask(ctx, q)
	return err == nil && f.status == http.StatusOK
}

// knows asks for one id that the operator has written and the list lacks: it
// may be another name of one that the list has.
func (p *prober) knows(ctx context.Context, u use) bool {
	if u.model.Bundled {
		return false
	}
	f, err := p.ask(ctx, inquiry{
		method: http.MethodGet, path: "/models/" + url.PathEscape(u.target.ID), headers: table.Codec(p.Dialects[0]).Headers,
	})
	return err == nil && f.status == http.StatusOK
}

// idsOf reads a list of models in the shapes of OpenAI and Anthropic, of those
// who leave their frame out, and of Gemini.
func idsOf(body []byte) (map[string]bool, error) {
	type model struct{ ID, Name string }
	var list struct{ Data, Models []model }
	into := any(&list)
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		into = &list.Data
	}
	if err := json.Unmarshal(body, into); err != nil {
		return nil, fmt.Errorf("the list of models cannot be read: %w", err)
	}
	ids := make(map[string]bool, len(list.Data)+len(list.Models))
	for _, m := range list.Data {
		ids[m.ID] = true
	}
	for _, m := range list.Models {
		ids[strings.TrimPrefix(m.Name, "models/")] = true
	}
	return ids, nil
}

// converse begins a conversation that says nothing, which Bedrock refuses only
// after it has taken the credential; nothing is generated. Its list of models
// is on a host that the catalog does not name. Source: Amazon Bedrock API
// reference, "Converse": 403 for the credential, 400 for the request.
func (p *prober) converse(ctx context.Context) (string, error) {
	used := p.served()
	if len(used) == 0 {
		return "but no model uses it: there is nothing to ask", nil
	}
	codec := table.Codec(llm.Bedrock)
	path := codec.Path(&dialect.Envelope{}, dialect.Target{ID: used[0].target.ID, BasePath: p.BaseURL.Path})
	f, err := p.ask(ctx, inquiry{method: http.MethodPost, path: path, headers: codec.Headers, body: []byte(`{"messages":[]}`)})
	switch {
	case err != nil:
		return "", err
	case f.status == http.StatusBadRequest || f.status == http.StatusNotFound || f.status == http.StatusOK:
		return "the credential is taken; the ids are not checked: Bedrock lists them at another host", nil
	}
	return "", p.refusal(f)
}

// count has each model count the tokens of one word: Vertex AI lists no models
// to a project. Counting is free. Source: Vertex AI, "Count tokens".
func (p *prober) count(ctx context.Context) (string, error) {
	const together = 4
	used := p.served()
	answers := make([]*finding, len(used))
	var asking errgroup.Group
	asking.SetLimit(together)
	for i, u := range used {
		asking.Go(func() (err error) {
			answers[i], err = p.countAt(ctx, u)
			return err
		})
	}
	if err := asking.Wait(); err != nil {
		return "", err
	}
	var counting []use
	var good, bad *finding
	status := make(map[string]int, len(used)) // by id
	for i, f := range answers {
		if f == nil {
			continue
		}
		counting, status[used[i].target.ID] = append(counting, used[i]), f.status
		switch f.status {
		case http.StatusOK:
			good = f
		case http.StatusNotFound:
		default:
			bad = f
		}
	}
	if good == nil && bad != nil {
		return "", p.refusal(bad)
	}
	said, err := judge(counting, func(u use) bool { return status[u.target.ID] == http.StatusOK })
	if rest := len(used) - len(counting); err == nil && rest > 0 {
		said += fmt.Sprintf("; %s not checked: embeddings are not counted", count(rest, "id"))
	}
	return said, err
}

// countAt gives nothing for a model that cannot count.
func (p *prober) countAt(ctx context.Context, u use) (*finding, error) {
	codec := table.For(llm.GeminiCount, u.target.Dialects)
	if codec == nil || u.target.Judged && u.target.Able.Has(llm.NeedEmbeddings) {
		return nil, nil //nolint:nilnil // documented
	}
	word := &llm.Request{Messages: []llm.Message{{Role: llm.User, Parts: []llm.Part{{Kind: llm.Text, Text: "Hello"}}}}}
	target := dialect.Target{
		ID: u.target.ID, BasePath: p.BaseURL.Path, Genuine: p.Genuine(),
		Platform: dialect.Platform(p.Platform), APIVersion: p.APIVersion, Quirks: &p.Quirks,
	}
	body, _, problem := codec.EncodeRequest(nil, word, target)
	if problem != nil {
		return nil, problem
	}
	return p.ask(ctx, inquiry{method: http.MethodPost, path: codec.Path(&dialect.Envelope{}, target), headers: codec.Headers, body: body})
}
