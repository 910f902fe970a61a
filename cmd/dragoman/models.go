package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

type modelsCommand struct {
	Catalog  string `help:"The catalog file. Without it: dragoman.yaml if it is here, else the providers whose keys are in the environment." placeholder:"FILE" env:"DRAGOMAN_CATALOG"`
	Provider string `help:"Only models this provider serves, and what it says of them." placeholder:"NAME"`
	JSON     bool   `help:"As JSON, with everything that is known of each target."`
}

// Run lists the models with their targets in the order in which they are tried.
func (c *modelsCommand) Run(s streams) error {
	cat, err := c.load(s)
	if err != nil {
		return err
	}
	if c.Provider != "" && cat.Provider(c.Provider) == nil {
		return fmt.Errorf("--provider %s: the catalog has no provider of that name; it has %s", c.Provider, named(cat.Providers))
	}
	rows := c.rows(cat)
	if c.JSON {
		enc := json.NewEncoder(s.out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(rows)
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "MODEL\tCONTEXT\tOUTPUT\tCAN\t$/M IN\t$/M OUT\tTARGETS (in order)")
	for i := range rows {
		fmt.Fprintln(w, rows[i].line(c.Provider))
	}
	return w.Flush()
}

func named(providers []*catalog.Provider) string {
	names := make([]string, len(providers))
	for i, p := range providers {
		names[i] = p.Name
	}
	return strings.Join(names, ", ")
}

// load takes the catalog that `dragoman run` would take here.
func (c *modelsCommand) load(s streams) (*catalog.Catalog, error) {
	path := c.Catalog
	if path == "" {
		path = defaultCatalog
		if _, err := os.Stat(path); err != nil {
			if source, enabled := catalog.FromEnvironment(s.env); len(enabled) > 0 {
				return catalog.Parse(source)
			}
			return nil, errors.New("there is no dragoman.yaml here and no provider key in the environment; " +
				"name the catalog with --catalog, or set a key such as OPENAI_API_KEY to see what it would serve")
		}
	}
	return loadKeyless(path, s)
}

func (c *modelsCommand) rows(cat *catalog.Catalog) []modelRow {
	rows := []modelRow{}
	for _, m := range cat.Models {
		if _, ok := m.Target(c.Provider); c.Provider != "" && !ok {
			continue
		}
		r := modelRow{Model: m.Name, Title: m.Title}
		if !m.Created.IsZero() {
			r.Created = m.Created.Format("2006-01-02")
		}
		for i := range m.Targets {
			r.Targets = append(r.Targets, rowOf(&m.Targets[i]))
		}
		rows = append(rows, r)
	}
	return rows
}

// modelRow is a model as `dragoman models` shows it.
type modelRow struct {
	Model   string      `json:"model"`
	Title   string      `json:"title"`
	Created string      `json:"created,omitempty"` // day of its release
	Targets []targetRow `json:"targets"`
}

// targetRow leaves out what is unknown.
type targetRow struct {
	Provider string        `json:"provider"`
	ID       string        `json:"id"`
	Dialects []llm.Dialect `json:"dialects"`
	Context  int64         `json:"context,omitempty"`      // tokens
	Output   int64         `json:"output,omitempty"`       // tokens
	Able     []string      `json:"capabilities,omitempty"` // all; absent = unknown
	Prices   *pricesRow    `json:"prices,omitempty"`
}

// pricesRow is in dollars a million tokens, as decimal numbers.
type pricesRow struct {
	ratesRow
	Tiers []tierRow `json:"tiers,omitempty"`
}

type tierRow struct {
	Over int64 `json:"over"` // tokens of input
	ratesRow
}

type ratesRow struct {
	Input          json.Number `json:"input,omitempty"`
	Output         json.Number `json:"output,omitempty"`
	CacheRead      json.Number `json:"cache_read,omitempty"`
	CacheWrite     json.Number `json:"cache_write,omitempty"`
	CacheWriteHour json.Number `json:"cache_write_hour,omitempty"`
	Reasoning      json.Number `json:"reasoning,omitempty"`
	AudioInput     json.Number `json:"audio_input,omitempty"`
	AudioOut       json.Number `json:"audio_output,omitempty"`
}

func rowOf(t *catalog.Target) targetRow {
	r := targetRow{Provider: t.Provider.Name, ID: t.ID, Dialects: t.Dialects, Context: t.Context, Output: t.Output}
	if t.Judged {
		r.Able = t.Able.Names()
	}
	if t.Prices != nil {
		r.Prices = &pricesRow{ratesRow: ratesOf(&t.Prices.Rates)}
		for i := range t.Prices.Tiers {
			tier := &t.Prices.Tiers[i]
			r.Prices.Tiers = append(r.Prices.Tiers, tierRow{int64(tier.Over), ratesOf(&tier.Rates)})
		}
	}
	return r
}

func ratesOf(r *llm.Rates) ratesRow {
	number := func(p llm.Opt[llm.PicoUSD]) json.Number {
		if each, known := p.Get(); known {
			return json.Number(each.PerMillion())
		}
		return ""
	}
	return ratesRow{
		Input: number(r.Input), Output: number(r.Output), CacheRead: number(r.CacheRead), CacheWrite: number(r.CacheWrite),
		CacheWriteHour: number(r.CacheWriteHour), Reasoning: number(r.Reasoning), AudioInput: number(r.AudioInput), AudioOut: number(r.AudioOut),
	}
}

// line is a row of the table: the facts are the first target's, or those of the
// provider asked for.
func (r *modelRow) line(provider string) string {
	shown := &r.Targets[0]
	targets := make([]string, len(r.Targets))
	for i := range r.Targets {
		t := &r.Targets[i]
		if targets[i] = t.Provider + ":" + t.ID; t.Provider == provider {
			shown = t
		}
	}
	var prices pricesRow
	if shown.Prices != nil {
		prices = *shown.Prices
	}
	return strings.Join([]string{
		r.Model, tokens(shown.Context), tokens(shown.Output), abilities(shown.Able),
		cmp.Or(prices.Input.String(), "?"), cmp.Or(prices.Output.String(), "?"), strings.Join(targets, "  "),
	}, "\t")
}

// tokens is a limit in thousands, "?" if it is unknown.
func tokens(n int64) string {
	switch {
	case n == 0:
		return "?"
	case n < 10_000:
		return strconv.FormatInt(n, 10)
	}
	return strconv.FormatInt(n/1000, 10) + "k"
}

// shownAbilities are those that models differ in, by what the table calls them.
var shownAbilities = []struct{ name, short string }{
	{"tools", "tools"},
	{"images", "images"},
	{"files", "files"},
	{"audio", "audio"},
	{"video", "video"},
	{"json_schema", "schema"},
	{"reasoning", "reasoning"},
	{"audio_output", "speaks"},
	{"image_output", "draws"},
	{"embeddings", "embeddings"},
}

func abilities(names []string) string {
	if names == nil {
		return "?"
	}
	var short []string
	for _, a := range shownAbilities {
		for _, name := range names {
			if name == a.name {
				short = append(short, a.short)
			}
		}
	}
	return cmp.Or(strings.Join(short, ","), "-")
}
