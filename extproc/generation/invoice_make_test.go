package generation_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// counts are tokens by class, each token in one of them. The invoice's script
// begins with these and derives from them what a provider says and what it
// costs, each by rules of its own: those of the product are not used.
type counts struct {
	fresh, read, write, hour, audioIn int64
	text, reasoning, audioOut         int64
}

func (c counts) input() int64  { return c.fresh + c.read + c.write + c.hour + c.audioIn }
func (c counts) output() int64 { return c.text + c.reasoning + c.audioOut }

// classes in the order of the arithmetic. A class without a price costs what
// the next ones in its list do.
var classes = []struct {
	name  string
	of    func(counts) int64
	price []func(classPrices) string
}{
	{"read", func(c counts) int64 { return c.read }, prices(classPrices.cacheRead, classPrices.input)},
	{"written for an hour", func(c counts) int64 { return c.hour }, prices(classPrices.hour, classPrices.cacheWrite, classPrices.input)},
	{"written", func(c counts) int64 { return c.write }, prices(classPrices.cacheWrite, classPrices.input)},
	{"heard", func(c counts) int64 { return c.audioIn }, prices(classPrices.audioInput, classPrices.input)},
	{"input", func(c counts) int64 { return c.fresh }, prices(classPrices.input)},
	{"thought", func(c counts) int64 { return c.reasoning }, prices(classPrices.reasoning, classPrices.output)},
	{"spoken", func(c counts) int64 { return c.audioOut }, prices(classPrices.audioOutput, classPrices.output)},
	{"output", func(c counts) int64 { return c.text }, prices(classPrices.output)},
}

func prices(p ...func(classPrices) string) []func(classPrices) string { return p }

func (c classPrices) input() string       { return c.Input }
func (c classPrices) cacheRead() string   { return c.CacheRead }
func (c classPrices) cacheWrite() string  { return c.CacheWrite }
func (c classPrices) hour() string        { return c.CacheWriteHour }
func (c classPrices) audioInput() string  { return c.AudioInput }
func (c classPrices) output() string      { return c.Output }
func (c classPrices) reasoning() string   { return c.Reasoning }
func (c classPrices) audioOutput() string { return c.AudioOut }

// lists are where a class's price is looked up: the highest tier that the input
// exceeds, then the base list. A tier without the class itself leaves it to the
// base list before its parents are asked.
func (p priceList) lists(input int64) []classPrices {
	lists := []classPrices{p.classPrices}
	for _, tier := range p.Tiers {
		if input > int64(tier.Over) {
			lists = []classPrices{tier.classPrices, p.classPrices}
		}
	}
	return lists
}

// invoice writes out what counts cost, in millionths of a dollar, and rounds
// the sum to nano-dollars, half up.
func (p priceList) invoice(c counts) (arithmetic string, nano llm.NanoUSD) {
	sum := new(big.Rat)
	var terms []string
	for _, class := range classes {
		n := class.of(c)
		if n == 0 {
			continue
		}
		text := ""
		for _, of := range class.price {
			for _, list := range p.lists(c.input()) {
				if text == "" {
					text = of(list)
				}
			}
		}
		price, ok := new(big.Rat).SetString(text)
		if !ok {
			return "no price for " + class.name, -1
		}
		sum.Add(sum, price.Mul(price, big.NewRat(n, 1)))
		terms = append(terms, fmt.Sprintf("%d %s × %s", n, class.name, text))
	}
	if len(terms) == 0 {
		terms = []string{"0 input × " + p.Input}
	}
	exact := strings.TrimSuffix(strings.TrimRight(sum.FloatString(9), "0"), ".")
	rounded := sum.Mul(sum, big.NewRat(1000, 1)).FloatString(0) // away from zero at a half, and no sum is negative
	whole, ok := new(big.Int).SetString(rounded, 10)
	if !ok {
		return "no number: " + rounded, -1
	}
	return strings.Join(terms, " + ") + " = " + exact + " µ$", llm.NanoUSD(whole.Int64())
}

// shape is a kind of exchange; what the vendor does not count goes to the
// class that it counts it under.
type shape struct {
	name   string
	stream bool
	of     func(n func(most int64) int64, tier int64) counts
}

var shapes = []shape{
	{"a short question", false, func(n func(int64) int64, _ int64) counts { return counts{fresh: n(900), text: n(400)} }},
	{"a stream", true, func(n func(int64) int64, _ int64) counts {
		return counts{fresh: n(9000), audioIn: n(2000), text: n(4000), audioOut: n(500)}
	}},
	{"read from the cache", true, func(n func(int64) int64, _ int64) counts {
		return counts{fresh: n(300), read: n(90_000), text: n(2000)}
	}},
	{"written to the cache", true, func(n func(int64) int64, _ int64) counts {
		return counts{fresh: n(300), read: n(20_000), write: n(30_000), text: n(2000), reasoning: n(100)}
	}},
	{"written for an hour", true, func(n func(int64) int64, _ int64) counts {
		return counts{fresh: n(300), read: n(20_000), write: n(3000), hour: n(50_000), text: n(2000), reasoning: n(7)}
	}},
	{"thought and sound", false, func(n func(int64) int64, _ int64) counts {
		return counts{fresh: n(3000), audioIn: n(5000), text: n(700), reasoning: n(30_000), audioOut: n(900)}
	}},
	{"input up to the tier", true, func(n func(int64) int64, tier int64) counts {
		c := counts{read: n(tier / 2), write: n(tier / 4), text: n(9000), reasoning: n(5000)}
		c.fresh = tier - c.input()
		return c
	}},
	{"input one token over the tier", true, func(n func(int64) int64, tier int64) counts {
		c := counts{read: n(tier / 2), hour: n(tier / 4), text: n(9000), reasoning: n(5000)}
		c.fresh = tier + 1 - c.input()
		return c
	}},
}

// place is a target of the bundled catalogue and how its vendor reports.
type place struct {
	Target string    `json:"target"`
	Prices priceList `json:"prices"`
}

func writeInvoice(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash("testdata/prices.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Targets []place }
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(200, 1))
	n := func(most int64) int64 { return 1 + rnd.Int64N(most) }
	lines := [][]byte{}
	add := func(v vector, c counts) {
		v.Arithmetic, v.Nano = v.Prices.invoice(c)
		line := bytes.Buffer{}
		e := json.NewEncoder(&line)
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, bytes.TrimSpace(line.Bytes()))
	}
	for _, p := range list.Targets {
		report, ok := reporters[p.Target]
		if !ok {
			t.Fatalf("nobody knows how %s reports", p.Target)
		}
		tier := int64(100_000)
		if len(p.Prices.Tiers) > 0 {
			tier = int64(p.Prices.Tiers[0].Over)
		}
		for _, s := range shapes {
			c := report.fold(s.of(n, tier))
			add(vector{Name: p.Target + ": " + s.name, Dialect: report.dialect, Target: p.Target, Prices: p.Prices, Reports: report.write(c, s.stream)}, c)
		}
	}
	byTarget := map[string]priceList{}
	for _, p := range list.Targets {
		byTarget[p.Target] = p.Prices
	}
	for _, o := range oddities {
		add(vector{Name: o.target + ": " + o.name, Dialect: reporters[o.target].dialect, Target: o.target, Prices: byTarget[o.target], Reports: raw(o.reports...)}, o.counts)
	}
	return append(append([]byte("[\n"), bytes.Join(lines, []byte(",\n"))...), "\n]\n"...)
}

func raw(texts ...string) (out []json.RawMessage) {
	for _, text := range texts {
		out = append(out, json.RawMessage(text))
	}
	return out
}
