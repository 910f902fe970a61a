package dialect

import "testing"

func TestAnEffortBecomesTheNearestThatAModelTakes(t *testing.T) {
	for _, c := range []struct {
		id, word, want string
		thinks         bool
	}{
		{"gpt-5", "xhigh", "high", true},
		{"gpt-5", "none", "", true},
		{"gpt-5", "minimal", "minimal", true},
		{"gpt-5.2", "xhigh", "xhigh", true},
		{"gpt-5.2", "max", "xhigh", true},
		{"gpt-5.1", "minimal", "low", true},
		{"gpt-5.2-codex", "minimal", "low", true},
		{"gpt-5-pro", "low", "high", true},
		{"openai/o3-mini", "minimal", "low", true},
		{"some/model", "xhigh", "high", true},
		{"some/model", "ultra", "ultra", true},
		{"some/model", "", "", true},
		{"gpt-4o", "high", "", false},
	} {
		if got, thinks := OpenAIEffort(c.id, c.word); got != c.want || thinks != c.thinks {
			t.Errorf("%s of %s: got %q, %t, want %q, %t", c.word, c.id, got, thinks, c.want, c.thinks)
		}
	}
}
