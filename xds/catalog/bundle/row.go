package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// entry is a model as the data describes it for one provider.
type entry struct {
	Base       string          `json:"base_model"`
	Name       string          `json:"name"`
	Family     string          `json:"family"`
	Release    string          `json:"release_date"`
	Status     string          `json:"status"`
	ToolCall   bool            `json:"tool_call"`
	Reasoning  bool            `json:"reasoning"`
	Structured *bool           `json:"structured_output"`
	Cost       *cost           `json:"cost"`
	Limit      limit           `json:"limit"`
	Modalities modalities      `json:"modalities"`
	Provider   json.RawMessage `json:"provider"` // set where the model has an API of its own
}

type limit struct {
	Context int64 `json:"context"`
	Output  int64 `json:"output"`
}

type modalities struct {
	Input  []string `json:"input"`
	Output []string `json:"output"`
}

// cost is in dollars a million tokens. Two names of a cache's prices occur.
type cost struct {
	rates
	Tiers []struct {
		rates
		Tier struct {
			Size int64 `json:"size"` // tokens of input
		} `json:"tier"`
	} `json:"tiers"`
	Request *json.Number `json:"request"` // dollars a thousand requests
}

type rates struct {
	Input       json.Number `json:"input"`
	Output      json.Number `json:"output"`
	CacheRead   json.Number `json:"cache_read"`
	CachedInput json.Number `json:"cached_input"`
	CacheWrite  json.Number `json:"cache_write"`
	CachedWrite json.Number `json:"cached_write"`
	Reasoning   json.Number `json:"reasoning"`
	AudioInput  json.Number `json:"input_audio"`
	AudioOut    json.Number `json:"output_audio"`
}

// row is an entry with what it was found under.
type row struct {
	entry
	slug, preset, id string
	area             string // see listing.Host
	creator          string
	byID, byName     string // keys to join by
	released         time.Time
	own              bool   // the provider made the model itself
	signs            string // that made it join, if not all of them did
	price            *prices
}

// naming is the provider of the data whose ids are public names.
const naming = "vercel"

// readRows gives the rows that a gateway for text and embeddings can serve, by
// provider and id, and counts the others by why they are left out.
func readRows(data []byte) (rows []*row, skipped map[string]int, err error) {
	var providers map[string]struct {
		Models map[string]entry `json:"models"`
	}
	if err := json.Unmarshal(data, &providers); err != nil {
		return nil, nil, fmt.Errorf("the data: %w", err)
	}
	skipped = map[string]int{}
	for _, slug := range sorted(providers) {
		for _, id := range sorted(providers[slug].Models) {
			r := &row{entry: providers[slug].Models[id], slug: slug, id: id}
			if why := r.place(); why != "" {
				skipped[why]++
				continue
			}
			r.keys()
			rows = append(rows, r)
		}
	}
	return rows, skipped, nil
}

// place finds the preset of the row, or says why it is left out.
func (r *row) place() (why string) {
	if why := r.unfit(); why != "" {
		return why
	}
	if r.slug == naming {
		return ""
	}
	s, ok := sources[r.slug]
	if !ok {
		return "from a provider without a preset"
	}
	r.preset = s.preset
	if len(r.Provider) > 0 {
		var own struct {
			NPM string `json:"npm"`
			API string `json:"api"`
		}
		if err := json.Unmarshal(r.Provider, &own); err != nil {
			return "with an API of its own"
		}
		r.preset = ""
		for _, e := range elsewhere {
			if e.slug == r.slug && e.npm == own.NPM && (e.api == "" || strings.HasSuffix(own.API, e.api)) {
				r.preset = e.preset
			}
		}
		if r.preset == "" {
			return "with an API of its own"
		}
	}
	if r.preset == "vertex" && strings.Contains(r.id, "/") {
		r.preset = "vertex-openapi" // other makers' models, whatever the row says
	}
	if r.slug == "amazon-bedrock" {
		r.area = areaOf(r.id)
	}
	return ""
}

// unfit tells why no gateway for text and embeddings can serve the row.
func (r *row) unfit() string {
	id := strings.ToLower(r.id)
	switch {
	case r.Status == "deprecated":
		return "deprecated by its provider"
	case !slices.Contains(r.Modalities.Output, "text"):
		return "without text in its output"
	case !slices.Contains(r.Modalities.Input, "text"):
		return "without text in its input"
	case r.Limit.Context == 0 && !r.embeds():
		return "without a context"
	}
	for _, word := range otherAPIs {
		if strings.Contains(id, word) {
			return "of another API (speech, reranking, images, legacy completions, routers)"
		}
	}
	if strings.HasPrefix(id, "~") || slices.Contains(routers, r.slug+":"+id) {
		return "of another API (speech, reranking, images, legacy completions, routers)"
	}
	return ""
}

// embeds tells whether the row is of an embedding model.
func (r *row) embeds() bool {
	return strings.Contains(strings.ToLower(r.id), "embed") || strings.Contains(r.Family, "embed")
}

// areaOf is the prefix of a cross-region inference profile. Source: Amazon
// Bedrock user guide, "Supported Regions and models for inference profiles".
func areaOf(id string) string {
	prefix, _, _ := strings.Cut(id, ".")
	if slices.Contains([]string{"us", "eu", "au", "jp", "apac", "global"}, prefix) {
		return prefix
	}
	return ""
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
