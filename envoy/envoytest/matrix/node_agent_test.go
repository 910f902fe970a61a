package matrix

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest"
	"github.com/dragoman-gateway/dragoman/envoy/envoytest/node"
	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

// agentRun is what an agent's program tells.
type agentRun struct {
	Rounds    []agentRound
	Faults    []string
	Error     string
	Count     *agentCount // before it compacts; Claude Code only
	Compacted *agentRound // likewise
}

type agentRound struct {
	Stop, Model, Text string
	Header            map[string]string
	Images            int // in its results
	Thoughts          []agentThought
	Calls             []agentCall
}

type agentThought struct {
	Text   string
	Signed bool // something must come back with it
}

type agentCall struct {
	ID, Name, Kind string
	Input          json.RawMessage
}

type agentCount struct {
	Tokens int64
	Header map[string]string
}

// agentScripts are how the simulated provider answers, round by round; after
// them it says what it has heard.
var agentScripts = []string{
	`[[sim:{"tools":4,"reasoning":5,"text":"First."}]]`,
	`[[sim:{"tools":2,"reasoning":3,"arguments":"mixed"}]]`,
	`[[sim:{"tools":1,"reasoning":2,"redacted":true,"arguments":"whole"}]]`,
}

// agentCalls are the calls of each round.
var agentCalls = []int{4, 2, 1, 0}

// startClient runs a program of clients until the test ends.
func startClient(t *testing.T, sdk, file string) *program {
	t.Helper()
	packages, err := node.Install(t.Context(), clients, "")
	if err != nil {
		t.Fatal(err)
	}
	// The test's own context is done before its cleanups.
	p, err := startProgram(context.WithoutCancel(t.Context()), packages, sdk, file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// checkLoop checks what an agent saw of a loop over agentScripts.
func (run *agentRun) checkLoop(t *testing.T, stops [2]string) {
	t.Helper()
	for _, fault := range run.Faults {
		t.Error(fault)
	}
	if run.Error != "" || len(run.Rounds) != len(agentCalls) {
		t.Fatalf("the loop ended after %d rounds: %s", len(run.Rounds), run.Error)
	}
	ids := map[string]bool{}
	for i, round := range run.Rounds {
		last := i == len(run.Rounds)-1
		if want := stops[map[bool]int{false: 0, true: 1}[last]]; round.Stop != want || len(round.Calls) != agentCalls[i] {
			t.Errorf("round %d: stop %q with %d calls, want %q with %d", i, round.Stop, len(round.Calls), want, agentCalls[i])
		}
		for _, call := range round.Calls {
			if ids[call.ID] {
				t.Errorf("round %d: the id %s came before", i, call.ID)
			}
			ids[call.ID] = true
		}
	}
	if first := run.Rounds[0].Text; first != "First." {
		t.Errorf("round 0: text %q", first)
	}
	// The answer mentions the results of the round before it.
	answer := run.Rounds[len(run.Rounds)-1].Text
	if !strings.Contains(answer, "returned “") || !strings.Contains(answer, outputOf(2, 0)) {
		t.Errorf("the answer does not mention the last result: %s", answer)
	}
}

// outputOf is how the programs mark a tool's output.
func outputOf(round, i int) string { return fmt.Sprintf("output of %d.%d", round, i) }

// heardLast is the request that ended a loop: the one in which the user speaks
// of name first and every round's results are.
func heardLast(t *testing.T, g *envoytest.Gateway, provider, name string) *simulator.Heard {
	t.Helper()
	for _, r := range slices.Backward(g.Fleet.Provider(provider).Records()) {
		h, err := simulator.Hear(r.Request)
		if err != nil || len(h.Turns) != 2*len(agentScripts)+1 {
			continue
		}
		if slices.ContainsFunc(h.Turns[0].Parts, func(p simulator.HeardPart) bool { return strings.Contains(p.Text, name+".") }) {
			return h
		}
	}
	t.Fatalf("%s was not asked the last of %s", provider, name)
	return nil
}

// checkHeard checks that a provider heard the loop as the agent lived it: every
// call with its arguments, every result at its call, every image.
func (run *agentRun) checkHeard(t *testing.T, h *simulator.Heard) {
	t.Helper()
	for i, round := range run.Rounds[:len(agentScripts)] {
		said, back := h.Turns[2*i+1], h.Turns[2*i+2]
		if said.Role != "assistant" || back.Role != "user" {
			t.Fatalf("round %d: turns of %s and %s", i, said.Role, back.Role)
		}
		var ids, texts []string
		var names []agentCall
		images := 0
		for _, part := range said.Parts {
			if part.Kind == "call" {
				ids = append(ids, part.ID)
				names = append(names, agentCall{Name: part.Name, Input: part.Arguments})
			}
		}
		for _, part := range back.Parts {
			if part.Kind == "result" {
				texts = append(texts, part.ID+" "+part.Text)
			}
			for _, p := range append([]simulator.HeardPart{part}, part.Parts...) {
				if p.Kind == "image" && p.MediaType == "image/png" && p.Bytes > 0 {
					images++
				}
			}
		}
		if diff := cmp.Diff(round.Calls, names, cmp.Comparer(sameCall)); diff != "" {
			t.Errorf("round %d: calls (-agent +provider):\n%s", i, diff)
		}
		for j, id := range ids {
			if j >= len(texts) || !strings.HasPrefix(texts[j], id+" ") || !strings.Contains(texts[j], outputOf(i, j)) {
				t.Errorf("round %d: the results are %q, want those of %q", i, texts, ids)
				break
			}
		}
		if images != round.Images || len(texts) != len(ids) {
			t.Errorf("round %d: %d results with %d images for %d calls with %d", i, len(texts), images, len(ids), round.Images)
		}
	}
}

// sameCall compares calls whatever their ids, which some dialects do not have,
// and whatever the order of their arguments. The text that an agent gives a tool
// of free text is the one member of an object for other providers.
func sameCall(a, b agentCall) bool {
	var x, y any
	if a.Name != b.Name || json.Unmarshal(a.Input, &x) != nil || json.Unmarshal(b.Input, &y) != nil {
		return false
	}
	for _, v := range []*any{&x, &y} {
		if text, ok := (*v).(string); ok && json.Unmarshal([]byte(text), v) != nil {
			*v = map[string]any{"input": text}
		}
	}
	return cmp.Equal(x, y)
}

// thoughts describes the reasoning of each round: "signed" if something of the
// provider's must come back with it, "text" if that is all.
func (run *agentRun) thoughts() string {
	var words []string
	for _, round := range run.Rounds[:len(agentScripts)] {
		words = append(words, describe(round.Thoughts, func(th agentThought) (string, bool) { return th.Text, th.Signed }))
	}
	return strings.Join(words, ", ")
}

// replayed describes likewise what a provider heard of it again.
func replayed(h *simulator.Heard) string {
	var words []string
	for i := range agentScripts {
		words = append(words, describeTurn(h, i))
	}
	return strings.Join(words, ", ")
}

func describeTurn(h *simulator.Heard, round int) string {
	return describe(h.Turns[2*round+1].Parts, func(p simulator.HeardPart) (string, bool) {
		if p.Kind == "reasoning" {
			return p.Text, p.Signature != ""
		}
		return "", p.Signature != ""
	})
}

func describe[T any](list []T, of func(T) (text string, signed bool)) string {
	text, signed := "", false
	for _, one := range list {
		words, is := of(one)
		text, signed = text+words, signed || is
	}
	switch {
	case signed && text != "":
		return "signed text"
	case signed:
		return "signed"
	case text != "":
		return "text"
	}
	return "-"
}

// dropped are the names of what a provider could not hear, sorted: each once,
// without the places in lists.
func dropped(round *agentRound) []string {
	var names []string
	for path := range strings.FieldsFuncSeq(round.Header["x-dragoman-dropped"], func(r rune) bool { return r == ',' || r == ' ' }) {
		segments := slices.DeleteFunc(strings.Split(path, "."), func(s string) bool { return s == "content" || strings.Trim(s, "0123456789") == "" })
		names = append(names, strings.Join(segments, "."))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func sorted(words string) []string { return slices.Sorted(slices.Values(strings.Fields(words))) }
