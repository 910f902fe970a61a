package dialect_test

import (
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func TestAzureNamesTheDeploymentInThePathOrInTheBody(t *testing.T) {
	for want, target := range map[string]dialect.Target{
		"/chat/completions":                                          {BasePath: "/v1", ID: "m"},
		"/chat/completions?api-version=preview":                      {Platform: dialect.Azure, BasePath: "/openai/v1", APIVersion: "preview"},
		"/deployments/a%2Fb/chat/completions?api-version=2024-10-21": {Platform: dialect.Azure, BasePath: "/openai", ID: "a/b", APIVersion: "2024-10-21"},
	} {
		if got := target.OpenAIPath("/chat/completions"); got != want {
			t.Errorf("%+v: got %s, want %s", target, got, want)
		}
	}
}

func TestOnlyWhatARequestUsesMeetsQuirks(t *testing.T) {
	for _, c := range []struct {
		name   string
		uses   dialect.Uses
		quirks *llm.Quirks
		want   bool
	}{
		{"no quirks", dialect.UsesSeed, nil, false},
		{"none that matter", dialect.UsesSeed, &llm.Quirks{SystemRole: true}, false},
		{"a seed", dialect.UsesSeed | dialect.UsesParts, &llm.Quirks{Seed: "random_seed"}, true},
		{"the older limit is what is wanted", dialect.UsesMaxTokens, &llm.Quirks{MaxTokens: "max_tokens"}, false},
		{"the newer limit", dialect.UsesCompletionTokens, &llm.Quirks{MaxTokens: "max_tokens"}, true},
		{"effort as usual", dialect.UsesReasoning, &llm.Quirks{Reasoning: "effort"}, false},
		{"a closed list", 0, &llm.Quirks{Closed: true}, true},
		{"members refused", 0, &llm.Quirks{Refuses: []string{"logit_bias"}}, true},
	} {
		if got := c.uses.Meets(c.quirks); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}
