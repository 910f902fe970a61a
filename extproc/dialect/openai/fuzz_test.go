package openai_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// inputs are the hand-written sections of the golden vectors of one kind.
func inputs(tb testing.TB, kind string) []string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(vectors, kind, "*.txt"))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no vectors: %v", err)
	}
	var list []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		in, _, _ := strings.Cut(strings.TrimPrefix(string(text), "-- in --\n"), "\n-- ")
		list = append(list, in)
	}
	return list
}

// pieces cuts stream into chunks of the given sizes, cyclically.
func pieces(stream []byte, sizes []byte) [][]byte {
	var list [][]byte
	for i := 0; len(stream) > 0; i++ {
		n := len(stream)
		if len(sizes) > 0 && sizes[i%len(sizes)] > 0 {
			n = min(n, int(sizes[i%len(sizes)]))
		}
		list = append(list, bytes.Clone(stream[:n]))
		stream = stream[n:]
	}
	return list
}

func probeAll(chunks [][]byte) string {
	p := openai.Codec().NewProbe()
	var seen dialect.Seen
	var problem *llm.Problem
	for _, c := range chunks {
		if seen, problem = p.Feed(c); seen != dialect.Prelude {
			break
		}
		clear(c) // the owner of a chunk may reuse it
	}
	if seen == dialect.Prelude {
		seen, problem = p.Close()
	}
	return strings.Repeat("*", int(seen)) + showProblem(problem)
}

func readAll(chunks [][]byte) []llm.Event {
	r := openai.Codec().NewReader()
	var events []llm.Event
	for _, c := range chunks {
		events = r.Feed(events, c)
		clear(c)
	}
	return r.Close(events)
}

func checkOrder(t *testing.T, events []llm.Event) {
	t.Helper()
	finished := map[int32]bool{}
	for i, ev := range events {
		switch {
		case ev.Kind == llm.Start && i != 0:
			t.Fatalf("event %d is a start", i)
		case ev.Kind == llm.Failed && i != len(events)-1:
			t.Fatalf("events follow the failure %d", i)
		case finished[ev.Choice] && ev.Carries():
			t.Fatalf("content follows the finish of choice %d: %s", ev.Choice, showEvent(&ev))
		}
		finished[ev.Choice] = finished[ev.Choice] || ev.Kind == llm.Finish
	}
}

func FuzzStreamInAnyChunking(f *testing.F) {
	for i, in := range inputs(f, "stream") {
		f.Add(append(unescape(in), '\n', '\n'), []byte{byte(i), 1})
	}
	f.Fuzz(func(t *testing.T, stream, sizes []byte) {
		whole := readAll(pieces(stream, nil))
		if diff := cmp.Diff(showEvents(whole), showEvents(readAll(pieces(stream, sizes)))); diff != "" {
			t.Fatalf("events in chunks of %v: %s", sizes, diff)
		}
		if diff := cmp.Diff(probeAll(pieces(stream, nil)), probeAll(pieces(stream, sizes))); diff != "" {
			t.Fatalf("probe in chunks of %v: %s", sizes, diff)
		}
		checkOrder(t, whole)
		checkWritten(t, whole)
	})
}

// checkWritten tests that what the Writer makes of events is a stream that its
// own Reader understands alike: finished where the events were, failed where
// they were not, with the same text and calls.
func checkWritten(t *testing.T, events []llm.Event) {
	t.Helper()
	out := write(events)
	if diff := cmp.Diff(string(out), string(write(events))); diff != "" {
		t.Fatalf("the output is not stable: %s", diff)
	}
	again := read(out)
	if diff := cmp.Diff(essence(events), essence(again)); diff != "" {
		t.Fatalf("written as %s: %s", out, diff)
	}
}

// essence is what an answer says, without how it was cut.
func essence(events []llm.Event) map[string]string {
	said := map[string]string{}
	for _, ev := range events {
		key := eventNames[ev.Kind] + string('0'+ev.Choice) + "." + string('0'+ev.Index)
		switch ev.Kind {
		case llm.TextDelta, llm.RefusalDelta, llm.ReasoningDelta, llm.ToolArgs:
			said[key] += ev.Text
		case llm.ToolStart:
			said[key] = ev.ID + " " + ev.Name
		case llm.Finish:
			reason := ev.Reason
			if reason == llm.FinishOther || reason == llm.FinishPause {
				reason = llm.FinishStop
			}
			said[key] = reason.String()
		case llm.Failed:
			said["failed"] = "yes"
		}
	}
	for key, text := range said {
		if text == "" {
			delete(said, key)
		}
	}
	if len(said) == 0 {
		said["failed"] = "yes"
	}
	return said
}

func FuzzPatchChangesOnlyWhatItMust(f *testing.F) {
	for _, in := range inputs(f, "request") {
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

func FuzzRequestSurvivesEncoding(f *testing.F) {
	for _, in := range inputs(f, "request") {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, p := openai.DecodeRequest(body)
		if p != nil {
			return
		}
		r.ProviderOptions = nil // never written, always named
		out, dropped, p := openai.EncodeRequest(nil, r, dialect.Target{ID: r.Model})
		if p != nil {
			t.Fatal(p)
		}
		for _, d := range dropped {
			if !strings.HasPrefix(d, "reasoning.") {
				t.Fatalf("%s is dropped", d)
			}
		}
		again, p := openai.DecodeRequest(out)
		if p != nil {
			t.Fatalf("%s: %s", out, p.Message)
		}
		if len(dropped) == 0 {
			if diff := cmp.Diff(sorted(r), sorted(again)); diff != "" {
				t.Fatalf("%s\n%s", out, diff)
			}
		}
		// The other target must not make broken JSON either.
		if strict, _, _ := openai.EncodeRequest(nil, r, genuine); !json.Valid(strict) {
			t.Fatalf("broken JSON %s", strict)
		}
	})
}

// sorted moves extras of stream_options, which stand together, to the front of
// the list: their place among the other members has no meaning.
func sorted(r *llm.Request) *llm.Request {
	var front, rest llm.Extras
	for _, x := range r.Extra {
		if strings.HasPrefix(x.Name, "stream_options/") {
			front = append(front, x)
		} else {
			rest = append(rest, x)
		}
	}
	c := *r
	c.Extra = slices.Concat(front, rest)
	return &c
}

func FuzzAnswerSurvivesEncoding(f *testing.F) {
	for _, in := range inputs(f, "answer") {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		events, p := openai.DecodeAnswer(body)
		_ = openai.CheckAnswer(body, false) // any verdict, but no panic
		if p != nil {
			return
		}
		checkOrder(t, events)
		out := openai.EncodeAnswer(nil, events, dialect.Reply{Model: "m", Generation: "g"})
		again, p := openai.DecodeAnswer(out)
		if p != nil {
			t.Fatalf("%s: %s", out, p.Message)
		}
		if diff := cmp.Diff(essence(events), essence(again)); diff != "" {
			t.Fatalf("%s\n%s", out, diff)
		}
		if second := openai.EncodeAnswer(nil, again, dialect.Reply{Model: "m", Generation: "g"}); !bytes.Equal(out, second) {
			t.Fatalf("the output is not stable: %s", cmp.Diff(string(out), string(second)))
		}
	})
}

func FuzzErrorsAreReadAndWritten(f *testing.F) {
	for _, in := range inputs(f, "error") {
		_, body, _ := strings.Cut(in, "\n\n")
		f.Add(400, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		p := openai.DecodeError(status, nil, body)
		if p.Message == "" || p.Kind >= llm.NumKinds {
			t.Fatalf("problem %+v", p)
		}
		if p.Vendor != nil && (!json.Valid(p.Vendor) || !bytes.HasPrefix(p.Vendor, []byte("{")) || len(p.Vendor) > 16<<10) {
			t.Fatalf("vendor %s", p.Vendor)
		}
		if out := openai.EncodeError(p, "g"); !json.Valid(out) {
			t.Fatalf("broken JSON %s", out)
		}
	})
}
