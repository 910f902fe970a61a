// Package listing is the form of the bundled list of models: what
// xds/catalog/bundle writes and xds/catalog reads.
//
// Promises: Encode is byte-stable for equal lists, with one model a line, so
// that a new list differs from the old one where the data does; Decode reads
// what Encode writes. Prices are exact decimals in dollars a million tokens.
//
// Refuses: members it does not know, in Decode.
//
// Concurrency: pure functions on plain values.
package listing

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// List is the bundled list.
type List struct {
	Source string  `json:"source"` // where the data comes from, and by what licence
	Date   string  `json:"date"`   // of the data, 2006-01-02
	Models []Model `json:"models"` // by name
}

// Model is a public name and who serves it.
type Model struct {
	Name    string `json:"name"`              // creator/model
	Title   string `json:"title"`             // for people
	Created string `json:"created,omitempty"` // day of the release, 2006-01-02
	// Aliases are further names, creator/model, of this model alone.
	Aliases []string `json:"aliases,omitempty"`
	Hosts   []Host   `json:"hosts"` // by preset, then region
}

// Host is a preset that serves a model.
type Host struct {
	At string `json:"at"` // name of the preset
	ID string `json:"id"` // its id for the model
	// Area limits the host to providers in some regions: the prefix of a
	// cross-region inference profile ("us"), or "global"; "" = all.
	Area string `json:"area,omitempty"`
	// Dialects are those for this model, where they are not the preset's.
	Dialects []llm.Dialect `json:"dialects,omitempty"`
	Context  int64         `json:"context,omitempty"` // tokens
	Output   int64         `json:"output,omitempty"`  // tokens
	Able     []string      `json:"able,omitempty"`    // names of llm.Needs
	Prices   *Prices       `json:"prices,omitempty"`  // nil = unknown
}

// Prices are dollars a million tokens, as decimal numbers; "" = that class has
// no price of its own.
type Prices struct {
	Rates
	Tiers []Tier `json:"tiers,omitempty"` // by Over
}

// Tier holds for requests with more input.
type Tier struct {
	Over int64 `json:"over"` // tokens
	Rates
}

// Rates are the prices of the classes of llm.Rates.
type Rates struct {
	Input          json.Number `json:"input,omitempty"`
	Output         json.Number `json:"output,omitempty"`
	CacheRead      json.Number `json:"cache_read,omitempty"`
	CacheWrite     json.Number `json:"cache_write,omitempty"`
	CacheWriteHour json.Number `json:"cache_write_hour,omitempty"`
	Reasoning      json.Number `json:"reasoning,omitempty"`
	AudioInput     json.Number `json:"audio_input,omitempty"`
	AudioOut       json.Number `json:"audio_output,omitempty"`
}

// Encode writes the list.
func Encode(l *List) ([]byte, error) {
	var b bytes.Buffer
	head, err := json.Marshal(struct {
		Source string `json:"source"`
		Date   string `json:"date"`
	}{l.Source, l.Date})
	if err != nil {
		return nil, fmt.Errorf("listing: %w", err)
	}
	b.Write(head[:len(head)-1])
	b.WriteString(",\"models\":[\n")
	for i := range l.Models {
		line, err := json.Marshal(&l.Models[i])
		if err != nil {
			return nil, fmt.Errorf("listing: %s: %w", l.Models[i].Name, err)
		}
		b.Write(line)
		if i < len(l.Models)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString("]}\n")
	return b.Bytes(), nil
}

// Decode reads the list.
func Decode(data []byte) (*List, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	l := new(List)
	if err := d.Decode(l); err != nil {
		return nil, fmt.Errorf("listing: %w", err)
	}
	return l, nil
}

// LLM is the prices in the gateway's own unit; nil for nil.
func (p *Prices) LLM() (*llm.Prices, error) {
	if p == nil {
		return nil, nil
	}
	rates, err := p.llm()
	if err != nil {
		return nil, err
	}
	out := &llm.Prices{Rates: rates}
	for _, t := range p.Tiers {
		if rates, err = t.llm(); err != nil {
			return nil, err
		}
		out.Tiers = append(out.Tiers, llm.Tier{Over: llm.Tokens(t.Over), Rates: rates})
	}
	return out, nil
}

func (r *Rates) llm() (out llm.Rates, err error) {
	for _, class := range [...]struct {
		from json.Number
		into *llm.Opt[llm.PicoUSD]
	}{
		{r.Input, &out.Input},
		{r.Output, &out.Output},
		{r.CacheRead, &out.CacheRead},
		{r.CacheWrite, &out.CacheWrite},
		{r.CacheWriteHour, &out.CacheWriteHour},
		{r.Reasoning, &out.Reasoning},
		{r.AudioInput, &out.AudioInput},
		{r.AudioOut, &out.AudioOut},
	} {
		if class.from == "" {
			continue
		}
		price, err := llm.ParsePrice(class.from.String())
		if err != nil {
			return out, fmt.Errorf("%q: %w", class.from, err)
		}
		*class.into = llm.Some(price)
	}
	return out, nil
}
