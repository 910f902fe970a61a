package extproc

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/quota/journal"
)

func noted(r generation.Record) (generation.Record, int, bool) {
	var room [journal.MaxNote]byte
	note := appendNote(room[:0], &r)
	back, ok := readNote(note)
	return back, len(note), ok
}

func TestANoteTellsWhatItWasMadeOf(t *testing.T) {
	t.Parallel()
	n := llm.Some[llm.Tokens]
	for name, r := range map[string]generation.Record{
		"nothing": {},
		"open":    {Surface: "chat.completions", Model: "anthropic/claude-sonnet-4.5", Tenant: "acme", Key: "ci", KeyID: "k_1234567890abcdef", Stream: true, Tags: []string{"env:prod", "team-a"}, Cost: 12, Usage: llm.Usage{Input: n(4), Output: n(5)}},
		"settled": {
			Surface: "messages", Model: "a/b", Served: "c/d", Provider: "openai-eu", Key: "ci", Status: 200, Priced: true, Estimated: true,
			Unobserved: true, Aborted: true, Cost: 1<<63 - 1, Market: 1<<63 - 1, Usage: llm.Usage{Input: n(llm.MaxTokens), Output: n(0)},
		},
		"broken off":                 {Model: "a/b", Served: "a/b", Provider: "p", Status: 200, Stream: true, Priced: true, Estimated: true, Unobserved: true, Aborted: true, Error: generation.Broken},
		"served by the model itself": {Model: "a/b", Served: "a/b", Provider: "p", Usage: llm.Usage{Input: n(0), Output: n(1)}},
	} {
		got, size, ok := noted(r)
		if diff := cmp.Diff(r, got); diff != "" || !ok || size > journal.MaxNote {
			t.Errorf("%s: %d bytes, %t (-want +got):\n%s", name, size, ok, diff)
		}
	}
}

func TestANameThatDoesNotFitANoteIsLeftOutAndNeverCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100)
	for name, tt := range map[string]struct{ in, want generation.Record }{
		"the model goes before who asked": {
			generation.Record{Surface: "chat.completions", Model: long, Tenant: "t" + long, Key: "ci", KeyID: "k" + long, Provider: "p"},
			generation.Record{Surface: "chat.completions", Model: long, Key: "ci", Provider: "p", Served: ""},
		},
		"a zero byte ends a name":   {generation.Record{Model: "a/b", Tenant: "ac\x00me", Key: "ci"}, generation.Record{Model: "a/b", Key: "ci"}},
		"tags are whole or missing": {generation.Record{Model: "a/b", Tags: []string{"short", long, long}}, generation.Record{Model: "a/b"}},
		"a status of four digits":   {generation.Record{Status: 100_000}, generation.Record{Status: mostStatus}},
		"negative amounts are none": {generation.Record{Cost: -1, Market: -5}, generation.Record{}},
	} {
		got, size, ok := noted(tt.in)
		got.Served = tt.want.Served
		if diff := cmp.Diff(tt.want, got); diff != "" || !ok || size > journal.MaxNote {
			t.Errorf("%s: %d bytes, %t (-want +got):\n%s", name, size, ok, diff)
		}
	}
}

func FuzzReadNote(f *testing.F) {
	full := generation.Record{Surface: "messages", Model: "a/b", Tenant: "acme", Key: "ci", Tags: []string{"x"}, Stream: true, Cost: 7, Status: 200}
	f.Add(appendNote(nil, &full))
	f.Add([]byte(strings.Repeat("\x00", noteNames+noteNumbers-1)))
	f.Add([]byte("a\x00b\x00c\x00d\x00e\x00f\x00g\x00h\x00zz\x00-1\x001y2p0ij32e8e8\x000\x000\x000"))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, note []byte) {
		r, ok := readNote(note)
		if !ok {
			return
		}
		if r.Cost < 0 || r.Market < 0 || r.Status < 0 || r.Usage.Input.Or(0) < 0 || r.Usage.Output.Or(0) < 0 {
			t.Fatalf("%q is read as %+v", note, r)
		}
		again, size, ok := noted(r)
		if size > journal.MaxNote || !ok {
			t.Fatalf("%q is written in %d bytes, and read again: %t", note, size, ok)
		}
		// What was within the bounds comes back; no note of ours is beyond them.
		if len(note) > journal.MaxNote || len(r.Surface)+len(r.Model)+len(r.Tenant)+len(r.Key)+len(r.KeyID)+len(r.Provider)+len(r.Served)+len(strings.Join(r.Tags, tagEnds)) > journal.MaxNote-numberRoom-noteNames {
			return
		}
		if r.Served == r.Model && r.Provider == "" || r.Served == "" && r.Provider != "" {
			return // says no more than that it was not served
		}
		if diff := cmp.Diff(r, again); diff != "" {
			t.Fatalf("%q (-first +again):\n%s", note, diff)
		}
	})
}

func TestARecordSaysWhoServedAndWhatFailedBefore(t *testing.T) {
	t.Parallel()
	p := newPremises(t, "open: true"+shopModels+shopBudgets)
	h := p.open(t)
	v := h.send("/v1/chat/completions", strings.Replace(chat("sim/leave"), `"stream"`, `"providerOptions":{"gateway":{"user":"zoe","tags":["b","a"]}},"stream"`, 1))
	c, done := attempting(t, h.Service, v.id.text(), 1)
	c.in <- responseHead(":status", "429", "content-type", "application/json")
	c.in <- responsePiece(`{"error":{"message":"slow down","code":"rate_limit_exceeded"}}`, true)
	if err := wait(t, done); err != nil {
		t.Fatal(err)
	}
	second := told(v.id, usageSaid)
	second.attempt = 2
	e := ended(v.id, 100)
	e.attempts = 2
	second.cluster, e.cluster = []byte(envoy.AttemptCluster("beta")), []byte(envoy.AttemptCluster("beta"))
	h.listener(second)
	h.edge(e)
	h.freed()
	r := h.kept(v.id)
	if r.User != "zoe" || strings.Join(r.Tags, " ") != "a b" || r.Surface != "chat.completions" || r.Provider != "beta" || r.Served != "sim/leave" || r.Took != time.Second || r.Error != "" {
		t.Errorf("%+v", r)
	}
	if len(r.Attempts) != 2 || r.Attempts[0].Reason == "" || r.Attempts[0].Status != 429 || r.Attempts[0].Cost != 0 || r.Attempts[1].Reason != "" || r.Attempts[1].Cost != usageCost {
		t.Errorf("%+v", r.Attempts)
	}
}
