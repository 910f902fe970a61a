package matrix

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest"
)

// codexTargets are as claudeTargets for a client of the Responses API.
var codexTargets = []struct {
	name     string
	dropped  string
	shown    string
	replayed string
}{
	{"compatible", "client_metadata prompt_cache_key reasoning.summary text.verbosity tools tools.format", "text, text, -", "text, text, -"},
	{"openai", "client_metadata messages.reasoning reasoning.summary tools tools.format", "text, text, -", "-, -, -"},
	{"azure", "client_metadata messages.reasoning reasoning.summary tools tools.format", "text, text, -", "-, -, -"},
	{"anthropic", "client_metadata prompt_cache_key text.verbosity tools tools.format", "signed text, signed text, signed", "signed text, signed text, signed"},
	{"vertex-claude", "client_metadata prompt_cache_key text.verbosity tools tools.format tools.strict", "signed text, signed text, signed", "signed text, signed text, signed"},
	{"vertex", "client_metadata prompt_cache_key text.verbosity tools tools.format tools.strict", "signed text, signed text, signed", "signed text, signed text, signed"},
	{"gemini", "client_metadata prompt_cache_key text.verbosity tools tools.format tools.strict", "signed text, signed text, signed", "signed text, signed text, signed"},
	{"bedrock", "client_metadata prompt_cache_key text.verbosity tools tools.format tools.strict", "signed text, signed text, signed", "signed text, signed text, signed"},
	{"nova", "client_metadata messages.reasoning prompt_cache_key reasoning reasoning.summary text.verbosity tools tools.format tools.strict", "text, text, signed", "-, -, -"},
}

func TestCodexWorksAtEveryProvider(t *testing.T) {
	t.Parallel()
	g := envoytest.Start(t, Options())
	for _, sdk := range []string{"openai-4", "openai-7"} {
		p := startClient(t, sdk, "codex.mjs")
		for _, target := range codexTargets {
			for _, ids := range []bool{true, false} {
				name := sdk + " " + target.name + map[bool]string{true: " with ids", false: " without ids"}[ids]
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					var run agentRun
					if err := p.ask(t.Context(), map[string]any{
						"url": g.URL, "name": name, "models": []string{"at/" + target.name}, "rounds": agentScripts, "ids": ids,
					}, &run); err != nil {
						t.Fatal(err)
					}
					run.checkLoop(t, [2]string{"completed", "completed"})
					h := heardLast(t, g, target.name, name)
					run.checkHeard(t, h)
					if diff := cmp.Diff(sorted(target.dropped), dropped(&run.Rounds[3])); diff != "" {
						t.Errorf("dropped (-want +got):\n%s", diff)
					}
					if got := run.thoughts(); got != target.shown {
						t.Errorf("reasoning comes as %q, want %q", got, target.shown)
					}
					if got := replayed(h); got != target.replayed {
						t.Errorf("reasoning goes back as %q, want %q", got, target.replayed)
					}
					if patch := run.Rounds[0].Calls[1]; patch.Name != "apply_patch" || patch.Kind != "custom_tool_call" || strings.HasPrefix(string(patch.Input), `"{`) {
						t.Errorf("the tool of free text is called with %s as %s", patch.Input, patch.Kind)
					}
					if system := strings.Join(h.System, ""); !strings.HasPrefix(system, "You are an agent in a terminal.\n\n# Tools\nUse apply_patch to edit.\n") {
						t.Errorf("system prompt %q", system)
					}
				})
			}
		}
	}
}
