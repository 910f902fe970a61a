package matrix

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest"
)

// claudeTargets are the providers, what each cannot hear of the loop's last
// request, and how the thinking of each round comes and goes back. The last
// round's thinking has no text.
var claudeTargets = []struct {
	name     string
	dropped  string
	coarse   string // dropped beside, as it takes an effort and no budget
	shown    string
	replayed string
	counts   bool // tokens
}{
	{"compatible", "context_management messages.is_error", "reasoning.budget", "text, text, -", "text, text, -", false},
	{"openai", "context_management messages.cache_control messages.is_error messages.reasoning", "reasoning.budget", "text, text, -", "-, -, -", false},
	{"azure", "context_management messages.cache_control messages.is_error messages.reasoning", "reasoning.budget", "text, text, -", "-, -, -", false},
	{"responses", "context_management messages.cache_control messages.is_error", "reasoning.budget", "signed text, signed text, signed", "signed text, signed text, signed", false},
	{"anthropic", "", "", "signed text, signed text, signed", "signed text, signed text, signed", true},
	{"vertex-claude", "", "", "signed text, signed text, signed", "signed text, signed text, signed", true},
	{"vertex", "context_management messages.cache_control user", "reasoning.budget", "signed text, signed text, signed", "signed text, signed text, signed", true},
	{"gemini", "context_management messages.cache_control user", "reasoning.budget", "signed text, signed text, signed", "signed text, signed text, signed", true},
	{"bedrock", "anthropic-beta.claude-code-20250219 context_management user", "", "signed text, signed text, signed", "signed text, signed text, signed", false},
	{"nova", "anthropic-beta context_management messages.cache_control.ttl messages.reasoning reasoning user", "", "text, text, signed", "-, -, -", false},
}

func TestClaudeCodeWorksAtEveryProvider(t *testing.T) {
	t.Parallel()
	g := envoytest.Start(t, Options())
	for _, sdk := range []string{"anthropic-0", "anthropic-1"} {
		p := startClient(t, sdk, "claude.mjs")
		for _, target := range claudeTargets {
			for _, thinking := range []map[string]any{{"type": "enabled", "budget_tokens": 31999}, {"type": "adaptive"}} {
				name := sdk + " " + target.name + " " + thinking["type"].(string) //nolint:forcetypeassert // just above
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					var run agentRun
					if err := p.ask(t.Context(), map[string]any{
						"url": g.URL, "name": name, "models": []string{"at/" + target.name}, "rounds": agentScripts, "thinking": thinking,
					}, &run); err != nil {
						t.Fatal(err)
					}
					run.checkLoop(t, [2]string{"tool_use", "end_turn"})
					run.checkCompaction(t, target.counts)
					h := heardLast(t, g, target.name, name)
					run.checkHeard(t, h)
					want := target.dropped
					if thinking["budget_tokens"] != nil {
						want += " " + target.coarse
					}
					if diff := cmp.Diff(sorted(want), dropped(&run.Rounds[3])); diff != "" {
						t.Errorf("dropped (-want +got):\n%s", diff)
					}
					if got := run.thoughts(); got != target.shown {
						t.Errorf("thinking comes as %q, want %q", got, target.shown)
					}
					if got := replayed(h); got != target.replayed {
						t.Errorf("thinking goes back as %q, want %q", got, target.replayed)
					}
					if len(h.Tools) != 20 || strings.Join(h.System, "") != "You are an agent in a terminal.You help with software.\n\n# Environment\nPlatform: linux\n" {
						t.Errorf("%d tools, system prompt %q", len(h.Tools), h.System)
					}
				})
			}
		}
	}
}

// checkCompaction checks the count and the summary at the end.
func (run *agentRun) checkCompaction(t *testing.T, counted bool) {
	t.Helper()
	if run.Count == nil || run.Count.Tokens < 100 || (run.Count.Header["x-dragoman-estimated"] == "") != counted {
		t.Errorf("count %+v", run.Count)
	}
	if c := run.Compacted; c == nil || c.Stop != "end_turn" || !strings.Contains(c.Text, "You said: “Summarize the conversation so far.”") {
		t.Errorf("compacted %+v", c)
	}
}
