package dialecttest

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

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

func (s Suite) probe(chunks [][]byte) string {
	p := s.Codec.NewProbe()
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

func (s Suite) read(chunks [][]byte) []llm.Event {
	r := s.Codec.NewReader()
	var events []llm.Event
	for _, c := range chunks {
		events = r.Feed(events, c)
		clear(c)
	}
	return r.Close(events)
}

func (s Suite) write(events []llm.Event) []byte {
	w := s.Codec.NewWriter(s.Reply)
	var out []byte
	for _, ev := range events {
		out = w.Write(out, ev)
	}
	return w.Close(out)
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

// FuzzStream is the law of chunking, for Reader and Probe, and that what the
// Writer makes of any events is a stream its own Reader understands alike. Of a
// dialect with frames of its own (Suite.Stream) the bytes are tried as they are
// and as the text of a vector, since nobody guesses checksums.
func (s Suite) FuzzStream(f *testing.F) {
	for i, in := range s.Inputs(f, "stream") {
		f.Add(s.wire(in), []byte{byte(i), 1})
		if s.Stream != nil {
			f.Add([]byte(in), []byte{byte(i), 1})
		}
	}
	f.Fuzz(func(t *testing.T, stream, sizes []byte) {
		s.checkStream(t, stream, sizes)
		if s.Stream != nil {
			s.checkStream(t, s.Stream(string(stream)), sizes)
		}
	})
}

func (s Suite) checkStream(t *testing.T, stream, sizes []byte) {
	t.Helper()
	whole := s.read(pieces(stream, nil))
	if diff := cmp.Diff(showEvents(whole), showEvents(s.read(pieces(stream, sizes)))); diff != "" {
		t.Fatalf("events in chunks of %v: %s", sizes, diff)
	}
	if diff := cmp.Diff(s.probe(pieces(stream, nil)), s.probe(pieces(stream, sizes))); diff != "" {
		t.Fatalf("probe in chunks of %v: %s", sizes, diff)
	}
	checkOrder(t, whole)
	if s.Codec.NewWriter != nil {
		s.checkWritten(t, whole)
	}
}

// checkWritten tests that a written stream is finished where the events were,
// failed where they were not, with the same text and calls.
func (s Suite) checkWritten(t *testing.T, events []llm.Event) {
	t.Helper()
	out := s.write(events)
	if diff := cmp.Diff(string(out), string(s.write(events))); diff != "" {
		t.Fatalf("the output is not stable: %s", diff)
	}
	again := s.read([][]byte{bytes.Clone(out)})
	if diff := cmp.Diff(s.essence(events), s.essence(again)); diff != "" {
		t.Fatalf("written as %s: %s", out, diff)
	}
}

// essence is what an answer says, without how it was cut into events and
// blocks unless the dialect keeps their numbers.
func (s Suite) essence(events []llm.Event) map[string]string {
	said := map[string]string{}
	for _, ev := range events {
		key := eventNames[ev.Kind] + string('0'+ev.Choice)
		if s.Blocks && (ev.Kind == llm.TextDelta || ev.Kind == llm.ReasoningDelta) {
			key += "." + string('0'+ev.Index)
		}
		switch ev.Kind {
		case llm.TextDelta, llm.RefusalDelta, llm.ReasoningDelta:
			said[key] += ev.Text
		case llm.ToolArgs:
			said[key+"."+string('0'+ev.Index)] += ev.Text
		case llm.ToolStart:
			said[key+"."+string('0'+ev.Index)] = ev.ID + " " + ev.Name
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

// FuzzRequest is the law that decode∘encode is the identity on what the
// dialect can say. same compares two decoded requests for a target of which
// nothing was dropped: the difference, or "".
func (s Suite) FuzzRequest(f *testing.F, same func(a, b *llm.Request) string) {
	for _, in := range s.Inputs(f, "request") {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		_, scanned := s.Codec.Scan(body)
		r, p := s.Codec.DecodeRequest(body)
		if p != nil || scanned != nil {
			return
		}
		r.ProviderOptions = nil // never written, always named
		for _, target := range s.Targets {
			out, dropped, p := s.Codec.EncodeRequest(nil, r, target.Target)
			if p != nil {
				continue
			}
			if !json.Valid(out) {
				t.Fatalf("broken JSON for %s: %s", target.Name, out)
			}
			again, p := s.Codec.DecodeRequest(out)
			if p != nil {
				t.Fatalf("%s: %s", out, p.Message)
			}
			if len(dropped) == 0 {
				if diff := same(r, again); diff != "" {
					t.Fatalf("%s: %s\n%s", target.Name, out, diff)
				}
			}
		}
	})
}

// FuzzAnswer is the same law for JSON answers, and that output is stable.
func (s Suite) FuzzAnswer(f *testing.F) {
	for _, in := range s.Inputs(f, "answer") {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		events, p := s.Codec.DecodeAnswer(body)
		_ = s.Codec.CheckAnswer(body, false) // any verdict, but no panic
		_ = s.Codec.DecodeUsage(s.Codec.FindUsage(body))
		if p != nil {
			return
		}
		checkOrder(t, events)
		if s.Codec.EncodeAnswer == nil {
			return
		}
		out := s.Codec.EncodeAnswer(nil, events, s.Reply)
		again, p := s.Codec.DecodeAnswer(out)
		if p != nil {
			t.Fatalf("%s: %s", out, p.Message)
		}
		if diff := cmp.Diff(s.essence(events), s.essence(again)); diff != "" {
			t.Fatalf("%s\n%s", out, diff)
		}
		if second := s.Codec.EncodeAnswer(nil, again, s.Reply); !bytes.Equal(out, second) {
			t.Fatalf("the output is not stable: %s", cmp.Diff(string(out), string(second)))
		}
	})
}

// FuzzErrors feeds error answers of any shape.
func (s Suite) FuzzErrors(f *testing.F) {
	for _, in := range s.Inputs(f, "error") {
		_, body, _ := strings.Cut(in, "\n\n")
		f.Add(400, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		p := s.Codec.DecodeError(status, nil, body)
		if p.Message == "" || p.Kind >= llm.NumKinds {
			t.Fatalf("problem %+v", p)
		}
		if p.Vendor != nil && (!json.Valid(p.Vendor) || !bytes.HasPrefix(p.Vendor, []byte("{")) || len(p.Vendor) > 16<<10) {
			t.Fatalf("vendor %s", p.Vendor)
		}
		if s.Codec.EncodeError == nil {
			return
		}
		if out := s.Codec.EncodeError(p, "g"); !json.Valid(out) {
			t.Fatalf("broken JSON %s", out)
		}
	})
}
