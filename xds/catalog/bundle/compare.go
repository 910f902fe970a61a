package main

import (
	"bytes"
	"context"
	_ "embed" // compare.js
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/dragoman-gateway/dragoman/xds/catalog/internal/listing"
)

// pricePackage is another collection of prices (MIT), and its version.
const pricePackage = "@pydantic/genai-prices@0.1.8"

//go:embed compare.js
var compareScript []byte

// comparedAs are the presets by what the package calls them.
var comparedAs = map[string]string{
	"anthropic": "anthropic", "azure": "azure", "bedrock": "aws", "cerebras": "cerebras", "cohere": "cohere",
	"deepseek": "deepseek", "fireworks": "fireworks", "gemini": "google", "groq": "groq", "mistral": "mistral",
	"moonshotai": "moonshotai", "novita": "novita", "openai": "openai", "openrouter": "openrouter",
	"perplexity": "perplexity", "together": "together", "xai": "x-ai",
}

// asked is a host whose price the package is asked for.
type asked struct {
	Provider string `json:"provider"`
	ID       string `json:"id"`
	model    string
	host     *listing.Host
}

// theirs is a price of the package: a number, or one with tiers.
type theirs struct {
	Base  float64 `json:"base"`
	Tiers []struct {
		Start int64   `json:"start"`
		Price float64 `json:"price"`
	} `json:"tiers"`
}

// UnmarshalJSON reads both forms.
func (p *theirs) UnmarshalJSON(data []byte) error {
	if !bytes.HasPrefix(data, []byte("{")) {
		return json.Unmarshal(data, &p.Base)
	}
	type tiered theirs
	return json.Unmarshal(data, (*tiered)(p))
}

// compared reports the prices that differ by more than a hundredth. Without npm
// there is nothing to hold them against, which is no error.
func compared(ctx context.Context, out io.Writer, l *listing.List) error {
	var rows []asked
	for i := range l.Models {
		m := &l.Models[i]
		for j := range m.Hosts {
			h := &m.Hosts[j]
			if name := comparedAs[h.At]; name != "" && h.Prices != nil {
				rows = append(rows, asked{name, h.ID, m.Name, h})
			}
		}
	}
	prices, err := ask(ctx, rows, l.Date)
	if errors.Is(err, exec.ErrNotFound) {
		fmt.Fprintf(out, "prices not compared: %s comes by npm, and runs in node: %v\n", pricePackage, err)
		return nil
	}
	if err != nil {
		return err
	}
	known, apart := 0, 0
	for i, r := range rows {
		if prices[i] == nil {
			continue
		}
		known++
		if differences := differ(r.host.Prices, prices[i]); len(differences) > 0 {
			apart++
			fmt.Fprintf(out, "differs  %-40s %-12s %-45s %s\n", r.model, r.host.At, r.ID, strings.Join(differences, ", "))
		}
	}
	fmt.Fprintf(out, "compared with %s: %d of %d prices are known there, %d differ by more than a hundredth\n", pricePackage, known, len(rows), apart)
	return nil
}

// ask installs the package in a directory of its own and asks it.
func ask(ctx context.Context, rows []asked, day string) ([]map[string]theirs, error) {
	dir, err := os.MkdirTemp("", "prices")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // only a copy
	install := exec.CommandContext(ctx, "npm", "install", "--prefix", dir, "--silent", "--no-audit", "--no-fund", "--ignore-scripts", pricePackage)
	if text, err := install.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("npm install %s: %w\n%s", pricePackage, err, text)
	}
	script := filepath.Join(dir, "compare.js")
	if err := os.WriteFile(script, compareScript, 0o600); err != nil {
		return nil, err
	}
	question, err := json.Marshal(map[string]any{"day": day, "rows": rows})
	if err != nil {
		return nil, err
	}
	node := exec.CommandContext(ctx, "node", script)
	node.Dir, node.Stdin, node.Stderr = dir, bytes.NewReader(question), os.Stderr
	text, err := node.Output()
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	var prices []map[string]theirs
	if err := json.Unmarshal(text, &prices); err != nil {
		return nil, fmt.Errorf("the package's answer: %w", err)
	}
	if len(prices) != len(rows) {
		return nil, fmt.Errorf("the package answered %d of %d questions", len(prices), len(rows))
	}
	return prices, nil
}

// differ names the classes whose prices differ by more than a hundredth. A
// class that only one side has is none.
func differ(p *listing.Prices, other map[string]theirs) (out []string) {
	for _, class := range []struct {
		name, key string
		of        func(*listing.Rates) json.Number
	}{
		{"input", "input_mtok", func(r *listing.Rates) json.Number { return r.Input }},
		{"output", "output_mtok", func(r *listing.Rates) json.Number { return r.Output }},
		{"cache read", "cache_read_mtok", func(r *listing.Rates) json.Number { return r.CacheRead }},
		{"cache write", "cache_write_mtok", func(r *listing.Rates) json.Number { return r.CacheWrite }},
	} {
		their, ok := other[class.key]
		if !ok {
			continue
		}
		out = append(out, apart(class.name, class.of(&p.Rates), their.Base)...)
		for _, t := range p.Tiers {
			for _, o := range their.Tiers {
				if near := o.Start - t.Over; near > -2000 && near < 2000 {
					out = append(out, apart(fmt.Sprintf("%s over %d", class.name, t.Over), class.of(&t.Rates), o.Price)...)
				}
			}
		}
	}
	return out
}

func apart(what string, ours json.Number, theirs float64) []string {
	n, err := ours.Float64()
	if err != nil || max(n, theirs) == 0 || max(n, theirs)-min(n, theirs) <= max(n, theirs)/100 {
		return nil
	}
	return []string{fmt.Sprintf("%s %s here, %g there", what, ours, theirs)}
}
