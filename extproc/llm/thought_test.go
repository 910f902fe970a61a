package llm_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func FuzzASealedThoughtOpensByteForByte(f *testing.F) {
	f.Add("anthropic-claude-v1", "rs_1", "EqQBCg==", "", "dgm1.eA")
	f.Add("", "", "", "1:2:\x00\xff", "")
	f.Fuzz(func(t *testing.T, format, id, signature, encrypted, other string) {
		want := llm.Thought{Format: format, ID: id, Signature: signature, Encrypted: encrypted}
		got, ok := llm.OpenThought(want.Seal())
		if !ok || !cmp.Equal(got, want) {
			t.Errorf("got %+v, %t, want %+v", got, ok, want)
		}
		if again, ok := llm.OpenThought(other); ok && again.Seal() != other {
			if back, ok := llm.OpenThought(again.Seal()); !ok || back != again {
				t.Errorf("%q opens as %+v and seals as %q", other, again, again.Seal())
			}
		}
	})
}

func TestEffortAndBudgetStandForEachOther(t *testing.T) {
	effort := func(w string) llm.Reasoning { return llm.Reasoning{Effort: llm.Some(w)} }
	budget := func(n int64) llm.Reasoning { return llm.Reasoning{Budget: llm.Some(n)} }
	for _, c := range []struct {
		name   string
		r      llm.Reasoning
		most   int64
		budget int64
		word   string
		off    bool
	}{
		{"nothing said", llm.Reasoning{}, 0, 0, "", false},
		{"low", effort("low"), 0, 2048, "low", false},
		{"high within a small answer", effort("high"), 10000, 8000, "high", false},
		{"never below what vendors take", effort("low"), 1100, 1024, "low", false},
		{"none", effort("none"), 0, 0, "none", true},
		{"a vendor's own word", effort("ultra"), 0, 0, "ultra", false},
		{"a budget", budget(5000), 0, 5000, "medium", false},
		{"a zero budget", budget(0), 0, 0, "none", true},
		{"dynamic", budget(-1), 0, 0, "medium", false},
		{"a huge budget", budget(1 << 40), 0, 1 << 40, "max", false},
		{"on", llm.Reasoning{Enabled: llm.Some(true)}, 0, 8192, "medium", false},
		{"off", llm.Reasoning{Enabled: llm.Some(false)}, 0, 0, "none", true},
	} {
		got, ok := c.r.BudgetTokens(c.most)
		if got != c.budget || ok != (c.budget > 0) || c.r.EffortWord() != c.word || c.r.Off() != c.off {
			t.Errorf("%s: budget %d %t, word %q, off %t", c.name, got, ok, c.r.EffortWord(), c.r.Off())
		}
	}
}
