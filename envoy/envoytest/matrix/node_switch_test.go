package matrix

import (
	"slices"
	"testing"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest"
)

// TestAgentsMayChangeTheModelInTheMidstOfALoop plays both agents over two
// models in turn, as failover and people do: the thinking of one never makes the
// other refuse, and what it could not be given is named.
func TestAgentsMayChangeTheModelInTheMidstOfALoop(t *testing.T) {
	t.Parallel()
	g := envoytest.Start(t, Options())
	for _, agent := range []struct {
		name, sdk, program string
		stops              [2]string
	}{
		{"Claude Code", "anthropic-1", "claude.mjs", [2]string{"tool_use", "end_turn"}},
		{"Codex", "openai-7", "codex.mjs", [2]string{"completed", "completed"}},
	} {
		p := startClient(t, agent.sdk, agent.program)
		for i := range Targets {
			for j := range Targets {
				first, second := &Targets[i], &Targets[j]
				// Codex' own provider calls no tools of free text by itself.
				if i == j || agent.name == "Codex" && (first.Family == Responded || second.Family == Responded) {
					continue
				}
				name := agent.name + " at " + first.Name + " and " + second.Name
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					var run agentRun
					if err := p.ask(t.Context(), map[string]any{
						"url": g.URL, "name": name, "models": []string{first.Model(), second.Model()}, "rounds": agentScripts, "ids": true,
						"thinking": map[string]any{"type": "enabled", "budget_tokens": 20000},
					}, &run); err != nil {
						t.Fatal(err)
					}
					run.checkLoop(t, agent.stops)
					// The second model answers last; what the first one signed is not its own
					// unless they are one vendor's.
					h := heardLast(t, g, second.Name, name)
					run.checkHeard(t, h)
					foreign := run.Rounds[0].Thoughts
					signed := slices.ContainsFunc(foreign, func(th agentThought) bool { return th.Signed })
					if back := describeTurn(h, 0); signed && back == "-" && !slices.Contains(dropped(&run.Rounds[3]), "messages.reasoning") {
						t.Errorf("the thinking of the first round is gone, and only %q are named", dropped(&run.Rounds[3]))
					}
				})
			}
		}
	}
}
