package extproc

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

const offered = `
open: true
providers:
  alpha: {dialect: openai, base_url: "https://alpha.example"}
  beta: {dialect: openai, base_url: "https://beta.example"}
models:
  acme/old: {targets: [alpha], created: 2024-01-02}
  acme/new:
    created: 2026-03-04
    targets:
      - {provider: alpha, context: 1000, output: 100, capabilities: [tools, images], prices: {input: 2.5, output: 10, tiers: [{over: 200000, input: 5}]}}
      - {provider: beta, context: 2000, capabilities: [tools, files, reasoning, audio_output], prices: {input: 1}}
  acme/unknown: {targets: [beta]}
  acme/vectors: {targets: [alpha], capabilities: [embeddings], created: 2025-01-01, prices: {input: 0.02, output: 0}}
  google/star: {targets: [alpha], created: 2025-06-07}
`

func offersOf(t *testing.T) []offer {
	t.Helper()
	c, err := catalog.Parse(catalog.Source{Name: "test", Data: []byte(offered)})
	if err != nil {
		t.Fatal(err)
	}
	offers := make([]offer, 0, len(c.Models))
	for _, m := range c.Models {
		offers = append(offers, offer{Model: m, targets: m.Targets})
	}
	return offers
}

func TestAListShowsEachModelInTheClientsShape(t *testing.T) {
	offers := offersOf(t)
	newest := map[llm.Dialect]string{
		llm.OpenAI: `{"id":"acme/new","object":"model","created":1772582400,"owned_by":"acme","name":"new","type":"language",` +
			`"context_window":2000,"max_output_tokens":100,` +
			`"modalities":{"input":["text","image","file"],"output":["text","audio"]},` +
			`"capabilities":["tools","images","files","json","reasoning","audio_output","logprobs","several_choices"],` +
			`"pricing":{"input":"0.0000025","output":"0.00001","tiers":[{"over_input_tokens":200000,"input":"0.000005"}]},"providers":["alpha","beta"]}`,
		llm.Anthropic: `{"type":"model","id":"acme/new","display_name":"new","created_at":"2026-03-04T00:00:00Z"}`,
		llm.Gemini: `{"name":"models/acme/new","version":"1","displayName":"new","inputTokenLimit":2000,"outputTokenLimit":100,` +
			`"supportedGenerationMethods":["generateContent","countTokens"],"thinking":true}`,
	}
	for d, want := range newest {
		if diff := cmp.Diff(want+"\n", string(appendModel(nil, d, offers[0]))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", d, diff)
		}
	}
	for _, c := range []struct {
		dialect llm.Dialect
		i       int
		want    string
	}{
		{
			llm.OpenAI, 2, // of which nothing is known: neither prices nor abilities are made up
			`{"id":"acme/unknown","object":"model","created":0,"owned_by":"acme","name":"unknown","type":"language","providers":["beta"]}`,
		},
		{
			llm.OpenAI, 3,
			`{"id":"acme/vectors","object":"model","created":1735689600,"owned_by":"acme","name":"vectors","type":"embedding",` +
				`"modalities":{"input":["text"],"output":["embedding"]},"capabilities":["embeddings"],` +
				`"pricing":{"input":"0.00000002","output":"0"},"providers":["alpha"]}`,
		},
		{llm.Anthropic, 2, `{"type":"model","id":"acme/unknown","display_name":"unknown","created_at":"1970-01-01T00:00:00Z"}`},
		{llm.Gemini, 4, `{"name":"models/star","version":"1","displayName":"star","supportedGenerationMethods":["generateContent","countTokens"]}`},
		{llm.Gemini, 3, `{"name":"models/acme/vectors","version":"1","displayName":"vectors","supportedGenerationMethods":[]}`},
	} {
		if diff := cmp.Diff(c.want+"\n", string(appendModel(nil, c.dialect, offers[c.i]))); diff != "" {
			t.Errorf("%s %d (-want +got):\n%s", c.dialect, c.i, diff)
		}
	}
}

// listed gives the ids of a page and what it says of others.
func listed(t *testing.T, d llm.Dialect, query string) (ids []string, more string, p *llm.Problem) {
	t.Helper()
	values, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	text, p := appendModels([]byte("x"), d, listing{offersOf(t), values})
	if p != nil {
		return nil, "", p
	}
	var page struct {
		Object string
		Data   []struct{ ID string }
		Models []struct{ Name string }
		More   bool    `json:"has_more"`
		First  *string `json:"first_id"`
		Last   *string `json:"last_id"`
		Next   string  `json:"nextPageToken"`
	}
	if err := json.Unmarshal(text[1:], &page); err != nil || text[0] != 'x' {
		t.Fatalf("%v in %s", err, text)
	}
	for _, m := range page.Data {
		ids = append(ids, m.ID)
	}
	for _, m := range page.Models {
		ids = append(ids, m.Name)
	}
	more = page.Object + page.Next
	if page.More {
		more = "more"
	}
	if page.First != nil && (*page.First != ids[0] || *page.Last != ids[len(ids)-1]) {
		t.Errorf("first %s and last %s of %v", *page.First, *page.Last, ids)
	}
	return ids, more, nil
}

func TestAListIsReadPageByPage(t *testing.T) {
	for _, c := range []struct {
		name    string
		dialect llm.Dialect
		query   string
		want    string // ids, and what the page says of others
	}{
		{"OpenAI's list is whole", llm.OpenAI, "limit=1", "acme/new acme/old acme/unknown acme/vectors google/star list"},
		{"Anthropic's has the newest first, and what makes answers", llm.Anthropic, "", "acme/new google/star acme/old acme/unknown"},
		{"a first page", llm.Anthropic, "limit=2", "acme/new google/star more"},
		{"the next", llm.Anthropic, "limit=2&after_id=google/star", "acme/old acme/unknown"},
		{"the one between", llm.Anthropic, "limit=1&after_id=acme/new", "google/star more"},
		{"after the last", llm.Anthropic, "after_id=acme/unknown", ""},
		{"back", llm.Anthropic, "limit=2&before_id=acme/unknown", "google/star acme/old more"},
		{"back to the first", llm.Anthropic, "limit=2&before_id=acme/old", "acme/new google/star"},
		{"before the first", llm.Anthropic, "before_id=acme/new", ""},
		{"Gemini's first page", llm.Gemini, "pageSize=3", "models/acme/new models/acme/old models/acme/unknown acme/unknown"},
		{"Gemini's next", llm.Gemini, "pageSize=3&pageToken=acme/unknown", "models/star"},
		{"a model that is gone loses no other", llm.Gemini, "pageSize=2&pageToken=acme/odd", "models/acme/old models/acme/unknown acme/unknown"},
		{"Gemini's end", llm.Gemini, "pageToken=google/star", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			ids, more, p := listed(t, c.dialect, c.query)
			if got := strings.TrimSpace(strings.Join(ids, " ") + " " + more); p != nil || got != c.want {
				t.Errorf("%q, %v; want %q", got, p, c.want)
			}
		})
	}
}

func TestAPageThatCannotBeIsRefused(t *testing.T) {
	for _, c := range []struct {
		dialect llm.Dialect
		query   string
		param   string
	}{
		{llm.Anthropic, "limit=0", "limit"},
		{llm.Anthropic, "limit=1001", "limit"},
		{llm.Anthropic, "limit=many", "limit"},
		{llm.Anthropic, "after_id=nobody", "after_id"},
		{llm.Anthropic, "before_id=nobody", "before_id"},
		{llm.Anthropic, "before_id=acme/new&after_id=acme/old", "before_id"},
		{llm.Gemini, "pageSize=-1", "pageSize"},
	} {
		if _, _, p := listed(t, c.dialect, c.query); p == nil || p.Kind != llm.InvalidRequest || p.Param != c.param {
			t.Errorf("%s?%s: %v", c.dialect, c.query, p)
		}
	}
}
