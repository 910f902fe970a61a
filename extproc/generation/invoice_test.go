package generation_test

import (
	"encoding/json"
	"flag"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

var update = flag.Bool("update", false, "write testdata/invoice.json anew")

// vector is one line of the invoice: what a provider reported, and what that
// costs by an arithmetic that anybody can follow with pencil and paper.
type vector struct {
	Name    string            `json:"name"`
	Dialect llm.Dialect       `json:"dialect"`
	Target  string            `json:"target"`
	Prices  priceList         `json:"prices"`  // dollars a million tokens
	Reports []json.RawMessage `json:"reports"` // in the order of the stream
	// Arithmetic is in dollars a million tokens, hence millionths of a dollar.
	Arithmetic string      `json:"arithmetic"`
	Nano       llm.NanoUSD `json:"nano_usd"`
}

// classPrices are decimal texts; "" = no price of its own.
type classPrices struct {
	Input          string `json:"input,omitempty"`
	CacheRead      string `json:"cache_read,omitempty"`
	CacheWrite     string `json:"cache_write,omitempty"`
	CacheWriteHour string `json:"cache_write_hour,omitempty"`
	AudioInput     string `json:"audio_input,omitempty"`
	Output         string `json:"output,omitempty"`
	Reasoning      string `json:"reasoning,omitempty"`
	AudioOut       string `json:"audio_output,omitempty"`
}

type priceList struct {
	classPrices
	Tiers []priceTier `json:"tiers,omitempty"`
}

type priceTier struct {
	Over llm.Tokens `json:"over,string"`
	classPrices
}

func (c classPrices) rates(t *testing.T) llm.Rates {
	t.Helper()
	price := func(text string) llm.Opt[llm.PicoUSD] {
		if text == "" {
			return llm.Opt[llm.PicoUSD]{}
		}
		p, err := llm.ParsePrice(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return llm.Some(p)
	}
	return llm.Rates{
		Input: price(c.Input), CacheRead: price(c.CacheRead), CacheWrite: price(c.CacheWrite), CacheWriteHour: price(c.CacheWriteHour),
		AudioInput: price(c.AudioInput), Output: price(c.Output), Reasoning: price(c.Reasoning), AudioOut: price(c.AudioOut),
	}
}

func (p priceList) prices(t *testing.T) *llm.Prices {
	t.Helper()
	prices := &llm.Prices{Rates: p.rates(t)}
	for _, tier := range p.Tiers {
		prices.Tiers = append(prices.Tiers, llm.Tier{Over: tier.Over, Rates: tier.rates(t)})
	}
	return prices
}

const invoiceFile = "testdata/invoice.json"

func readInvoice(t *testing.T) (invoice []vector) {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(invoiceFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &invoice); err != nil {
		t.Fatal(err)
	}
	return invoice
}

func TestAnInvoiceIsRightToTheNanoDollar(t *testing.T) {
	invoice := readInvoice(t)
	if len(invoice) != 200 {
		t.Fatalf("%d vectors, want 200", len(invoice))
	}
	var sum, want llm.NanoUSD
	for _, v := range invoice {
		codec := table.Codec(v.Dialect)
		prices := v.Prices.prices(t)
		// As the translate lane does it: report after report.
		var merged llm.Usage
		var all []byte
		for _, report := range v.Reports {
			u := codec.DecodeUsage(report)
			if u == nil {
				t.Fatalf("%s: %s counts nothing", v.Name, report)
			}
			merged.Merge(*u)
			all = append(append(all, report...), '\n')
		}
		got, ok := prices.Cost(merged)
		if !ok || got != v.Nano {
			t.Errorf("%s: %d nano-dollars, %t; want %d = %s", v.Name, got, ok, v.Nano, v.Arithmetic)
		}
		// As the leave lane does it: all reports at once, or of OpenAI's streams,
		// whose guard keeps that one only, the last.
		if v.Dialect == llm.OpenAI {
			all = v.Reports[len(v.Reports)-1]
		}
		if u := codec.DecodeUsage(all); u == nil {
			t.Errorf("%s: the leave lane counts nothing", v.Name)
		} else if got, ok := prices.Cost(*u); !ok || got != v.Nano {
			t.Errorf("%s: the leave lane counts %d nano-dollars, %t; want %d = %s", v.Name, got, ok, v.Nano, v.Arithmetic)
		}
		sum, want = sum+got, want+v.Nano
	}
	t.Logf("%d vectors, %s dollars in all", len(invoice), sum)
	if sum != want {
		t.Errorf("in all %s dollars, want %s", sum, want)
	}
}

// term is "1200 input × 0.3".
var term = regexp.MustCompile(`^(\d+) [a-z ]+ × (\d+(?:\.\d+)?)$`)

func TestTheInvoicesArithmeticHolds(t *testing.T) {
	for _, v := range readInvoice(t) {
		left, right, found := strings.Cut(v.Arithmetic, " = ")
		if !found {
			t.Fatalf("%s: %s", v.Name, v.Arithmetic)
		}
		micro := new(big.Rat)
		for one := range strings.SplitSeq(left, " + ") {
			part := term.FindStringSubmatch(one)
			if part == nil {
				t.Fatalf("%s: %q is no term", v.Name, one)
			}
			tokens, okTokens := new(big.Rat).SetString(part[1])
			price, okPrice := new(big.Rat).SetString(part[2])
			if !okTokens || !okPrice {
				t.Fatalf("%s: %q has no numbers", v.Name, one)
			}
			micro.Add(micro, tokens.Mul(tokens, price))
		}
		claimed, ok := new(big.Rat).SetString(strings.TrimSuffix(right, " µ$"))
		if !ok || claimed.Cmp(micro) != 0 {
			t.Errorf("%s: %s is %s", v.Name, v.Arithmetic, micro.FloatString(9))
		}
		// Half up, to whole nano-dollars: twice the sum and one, halved, downwards.
		twice := micro.Mul(micro, big.NewRat(2000, 1))
		nano := new(big.Int).Div(twice.Add(twice, big.NewRat(1, 1)).Num(), new(big.Int).Mul(twice.Denom(), big.NewInt(2)))
		if nano.Cmp(big.NewInt(int64(v.Nano))) != 0 {
			t.Errorf("%s: %s is %s nano-dollars, not %d", v.Name, v.Arithmetic, nano, v.Nano)
		}
	}
}

func TestTheInvoiceIsWhatItsScriptWrites(t *testing.T) {
	want := writeInvoice(t)
	if *update {
		if err := os.WriteFile(filepath.FromSlash(invoiceFile), want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(filepath.FromSlash(invoiceFile))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error("run the test with -update and read the difference:", diff)
	}
}

// The invoice would prove little if it left out what is hard.
func TestTheInvoiceHasEveryClassAndEveryEdge(t *testing.T) {
	seen := map[string]int{}
	for _, v := range readInvoice(t) {
		seen[string(v.Dialect)]++
		if len(v.Reports) > 1 {
			seen["streams"]++
		}
		if v.Nano%1000 != 0 {
			seen["less than a millionth of a dollar"]++
		}
		_, fraction, _ := strings.Cut(strings.TrimSuffix(strings.SplitAfter(v.Arithmetic, " = ")[1], " µ$"), ".")
		if len(fraction) > 3 {
			seen["rounded"]++
		}
		for _, class := range classes {
			if strings.Contains(v.Arithmetic, " "+class.name+" × ") {
				seen[class.name]++
			}
		}
		if strings.Contains(v.Name, "one token over") {
			seen["over a tier"]++
		}
		if strings.Contains(v.Name, "up to the tier") {
			seen["up to a tier"]++
		}
	}
	t.Log(seen)
	for _, name := range []string{
		"anthropic", "bedrock", "gemini", "openai", "responses", "embeddings", "streams", "less than a millionth of a dollar", "rounded",
		"over a tier", "up to a tier",
	} {
		if seen[name] < 5 {
			t.Errorf("%s: %d vectors", name, seen[name])
		}
	}
	for _, class := range classes {
		if seen[class.name] < 5 {
			t.Errorf("%s: %d vectors", class.name, seen[class.name])
		}
	}
}
