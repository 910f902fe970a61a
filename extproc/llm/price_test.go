package llm_test

import (
	"math"
	"math/big"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func dollars(t testing.TB, perMillion string) llm.Opt[llm.PicoUSD] {
	t.Helper()
	p, err := llm.ParsePrice(perMillion)
	if err != nil {
		t.Fatalf("%s: %v", perMillion, err)
	}
	return llm.Some(p)
}

func tokens(n int64) llm.Opt[llm.Tokens] { return llm.Some(llm.Tokens(n)) }

func TestPricesAreReadExactly(t *testing.T) {
	for text, want := range map[string]llm.PicoUSD{
		"0":                         0,
		"3":                         3_000_000,
		"8.75":                      8_750_000,
		"37.5":                      37_500_000,
		"0.003625":                  3_625,
		"0.0028":                    2_800,
		"0.049999999999999996":      50_000,
		"0.29999999999999998":       300_000,
		"0.0000005":                 1,
		"0.00000049":                0,
		"1e-7":                      0,
		"5e-2":                      50_000,
		"2.5E+1":                    25_000_000,
		"00012.50":                  12_500_000,
		"1000000":                   1e12,
		"0.0000000000000000000001":  0,
		"999999.9999995":            1e12,
		"12345.678901":              12_345_678_901,
		"123456789e-9":              123_457,
		"0.000000000000000000000e9": 0,
	} {
		got, err := llm.ParsePrice(text)
		if err != nil || got != want {
			t.Errorf("ParsePrice(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", ".5", "5.", "-1", "+1", "1,5", "NaN", "1e", "1e99", "1000000.000001", "1e7", "0x1", "1_0", " 1", "9223372036854775808"} {
		if got, err := llm.ParsePrice(text); err == nil {
			t.Errorf("ParsePrice(%q) = %d", text, got)
		}
	}
}

func TestMoneyIsWrittenExactly(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{llm.PicoUSD(2_500_000).PerMillion(), "2.5"},
		{llm.PicoUSD(2_500_000).PerToken(), "0.0000025"},
		{llm.PicoUSD(2_800).PerMillion(), "0.0028"},
		{llm.PicoUSD(0).PerToken(), "0"},
		{llm.MaxPrice.PerToken(), "1"},
		{llm.NanoUSD(123_456).String(), "0.000123456"},
		{llm.NanoUSD(12_000_000_000).String(), "12"},
		{llm.NanoUSD(-1).String(), "-0.000000001"},
		{llm.NanoUSD(math.MaxInt64).String(), "9223372036.854775807"},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
}

// The vectors are computed by hand: tokens times dollars a million is
// micro-dollars.
func TestACostIsTheSumOfItsClasses(t *testing.T) {
	sonnet := llm.Prices{Rates: llm.Rates{
		Input: dollars(t, "3"), Output: dollars(t, "15"), CacheRead: dollars(t, "0.3"), CacheWrite: dollars(t, "3.75"), CacheWriteHour: dollars(t, "6"),
	}}
	plain := llm.Prices{Rates: llm.Rates{Input: dollars(t, "2.5"), Output: dollars(t, "10")}}
	gemini := llm.Prices{
		Rates: llm.Rates{Input: dollars(t, "1.25"), Output: dollars(t, "10"), CacheRead: dollars(t, "0.125")},
		Tiers: []llm.Tier{{Over: 200_000, Rates: llm.Rates{Input: dollars(t, "2.5"), Output: dollars(t, "15")}}},
	}
	audio := llm.Prices{Rates: llm.Rates{
		Input: dollars(t, "0.3"), Output: dollars(t, "2.5"), AudioInput: dollars(t, "1"), Reasoning: dollars(t, "3.5"), AudioOut: dollars(t, "12"),
	}}
	odd := llm.Prices{Rates: llm.Rates{Input: dollars(t, "0.0005"), Output: dollars(t, "0.0004")}}
	free := llm.Prices{Rates: llm.Rates{Input: dollars(t, "0"), Output: dollars(t, "0")}}
	half := llm.Prices{Rates: llm.Rates{Input: dollars(t, "1")}}
	dear := llm.Prices{Rates: llm.Rates{Input: llm.Some(llm.MaxPrice), Output: llm.Some(llm.MaxPrice)}}
	for _, c := range []struct {
		name   string
		prices *llm.Prices
		usage  llm.Usage
		want   llm.NanoUSD
		known  bool
	}{
		// 1000×2.5 + 200×10 = 4500 µ$
		{"input and output", &plain, llm.Usage{Input: tokens(1000), Output: tokens(200)}, 4_500_000, true},
		// 2000×0.3 + 500×3.75 + 300×6 + 200×3 + 100×15 = 600+1875+1800+600+1500 µ$
		{
			"caches are part of the input, the hour's of the writes", &sonnet,
			llm.Usage{Input: tokens(3000), CacheRead: tokens(2000), CacheWrite: tokens(800), CacheWriteHour: tokens(300), Output: tokens(100)},
			6_375_000, true,
		},
		// 1000×2.5 + 200×10, caches at the input's price
		{
			"a class without a price costs what its parent does", &plain,
			llm.Usage{Input: tokens(1000), CacheRead: tokens(600), CacheWrite: tokens(300), CacheWriteHour: tokens(100), AudioInput: tokens(50), Output: tokens(200), Reasoning: tokens(150), AudioOut: tokens(20)},
			4_500_000, true,
		},
		// 600×0.3 + 400×1 + 100×3.5 + 50×12 + 50×2.5 = 180+400+350+600+125 µ$
		{
			"audio and reasoning have prices of their own", &audio,
			llm.Usage{Input: tokens(1000), AudioInput: tokens(400), Output: tokens(200), Reasoning: tokens(100), AudioOut: tokens(50)},
			1_655_000, true,
		},
		// 200000×1.25 + 1000×10 = 260000 µ$
		{"as much input as the tier begins over", &gemini, llm.Usage{Input: tokens(200_000), Output: tokens(1000)}, 260_000_000, true},
		// 100001×2.5 + 100000×0.125 + 1000×15 = 250002.5+12500+15000 µ$; the tier says nothing of cache reads
		{"one more is all at the tier's price", &gemini, llm.Usage{Input: tokens(200_001), CacheRead: tokens(100_000), Output: tokens(1000)}, 277_502_500, true},
		// cut to 100 tokens read: 100×0.3 + 10×15 = 30+150 µ$
		{"parts never exceed the whole", &sonnet, llm.Usage{Input: tokens(100), CacheRead: tokens(400), CacheWrite: tokens(5), Output: tokens(10), Reasoning: tokens(99)}, 180_000, true},
		// 1×0.0005 µ$ = 0.5 n$
		{"half a nano-dollar is one", &odd, llm.Usage{Input: tokens(1)}, 1, true},
		{"less is none", &odd, llm.Usage{Output: tokens(1)}, 0, true},
		// 0.5 + 0.4 n$: rounded once, not 1 + 0
		{"rounding is of the sum", &odd, llm.Usage{Input: tokens(1), Output: tokens(1)}, 1, true},
		// 3×0.5 + 5×0.4 = 3.5 n$
		{"half up", &odd, llm.Usage{Input: tokens(3), Output: tokens(5)}, 4, true},
		{"free is known", &free, llm.Usage{Input: tokens(5), Output: tokens(5)}, 0, true},
		{"nothing used costs nothing", &plain, llm.Usage{Input: tokens(0), Output: tokens(0)}, 0, true},
		{"a price is missing for what was used", &half, llm.Usage{Input: tokens(1), Output: tokens(1)}, 1000, false},
		{"a price is missing for what was not", &half, llm.Usage{Input: tokens(1), Output: tokens(0)}, 1000, true},
		{"unknown prices", nil, llm.Usage{Input: tokens(1)}, 0, false},
		{"no usage", &plain, llm.Usage{}, 0, false},
		{"only a part was reported", &plain, llm.Usage{CacheRead: tokens(5)}, 0, false},
		{"more than there is", &dear, llm.Usage{Input: tokens(int64(llm.MaxTokens)), Output: tokens(int64(llm.MaxTokens))}, math.MaxInt64, true},
	} {
		got, known := c.prices.Cost(c.usage)
		if known != c.known || known && got != c.want {
			t.Errorf("%s: %d, %t; want %d, %t", c.name, got, known, c.want, c.known)
		}
	}
}

func TestACostAllocatesNothing(t *testing.T) {
	p := &llm.Prices{Rates: llm.Rates{Input: dollars(t, "3"), Output: dollars(t, "15")}, Tiers: []llm.Tier{{Over: 10}}}
	u := llm.Usage{Input: tokens(1000), Output: tokens(200)}
	if n := testing.AllocsPerRun(100, func() { _, _ = p.Cost(u) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzCost holds the sum against one of unbounded integers, and each token to
// one class.
func FuzzCost(f *testing.F) {
	f.Add(int64(1000), int64(200), int64(100), int64(50), int64(300), int64(3_000_000), int64(300_000), int64(15_000_000))
	f.Add(int64(1e12), int64(1e12), int64(1e12), int64(1e12), int64(1e12), int64(1e12), int64(1e12), int64(1e12))
	f.Fuzz(func(t *testing.T, input, read, write, hour, output, in, cached, out int64) {
		bound := func(n int64) int64 { return min(max(n, 0), int64(llm.MaxTokens)) }
		input, read, write, hour, output = bound(input), bound(read), bound(write), bound(hour), bound(output)
		price := func(n int64) llm.Opt[llm.PicoUSD] { return llm.Some(llm.PicoUSD(min(max(n, 0), int64(llm.MaxPrice)))) }
		p := llm.Prices{Rates: llm.Rates{Input: price(in), CacheRead: price(cached), Output: price(out)}}
		got, ok := p.Cost(llm.Usage{Input: tokens(input), CacheRead: tokens(read), CacheWrite: tokens(write), CacheWriteHour: tokens(hour), Output: tokens(output)})
		read = min(read, input)
		sum := new(big.Int)
		for _, part := range [][2]int64{{read, int64(p.CacheRead.Or(0))}, {input - read, int64(p.Input.Or(0))}, {output, int64(p.Output.Or(0))}} {
			sum.Add(sum, new(big.Int).Mul(big.NewInt(part[0]), big.NewInt(part[1])))
		}
		sum.Add(sum, big.NewInt(500))
		sum.Div(sum, big.NewInt(1000))
		want := int64(math.MaxInt64)
		if sum.IsInt64() {
			want = sum.Int64()
		}
		if !ok || int64(got) != want {
			t.Errorf("%d, %t; want %d", got, ok, want)
		}
	})
}

// FuzzParsePrice holds what is read against the exact value of the text.
func FuzzParsePrice(f *testing.F) {
	for _, seed := range []string{"8.75", "0.049999999999999996", "1e-7", "999999.9999995", "-1", "1e30", "0.0000005"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := llm.ParsePrice(text)
		if err != nil {
			return
		}
		exact, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("%q is read as %d, and is no number", text, p)
		}
		exact.Mul(exact, big.NewRat(1_000_000, 1))
		exact.Add(exact, big.NewRat(1, 2))
		if want := new(big.Int).Div(exact.Num(), exact.Denom()); want.Cmp(big.NewInt(int64(p))) != 0 {
			t.Errorf("%q is read as %d, want %s", text, p, want)
		}
		if again, err := llm.ParsePrice(p.PerMillion()); err != nil || again != p {
			t.Errorf("%d is written %s and read as %d, %v", p, p.PerMillion(), again, err)
		}
	})
}
