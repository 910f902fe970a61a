package settlement_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/settlement"
)

func tokens(n llm.Tokens) llm.Opt[llm.Tokens] { return llm.Some(n) }

func usage(in, out llm.Tokens) *llm.Usage {
	return &llm.Usage{Input: tokens(in), Output: tokens(out)}
}

// a dollar a million tokens of input, two of output.
var cheap = &llm.Prices{Rates: llm.Rates{Input: llm.Some[llm.PicoUSD](1e6), Output: llm.Some[llm.PicoUSD](2e6)}}

// guess says one token a byte where the provider said nothing.
func guess(said llm.Usage, r *settlement.Report) llm.Usage {
	said.Input = tokens(said.Input.Or(7))
	said.Output = tokens(max(said.Output.Or(0), llm.Tokens(r.Bytes), llm.Tokens(r.Heard.Bytes)))
	return said
}

func TestWhatAnAttemptCosts(t *testing.T) {
	target := settlement.Target{Provider: "p", Model: "c/m", Prices: cheap}
	own, unpriced := target, target
	own.Own, unpriced.Prices = true, nil
	tests := []struct {
		name    string
		target  settlement.Target
		reports []settlement.Report
		want    settlement.Total
	}{
		{
			"an answer whose usage is known", target,
			[]settlement.Report{{Usage: usage(10, 5), Whole: true, Answered: true}, {Answered: true, Bytes: 999, Ended: true}},
			settlement.Total{Usage: *usage(10, 5), Cost: 20_000, Market: 20_000, Priced: true},
		},
		{
			"one that broke off before its usage came", target,
			[]settlement.Report{{Usage: &llm.Usage{Input: tokens(10)}, Answered: true}, {Answered: true, Bytes: 4, Ended: true}},
			settlement.Total{Usage: *usage(10, 4), Cost: 18_000, Market: 18_000, Priced: true, Estimated: true},
		},
		{
			"one whose beginning counted its first token", target,
			[]settlement.Report{{Usage: usage(10, 1), Answered: true, Ended: true}, {Answered: true, Bytes: 4}},
			settlement.Total{Usage: *usage(10, 4), Cost: 18_000, Market: 18_000, Priced: true, Estimated: true},
		},
		{
			"one that said more than its bytes make", target,
			[]settlement.Report{{Usage: usage(10, 9), Answered: true, Ended: true}, {Answered: true, Bytes: 4}},
			settlement.Total{Usage: *usage(10, 9), Cost: 28_000, Market: 28_000, Priced: true, Estimated: true},
		},
		{
			"one of which the provider sent more than passed", target,
			[]settlement.Report{{Usage: usage(10, 1), Answered: true, Heard: settlement.Heard{Dialect: llm.Anthropic, Bytes: 6}, Ended: true}, {Answered: true, Bytes: 4}},
			settlement.Total{Usage: *usage(10, 6), Cost: 22_000, Market: 22_000, Priced: true, Estimated: true},
		},
		{
			"one of which only bytes were seen", target,
			[]settlement.Report{{Answered: true, Bytes: 4, Ended: true}},
			settlement.Total{Usage: *usage(7, 4), Cost: 15_000, Market: 15_000, Priced: true, Estimated: true},
		},
		{
			"an error", target,
			[]settlement.Report{{Bytes: 300, Ended: true}},
			settlement.Total{Priced: true},
		},
		{
			"the tenant's own account", own,
			[]settlement.Report{{Usage: usage(10, 5), Whole: true, Answered: true}},
			settlement.Total{Usage: *usage(10, 5), Market: 20_000, Priced: true},
		},
		{
			"a target without a price", unpriced,
			[]settlement.Report{{Usage: usage(10, 5), Whole: true, Answered: true}},
			settlement.Total{Usage: *usage(10, 5)},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 4 {
				var tally settlement.Tally
				for _, i := range rand.Perm(len(tt.reports)) { // in any order, and twice
					first := tally.Add(1, tt.target, tt.reports[i])
					if again := tally.Add(1, settlement.Target{}, tt.reports[i]); first != tt.reports[i].Whole || again {
						t.Fatalf("report %d: whole %t, and again %t", i, first, again)
					}
				}
				if diff := cmp.Diff(tt.want, settlement.Sum(tally.Lines(guess))); diff != "" {
					t.Fatal(diff)
				}
			}
		})
	}
}

func TestEveryAttemptIsPaidFor(t *testing.T) {
	var tally settlement.Tally
	target := settlement.Target{Provider: "p", Model: "c/m", Prices: cheap}
	tally.Add(3, target, settlement.Report{Usage: usage(1, 1), Whole: true, Answered: true, Ended: true})
	if tally.Ended(3) {
		t.Error("two attempts are not known of, and all have ended")
	}
	tally.Add(1, target, settlement.Report{Ended: true})
	tally.Add(2, target, settlement.Report{Answered: true, Bytes: 2, Ended: true})
	if !tally.Ended(3) {
		t.Error("all attempts have ended, and it is not known")
	}
	want := settlement.Total{Usage: *usage(8, 3), Cost: 14_000, Market: 14_000, Priced: true, Estimated: true}
	if diff := cmp.Diff(want, settlement.Sum(tally.Lines(guess))); diff != "" {
		t.Error(diff)
	}
}

func TestAttemptsThatNoChainHasCountNothing(t *testing.T) {
	var tally settlement.Tally
	for _, n := range []int{-1, 0, settlement.MaxAttempts + 1, 1 << 40} {
		tally.Add(n, settlement.Target{}, settlement.Report{Usage: usage(1, 1), Whole: true})
	}
	if got := tally.Lines(guess); len(got) != 0 {
		t.Errorf("%d lines", len(got))
	}
}

func TestSumsSaturate(t *testing.T) {
	line := settlement.Line{Cost: 1<<63 - 2, Market: 1<<63 - 2, Priced: true}
	if sum := settlement.Sum([]settlement.Line{line, line}); sum.Cost != 1<<63-1 || sum.Market != 1<<63-1 {
		t.Errorf("%+v", sum)
	}
}
