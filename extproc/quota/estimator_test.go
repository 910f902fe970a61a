package quota

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestBucketsFollowOnEachOther(t *testing.T) {
	last := -1
	for n := int64(1); n <= 1<<20; n++ {
		b := bucket(n)
		if b != last && b != last+1 && last >= 0 {
			t.Fatalf("%d is in bucket %d after %d", n, b, last)
		}
		last = b
		if n < lowEdge(b) || n > highEdge(b) {
			t.Fatalf("%d is in bucket %d, from %d to %d", n, b, lowEdge(b), highEdge(b))
		}
	}
	if b := bucket(maxCounted); b != buckets-1 || highEdge(b) != maxCounted {
		t.Errorf("the greatest is in bucket %d up to %d of %d", b, highEdge(b), buckets)
	}
}

func TestEstimatesAreCautiousAtFirst(t *testing.T) {
	e := NewEstimator()
	for _, c := range []struct {
		name          string
		prompt        Prompt
		input, output Amount
	}{
		{"two bytes a token and sixteen", Prompt{Bytes: 1000}, 516, 4096},
		{"an odd byte is a token", Prompt{Bytes: 3}, 18, 4096},
		{"media are added", Prompt{Bytes: 2, Media: 1600}, 1617, 4096},
		{"the request's own limit", Prompt{Bytes: 1000, MaxOutput: 7}, 516, 7},
		{"the model's limit on output", Prompt{Bytes: 1000, MaxOutput: 7000, OutputLimit: 100}, 516, 100},
		{"the context leaves the rest for output", Prompt{Bytes: 1000, MaxOutput: 7000, Context: 1000}, 516, 484},
		{"more than the context", Prompt{Bytes: 10_000, Context: 1000}, 1000, 1},
		{"nonsense", Prompt{Bytes: -5, Media: -5, MaxOutput: -5}, 16, 4096},
	} {
		if in, out := e.Estimate(&c.prompt); in != c.input || out != c.output {
			t.Errorf("%s: %d and %d, want %d and %d", c.name, in, out, c.input, c.output)
		}
	}
}

func TestEstimatesLearnAndRarelyFallBelow(t *testing.T) {
	e := NewEstimator()
	rng := rand.New(rand.NewPCG(1, 2))
	below, sum, took := 0, Amount(0), Amount(0)
	long, guessed := 0, 0
	for i := range 6000 {
		size := 200 + rng.IntN(20_000)
		in := Amount(float64(size)/(3.5+rng.NormFloat64()*0.3)) + 10
		out := Amount(20 + rng.ExpFloat64()*400)
		p := Prompt{Dialect: llm.OpenAI, Model: "m", Bytes: size}
		if i >= 1000 {
			est, estOut := e.Estimate(&p)
			sum, took = sum+est, took+in
			if est < in {
				below++
			}
			if estOut < out {
				long++
			}
			guessed++
		}
		e.Learn(noon.Add(time.Duration(i)*time.Second), &p, Amounts{Input: in, Output: out})
	}
	if below > guessed/25 || float64(sum) > 1.5*float64(took) {
		t.Errorf("%d of %d inputs were underestimated, %.2f times too much in all", below, guessed, float64(sum)/float64(took))
	}
	if long > guessed/12 || long < guessed/100 {
		t.Errorf("%d of %d outputs were longer than estimated", long, guessed)
	}
	if in, _ := e.Estimate(&Prompt{Dialect: llm.Anthropic, Bytes: 1000}); in != 516 {
		t.Errorf("another dialect has learned %d", in)
	}
}

func TestWhatIsOldIsForgotten(t *testing.T) {
	e := NewEstimator()
	p := Prompt{Model: "m", Bytes: 100}
	for i := range 1000 {
		e.Learn(noon.Add(time.Duration(i)*time.Second), &p, Amounts{Output: 10_000})
	}
	if _, out := e.Estimate(&p); out < 10_000 || out > 11_500 {
		t.Errorf("learned %d", out)
	}
	for i := range 1000 {
		e.Learn(noon.Add(time.Duration(i)*10*time.Minute), &p, Amounts{Output: 100})
	}
	if _, out := e.Estimate(&p); out < 100 || out > 115 {
		t.Errorf("a week later %d", out)
	}
	limited := p
	limited.MaxOutput = 5
	for range 1000 {
		e.Learn(noon, &limited, Amounts{Output: 5})
	}
	if _, out := e.Estimate(&p); out < 100 {
		t.Errorf("requests that limit themselves taught %d", out)
	}
}

func TestWhatIsLearnedIsBounded(t *testing.T) {
	e := NewEstimator()
	for i := range 3 * mostModels {
		p := Prompt{Dialect: llm.Dialect(fmt.Sprint("d", i)), Model: fmt.Sprint("m", i), Bytes: 100}
		e.Learn(noon.Add(time.Duration(i)*time.Second), &p, Amounts{Input: 50, Output: 50})
	}
	if m, d := len(*e.models.by.Load()), len(*e.ratios.by.Load()); m != mostModels || d != mostDialects {
		t.Errorf("%d models and %d dialects", m, d)
	}
	if e.models.find(fmt.Sprint("m", 3*mostModels-1)) == nil {
		t.Error("the last seen is forgotten")
	}
}

func TestUnbelievableReportsAreSurvived(t *testing.T) {
	e := NewEstimator()
	p := Prompt{Model: "m", Bytes: 1 << 50}
	for range 100 {
		e.Learn(noon, &p, Amounts{Input: -1 << 62, Output: -1 << 62})
		e.Learn(noon, &p, Amounts{Input: 1<<63 - 1, Output: 1<<63 - 1})
		e.Learn(noon, &p, Amounts{Input: 17, Output: 1})
	}
	if in, out := e.Estimate(&p); in <= 0 || in > MaxAmount || out <= 0 {
		t.Errorf("%d and %d", in, out)
	}
}

func TestEstimatingAllocatesNothing(t *testing.T) {
	e := NewEstimator()
	p := Prompt{Dialect: llm.OpenAI, Model: "m", Bytes: 1000}
	e.Learn(noon, &p, Amounts{Input: 300, Output: 300})
	if n := testing.AllocsPerRun(1000, func() { e.Estimate(&p) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkEstimate(b *testing.B) {
	e := NewEstimator()
	p := Prompt{Dialect: llm.OpenAI, Model: "m", Bytes: 1000}
	e.Learn(noon, &p, Amounts{Input: 300, Output: 300})
	for b.Loop() {
		e.Estimate(&p)
	}
}
