package gemini_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func FuzzStream(f *testing.F) { suite().FuzzStream(f) }

func FuzzStreamOfArrayClients(f *testing.F) { arrays().FuzzStream(f) }

func FuzzRequest(f *testing.F) {
	s := suite()
	s.Targets = s.Targets[:2]
	s.FuzzRequest(f, same)
}

// Models that take less lose what is named, and what is written is still a
// request.
func FuzzRequestForOlderModels(f *testing.F) {
	s := suite()
	s.Targets = s.Targets[2:]
	s.FuzzRequest(f, func(_, _ *llm.Request) string { return "" })
}

func FuzzAnswer(f *testing.F) { suite().FuzzAnswer(f) }

func FuzzErrors(f *testing.F) { suite().FuzzErrors(f) }

func FuzzCountRequest(f *testing.F) {
	s := counts()
	s.Targets = s.Targets[:1] // Vertex counts without the choice of tools
	s.FuzzRequest(f, same)
}

// same compares requests by what they say. Contents of one speaker that follow
// each other are one; ids made for calls follow from their place, which moves
// with what is left out as empty.
func same(a, b *llm.Request) string {
	return cmp.Diff(plain(a), plain(b), cmp.AllowUnexported(llm.Opt[int64]{}, llm.Opt[float64]{}, llm.Opt[bool]{}, llm.Opt[string]{}),
		cmpopts.EquateEmpty())
}

func plain(r *llm.Request) *llm.Request {
	out := *r
	out.Messages = nil
	out.Extra = slices.Clone(r.Extra)
	slices.SortStableFunc(out.Extra, func(a, b llm.Extra) int { return strings.Compare(a.Name, b.Name) })
	if n, ok := r.Reasoning.BudgetTokens(0); ok && r.Reasoning.Effort.Set() {
		out.Reasoning.Effort, out.Reasoning.Budget = llm.Opt[string]{}, llm.Some(n)
	}
	for _, m := range r.Messages {
		if len(m.Parts) == 0 {
			continue
		}
		if m.Role == llm.ToolRole {
			m.Role = llm.User
		}
		if n := len(out.Messages); n > 0 && out.Messages[n-1].Role == m.Role {
			last := &out.Messages[n-1]
			last.Parts = append(last.Parts[:len(last.Parts):len(last.Parts)], m.Parts...)
			continue
		}
		out.Messages = append(out.Messages, m)
	}
	for i := range out.Messages {
		parts := append([]llm.Part(nil), out.Messages[i].Parts...)
		for j := range parts {
			parts[j] = plainPart(parts[j])
		}
		out.Messages[i].Parts = parts
	}
	return &out
}

// dummy is what a call without a signature gets where one is demanded.
const dummy = "skip_thought_signature_validator"

func plainPart(p llm.Part) llm.Part {
	if p.Call != nil {
		c := *p.Call
		c.ID, p.Call = "", &c
		if p.Thought != nil && p.Thought.Signature == dummy {
			p.Thought = nil
		}
	}
	if p.Result != nil {
		r := *p.Result
		r.ID, r.Name, p.Result = "", "", &r
	}
	return p
}
