package openai_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/anthropic"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/dialecttest"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/gemini"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/responses"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func FuzzStreamInAnyChunking(f *testing.F)     { suite().FuzzStream(f) }
func FuzzAnswerSurvivesEncoding(f *testing.F)  { suite().FuzzAnswer(f) }
func FuzzErrorsAreReadAndWritten(f *testing.F) { suite().FuzzErrors(f) }

func FuzzRequestSurvivesEncoding(f *testing.F) {
	s := suite()
	s.Targets = []dialecttest.Target{{Name: "as it is", Target: dialect.Target{ID: "m"}}}
	s.FuzzRequest(f, sameRequest)
}

func FuzzPatchChangesOnlyWhatItMust(f *testing.F) {
	for _, in := range suite().Inputs(f, "request") {
		f.Add([]byte(in), `id "x"`, true)
	}
	f.Fuzz(func(t *testing.T, body []byte, id string, addUsage bool) {
		e, p := openai.Scan(body)
		if p != nil {
			if p.Message == "" || p.Kind != llm.InvalidRequest {
				t.Fatalf("problem %+v", p)
			}
			return
		}
		out := openai.Patch(nil, body, &e, dialect.Target{ID: strings.ToValidUTF8(id, "\uFFFD"), AddUsage: addUsage})
		if pieces := bytes.Join(openai.Pieces(body, &e, dialect.Target{ID: strings.ToValidUTF8(id, "\uFFFD"), AddUsage: addUsage}), nil); !bytes.Equal(pieces, out) {
			t.Fatalf("pieces %q, patched %q", pieces, out)
		}
		var before, after map[string]json.RawMessage
		if err := json.Unmarshal(body, &before); err != nil {
			t.Fatalf("Scan accepts %s: %v", body, err)
		}
		if err := json.Unmarshal(out, &after); err != nil {
			t.Fatalf("Patch makes %s of %s: %v", out, body, err)
		}
		var model string
		if err := json.Unmarshal(after["model"], &model); err != nil || model != strings.ToValidUTF8(id, "\uFFFD") {
			t.Fatalf("model is %q", model)
		}
		patched, problem := openai.Scan(out)
		if id != "" && len(id) < 100 && problem != nil {
			t.Fatalf("Scan refuses the patched %s: %s", out, problem.Message)
		}
		if problem == nil && e.Stream && patched.WantsUsage != (e.WantsUsage || addUsage) {
			t.Fatalf("usage is asked for: %t in %s", patched.WantsUsage, out)
		}
		for _, m := range []map[string]json.RawMessage{before, after} {
			delete(m, "model")
			delete(m, "stream_options")
		}
		delete(before, "models")
		delete(before, "providerOptions")
		if diff := cmp.Diff(before, after); diff != "" {
			t.Fatal(diff)
		}
	})
}

// A provider of whom nothing is known gets everything but what an object of
// thinking says beyond an effort.
func FuzzACompatibleProviderGetsEverything(f *testing.F) {
	for _, in := range suite().Inputs(f, "request") {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, p := openai.DecodeRequest(body)
		if p != nil {
			return
		}
		r.ProviderOptions = nil // never written, always named
		_, dropped, p := openai.EncodeRequest(nil, r, dialect.Target{ID: r.Model})
		if p != nil {
			t.Fatal(p)
		}
		for _, d := range dropped {
			if !strings.HasPrefix(d, "reasoning.") && !strings.HasSuffix(d, ".reasoning") {
				t.Fatalf("%s is dropped", d)
			}
		}
		// The other targets must not make broken JSON either.
		for _, target := range append(quirks().Targets, genuine) {
			out, _, p := openai.EncodeRequest(nil, r, target.Target)
			if p != nil || !json.Valid(out) {
				t.Fatalf("%s: %v: %s", target.Name, p, out)
			}
		}
	})
}

// What a patch does for a provider with quirks is what writing the request anew
// does, for every request that is said to need no more: nothing is left out.
func FuzzAPatchIsEnoughForWhatMeetsNoQuirk(f *testing.F) {
	for _, in := range slices.Concat(suite().Inputs(f, "request"), quirks().Inputs(f, "request")) {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, p := openai.Scan(body)
		r, problem := openai.DecodeRequest(body)
		if p != nil || problem != nil {
			return
		}
		for _, target := range quirks().Targets {
			if e.Uses.Meets(target.Quirks) {
				continue
			}
			before := *r
			before.ProviderOptions = nil
			_, dropped, problem := openai.EncodeRequest(nil, &before, target.Target)
			if problem != nil || len(dropped) > 0 {
				t.Fatalf("%s leaves out %v", target.Name, dropped)
			}
		}
	})
}

// FuzzRequestsOfOtherDialects is the law that they become requests of this one:
// JSON that Scan accepts, in which calls and results meet.
func FuzzRequestsOfOtherDialects(f *testing.F) {
	clients := []*dialect.Codec{anthropic.Codec(), responses.Codec(), gemini.Codec()}
	for i, c := range clients {
		for _, in := range from(c, 0).Inputs(f, "request") {
			f.Add(uint8(i), []byte(in))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		r, p := clients[int(which)%len(clients)].DecodeRequest(body)
		if p != nil {
			return
		}
		for _, target := range append(quirks().Targets, genuine, compatible) {
			out, _, p := openai.EncodeRequest(nil, r, target.Target)
			if p != nil {
				if p.Kind != llm.Unsupported || p.Param == "" {
					t.Fatalf("%s: %+v", target.Name, p)
				}
				continue
			}
			if again, _, _ := openai.EncodeRequest(nil, r, target.Target); !bytes.Equal(out, again) {
				t.Fatalf("the output is not stable: %s", cmp.Diff(string(out), string(again)))
			}
			if !json.Valid(out) {
				t.Fatalf("broken JSON for %s: %s", target.Name, out)
			}
			checkIDs(t, target, r, out)
		}
	})
}

// checkIDs tests that as many calls are answered as before, by ids that OpenAI
// takes.
func checkIDs(t *testing.T, target dialecttest.Target, r *llm.Request, out []byte) {
	t.Helper()
	again, p := openai.DecodeRequest(out)
	if p != nil {
		t.Fatalf("%s: %s", out, p.Message)
	}
	if got, want := answered(again), answered(r); got != want {
		t.Fatalf("%s: %d calls are answered, not %d: %s", target.Name, got, want, out)
	}
	for _, m := range again.Messages {
		for _, part := range m.Parts {
			if target.Genuine && part.Call != nil && len(part.Call.ID) > 40 {
				t.Fatalf("an id is too long: %s", part.Call.ID)
			}
			if part.Call != nil && !part.Call.Custom && part.Call.Args == "" {
				t.Fatalf("a call has no arguments: %s", out)
			}
		}
	}
}

func answered(r *llm.Request) (n int) {
	asked := map[string]bool{}
	for _, m := range r.Messages {
		for _, p := range m.Parts {
			if p.Call != nil {
				asked[p.Call.ID] = true
			}
		}
	}
	for _, m := range r.Messages {
		for _, p := range m.Parts {
			if p.Result != nil && asked[p.Result.ID] {
				n++
			}
		}
	}
	return n
}

// sameRequest compares what two requests mean: the model is the target's,
// extras of one place stand together, and no arguments are an empty object.
func sameRequest(a, b *llm.Request) string { return cmp.Diff(normal(a), normal(b)) }

func normal(r *llm.Request) *llm.Request {
	n := *r
	n.Model, n.Extra = "", together(r.Extra)
	n.Messages, n.Tools = slices.Clone(r.Messages), slices.Clone(r.Tools)
	for i := range n.Tools {
		n.Tools[i].Extra = together(n.Tools[i].Extra)
	}
	for i := range n.Messages {
		m := &n.Messages[i]
		m.Parts = slices.Clone(m.Parts)
		for j := range m.Parts {
			m.Parts[j].Extra = together(m.Parts[j].Extra)
			if c := m.Parts[j].Call; c != nil && c.Args == "" && !c.Custom {
				call := *c
				call.Args = "{}"
				m.Parts[j].Call = &call
			}
		}
	}
	return &n
}

// together moves extras that lie in another member to the front: where that
// stands among the others has no meaning.
func together(list llm.Extras) llm.Extras {
	var front, rest llm.Extras
	for _, x := range list {
		if strings.HasPrefix(x.Name, "stream_options/") || strings.HasPrefix(x.Name, "function/") {
			front = append(front, x)
		} else {
			rest = append(rest, x)
		}
	}
	return slices.Concat(front, rest)
}
