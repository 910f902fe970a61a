package regions

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

func TestAPlanFillsReservesFromWhatOthersHaveBeyondTheirs(t *testing.T) {
	at := func(region string, used, leased, demand quota.Amount) Position {
		return Position{Region: region, Share: 1000, Limit: 1000, Used: used, Leased: leased, Demand: demand}
	}
	for _, test := range []struct {
		name string
		in   []Position
		want []Transfer
	}{
		{"nobody lacks anything", []Position{at("eu", 500, 0, 100), at("us", 0, 0, 0)}, nil},
		{"one alone", []Position{at("eu", 1000, 0, 100)}, nil},
		{"half a reserve is enough", []Position{at("eu", 900, 0, 100), at("us", 0, 0, 0)}, nil},
		{"less is filled up", []Position{at("eu", 901, 0, 100), at("us", 0, 0, 0)}, []Transfer{{"us", "eu", 101}}},
		{"leases are not free", []Position{at("eu", 800, 101, 100), at("us", 0, 900, 0)}, []Transfer{{"us", "eu", 50}}},
		{"one that has run out shows no demand", []Position{at("eu", 1000, 0, 0), at("us", 0, 0, 0)}, []Transfer{{"us", "eu", 50}}},
		{"debts are filled up, too", []Position{at("eu", 1010, 0, 0), at("us", 0, 0, 0)}, []Transfer{{"us", "eu", 60}}},
		{"a donor keeps its own reserve", []Position{at("eu", 1000, 0, 400), at("us", 100, 0, 400)}, []Transfer{{"us", "eu", 100}}},
		{"the richest gives first", []Position{at("ap", 1000, 0, 400), at("eu", 500, 0, 0), at("us", 0, 500, 100)}, []Transfer{{"eu", "ap", 450}, {"us", "ap", 300}}},
		{"what there is is shared alike", []Position{at("ap", 1000, 0, 100), at("eu", 1000, 0, 300), at("us", 550, 0, 0)}, []Transfer{{"us", "ap", 100}, {"us", "eu", 300}}},
		{"all have run out", []Position{at("eu", 1000, 0, 1), at("us", 1000, 0, 1)}, nil},
		{"the greatest of amounts", []Position{
			{Region: "eu", Share: quota.MaxAmount, Limit: quota.MaxAmount, Used: quota.MaxAmount, Demand: quota.MaxAmount},
			{Region: "us", Share: quota.MaxAmount, Limit: quota.MaxAmount, Used: -quota.MaxAmount},
		}, []Transfer{{"us", "eu", quota.MaxAmount}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Plan(test.in)); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAPlanTakesFromNobodyWhatItNeedsWhateverTheOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		amount := rapid.Custom(func(rt *rapid.T) quota.Amount {
			return quota.Amount(rapid.Int64Range(0, 1<<rapid.IntRange(1, 53).Draw(rt, "bits")).Draw(rt, "amount"))
		})
		var in []Position
		for i := range rapid.IntRange(0, 6).Draw(rt, "regions") {
			in = append(in, Position{
				Region: string(rune('a' + i)), Share: amount.Draw(rt, "share"), Limit: amount.Draw(rt, "limit"),
				Used: amount.Draw(rt, "used"), Leased: amount.Draw(rt, "leased"), Demand: amount.Draw(rt, "demand"),
			})
		}
		plan := Plan(in)
		left := map[string]quota.Amount{}
		for _, p := range in {
			left[p.Region] = p.free()
		}
		for _, transfer := range plan {
			if transfer.Amount <= 0 {
				rt.Fatalf("%+v", transfer)
			}
			left[transfer.From] -= transfer.Amount
			left[transfer.To] += transfer.Amount
		}
		for _, p := range in {
			switch after := left[p.Region]; {
			case after < p.free() && after < p.reserve():
				rt.Fatalf("%s gives and is left with %d of %d", p.Region, after, p.reserve())
			case after > p.free() && after > p.reserve():
				rt.Fatalf("%s receives and has %d, more than %d", p.Region, after, p.reserve())
			}
		}
		rand.Shuffle(len(in), func(i, j int) { in[i], in[j] = in[j], in[i] })
		if diff := cmp.Diff(plan, Plan(in)); diff != "" {
			rt.Fatalf("in another order (-first +second):\n%s", diff)
		}
	})
}
