package anthropic_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/anthropic"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/dialecttest"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func FuzzStream(f *testing.F) { suite().FuzzStream(f) }
func FuzzRequest(f *testing.F) {
	s := suite()
	s.Targets = []dialecttest.Target{recent, budgets, compatible} // a request for Vertex has no model
	s.FuzzRequest(f, sameRequest)
}
func FuzzAnswer(f *testing.F)      { suite().FuzzAnswer(f) }
func FuzzErrors(f *testing.F)      { suite().FuzzErrors(f) }
func FuzzCountAnswer(f *testing.F) { counting().FuzzAnswer(f) }

// sameRequest compares what two requests of this dialect mean: without the
// limit, which a request always gets, blank texts, which are never sent, and
// how texts that belong together were cut into messages.
func sameRequest(a, b *llm.Request) string {
	a, b = normal(a), normal(b)
	some := func(x, y llm.Raw) bool { return len(x)+len(y) > 0 }
	return cmp.Diff(a, b, cmpopts.EquateEmpty(), cmp.FilterValues(some, cmp.Transformer("JSON", compactRaw)))
}

func compactRaw(raw llm.Raw) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return string(raw)
	}
	return b.String()
}

func normal(r *llm.Request) *llm.Request {
	n := *r
	n.Model, n.MaxTokens = "", llm.Opt[int64]{}
	n.Messages = nil
	leading := true
	for _, m := range r.Messages {
		m.Parts = normalParts(m.Parts)
		leading = leading && m.Role == llm.System
		switch last := len(n.Messages) - 1; {
		case len(m.Parts) == 0:
		case leading && last == 0:
			n.Messages[0].Parts = append(n.Messages[0].Parts, m.Parts...)
		default:
			n.Messages = append(n.Messages, m)
		}
	}
	n.Extra = slices.Clone(r.Extra)
	slices.SortStableFunc(n.Extra, func(a, b llm.Extra) int { return strings.Compare(a.Name, b.Name) })
	n.Tools = slices.Clone(r.Tools)
	for i := range n.Tools {
		n.Tools[i].Schema = nil // completed where the API demands it
	}
	if n.ToolChoice.Mode == llm.ChoiceUnset && n.ParallelToolCalls.Set() {
		n.ToolChoice.Mode = llm.ChoiceAuto
	}
	return &n
}

func normalParts(parts []llm.Part) (list []llm.Part) {
	for _, p := range parts {
		if p.Kind == llm.Text && strings.TrimSpace(p.Text) == "" {
			continue
		}
		if p.Kind == llm.Image || p.Kind == llm.File {
			m := *p.Media
			if m.Type == "image/jpg" || m.Type == "" || m.Type == "application/octet-stream" {
				m.Type = ""
			}
			p.Media = &m
		}
		if p.Call != nil {
			c := *p.Call
			c.ID = anthropic.ToolID(c.ID)
			p.Call = &c
		}
		if p.Result != nil {
			r := *p.Result
			r.Parts, r.ID = normalParts(r.Parts), anthropic.ToolID(r.ID)
			p.Result = &r
		}
		list = append(list, p)
	}
	return list
}

// FuzzPatch is the law that the pieces are a request with the target's model
// that Scan accepts, for targets that name the model in the body and those that
// do not.
func FuzzPatch(f *testing.F) {
	for _, in := range suite().Inputs(f, "request") {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, p := anthropic.Scan(body)
		if p != nil {
			return
		}
		before := bytes.Clone(body)
		for _, target := range []dialect.Target{{ID: "x\"y"}, {ID: "v", Platform: dialect.Vertex}} {
			out := bytes.Join(anthropic.Pieces(body, &e, target), nil)
			if !bytes.Equal(before, body) {
				t.Fatal("the body has changed")
			}
			var members map[string]json.RawMessage
			if err := json.Unmarshal(out, &members); err != nil {
				t.Fatalf("%s: %v", out, err)
			}
			_, gateway := members["providerOptions"]
			_, models := members["models"]
			if gateway || models {
				t.Fatalf("what is ours is still there: %s", out)
			}
			if target.Platform == dialect.Vertex {
				if _, named := members["model"]; named || string(members["anthropic_version"]) != `"vertex-2023-10-16"` {
					t.Fatalf("%s", out)
				}
			} else if string(members["model"]) != `"x\"y"` {
				t.Fatalf("%s", out)
			}
		}
	})
}
