package dialect_test

import (
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func TestOnlyWhatAProviderWantsOtherwiseIsWrittenAnew(t *testing.T) {
	stop, members := dialect.UsesMember([]byte("stop")), dialect.UsesMembers
	for _, c := range []struct {
		name   string
		uses   dialect.Uses
		quirks *llm.Quirks
		want   bool
	}{
		{"no quirks", ^dialect.Uses(0) &^ dialect.UsesSealed, nil, false},
		{"no quirks set", ^dialect.Uses(0) &^ dialect.UsesSealed, &llm.Quirks{}, false},
		{"sealed thoughts", dialect.UsesSealed, nil, true},
		{"a limit of the other name", dialect.UsesMaxTokens, &llm.Quirks{MaxTokens: "max_completion_tokens"}, true},
		{"a limit of that name", dialect.UsesCompletionTokens, &llm.Quirks{MaxTokens: "max_completion_tokens"}, false},
		{"an older limit", dialect.UsesCompletionTokens, &llm.Quirks{MaxTokens: "max_tokens"}, true},
		{"an effort as an object", dialect.UsesReasoning, &llm.Quirks{Reasoning: "object"}, true},
		{"an effort as it is", dialect.UsesReasoning, &llm.Quirks{Reasoning: "effort"}, false},
		{"thoughts that are refused", dialect.UsesThoughts, &llm.Quirks{ReasoningText: "none"}, true},
		{"thoughts that are taken", dialect.UsesThoughts | dialect.UsesReasoningText, &llm.Quirks{ReasoningText: "reasoning"}, false},
		{"thoughts of another name", dialect.UsesReasoningContent, &llm.Quirks{ReasoningText: "reasoning"}, true},
		{"thoughts of the other name", dialect.UsesReasoningText, &llm.Quirks{ReasoningText: "reasoning_content"}, true},
		{"thoughts for one that thinks between calls", dialect.UsesReasoningText, &llm.Quirks{Reasoning: "thinking"}, true},
		{"a call without thoughts for such a one", dialect.UsesThoughtlessCall, &llm.Quirks{Reasoning: "thinking"}, true},
		{"a call without thoughts", dialect.UsesThoughtlessCall, &llm.Quirks{Reasoning: "object"}, false},
		{"details for one who has a text", dialect.UsesReasoningDetails, &llm.Quirks{ReasoningText: "reasoning"}, true},
		{"details for an aggregator", dialect.UsesReasoningDetails, &llm.Quirks{Reasoning: "object", ReasoningText: "reasoning"}, false},
		{"a long id", dialect.UsesLongID, &llm.Quirks{CallIDs: "short"}, true},
		{"a schema", dialect.UsesSchema, &llm.Quirks{Schema: "json_object"}, true},
		{"a schema that is known", dialect.UsesSchema, &llm.Quirks{Schema: "json_schema"}, false},
		{"a format", dialect.UsesMember([]byte("response_format")), &llm.Quirks{Schema: "none"}, true},
		{"a tool that must be called", dialect.UsesRequiredTool, &llm.Quirks{RequiredTool: "any"}, true},
		{"a seed", dialect.UsesSeed, &llm.Quirks{Seed: "random_seed"}, true},
		{"a developer", dialect.UsesDeveloper, &llm.Quirks{SystemRole: true}, true},
		{"settings of a stream", dialect.UsesStreamOptions, &llm.Quirks{NoStreamOptions: true}, true},
		{"parts", dialect.UsesParts, &llm.Quirks{TextOnly: true}, true},
		{"a refused member", members | stop, &llm.Quirks{Refuses: []string{"user", "stop"}}, true},
		{"without the refused members", members | stop, &llm.Quirks{Refuses: []string{"user", "logprobs"}}, false},
		{"a refused member that has a bit for another reason", members | dialect.UsesSeed, &llm.Quirks{Refuses: []string{"seed"}}, true},
		{"a refused member that is not documented", members | dialect.UsesUnknown, &llm.Quirks{Refuses: []string{"top_k"}}, true},
		{"without members that are not documented", members | stop, &llm.Quirks{Refuses: []string{"top_k"}}, false},
		{"a refused member that every request has", members, &llm.Quirks{Refuses: []string{"messages"}}, true},
		{"a dialect that looks for no members", stop, &llm.Quirks{Refuses: []string{"logprobs"}}, true},
		{"a closed provider", members | stop, &llm.Quirks{Closed: true}, false},
		{"a closed provider and an unknown member", members | dialect.UsesUnknown, &llm.Quirks{Closed: true}, true},
		{"a closed provider of a dialect that does not look", 0, &llm.Quirks{Closed: true}, true},
	} {
		if got := c.uses.Meets(c.quirks); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

func TestEveryMemberHasAUseOfItsOwn(t *testing.T) {
	seen := map[dialect.Uses]string{}
	for _, name := range []string{
		"max_tokens", "max_completion_tokens", "seed", "stream_options", "audio", "frequency_penalty", "function_call",
		"functions", "logit_bias", "logprobs", "metadata", "modalities", "moderation", "n", "parallel_tool_calls",
		"prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
		"reasoning_effort", "response_format", "safety_identifier", "service_tier", "stop", "store", "temperature",
		"tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity", "web_search_options",
	} {
		use := dialect.UsesMember([]byte(name))
		if other, taken := seen[use]; taken || use == 0 || use == dialect.UsesUnknown {
			t.Errorf("%s has the use of %q", name, other)
		}
		seen[use] = name
	}
	if dialect.UsesMember([]byte("top_k")) != dialect.UsesUnknown || dialect.UsesMember([]byte("model")) != 0 {
		t.Error("members that are not documented, or that all have, are not told apart")
	}
}

func TestAskingForQuirksDoesNotAllocate(t *testing.T) {
	q := &llm.Quirks{Closed: true, Refuses: []string{"logit_bias", "prompt_cache_retention"}}
	if n := testing.AllocsPerRun(50, func() {
		if dialect.UsesMembers.Meets(q) {
			t.Error("it meets")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
