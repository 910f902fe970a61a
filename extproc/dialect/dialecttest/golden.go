// Package dialecttest holds every codec to the same laws: golden vectors, and
// fuzz laws over the vectors' inputs.
//
// Promises: a vector says what the codec makes of a hand-written input, so that
// a change of behaviour shows as a change of text; the laws are those of package
// dialect. Refuses to know a wire format: what differs between dialects stands
// in the Suite.
//
// Concurrency: a Suite is not changed; tests of one may run in parallel.
package dialecttest

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Suite is a codec with what its tests need.
type Suite struct {
	Codec *dialect.Codec
	// Dir holds the vectors: Dir/{request,answer,stream,error}/*.txt.
	Dir string
	// Targets are encoded for, in this order; Patch gets the first.
	Targets []Target
	// Reply is what answers are written for.
	Reply dialect.Reply
	// Least is how many vectors there must be.
	Least int
	// Blocks tells that the numbers of blocks of text and reasoning survive the
	// dialect's Writer.
	Blocks bool
	// Stream turns the input of a stream vector into the bytes on the wire; nil
	// = server-sent events with their marks unescaped.
	Stream func(in string) []byte
}

// Target is a dialect.Target with the name its sections get.
type Target struct {
	Name string
	dialect.Target
}

// Golden checks all vectors, or rewrites them from their inputs.
//
// A vector is a file of sections that begin with "-- name --". The section
// "in" is written by hand, the others are what the codec makes of it.
func (s Suite) Golden(t *testing.T, update bool) {
	t.Helper()
	count := 0
	for _, kind := range []struct {
		name   string
		derive func(in string) []section
	}{{"request", s.request}, {"answer", s.answer}, {"stream", s.stream}, {"error", s.failure}} {
		files, err := filepath.Glob(filepath.Join(s.Dir, kind.name, "*.txt"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			count++
			t.Run(kind.name+"/"+strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
				s.vector(t, file, kind.derive, update)
			})
		}
	}
	if count < s.Least {
		t.Errorf("only %d vectors found", count)
	}
}

func (s Suite) vector(t *testing.T, file string, derive func(in string) []section, update bool) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	in, ok := input(string(text))
	if !ok {
		t.Fatal("the vector does not begin with its input")
	}
	got := format(append([]section{{"in", in}}, derive(in)...))
	if update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(text), got); diff != "" {
		t.Error(diff)
	}
}

// Inputs are the hand-written sections of the vectors of one kind.
func (s Suite) Inputs(tb testing.TB, kind string) []string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(s.Dir, kind, "*.txt"))
	if err != nil {
		tb.Fatal(err)
	}
	var list []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		in, _ := input(string(text))
		list = append(list, in)
	}
	return list
}

type section struct{ name, text string }

func format(sections []section) string {
	var b strings.Builder
	for _, s := range sections {
		fmt.Fprintf(&b, "-- %s --\n%s\n", s.name, strings.TrimSuffix(s.text, "\n"))
	}
	return b.String()
}

func input(text string) (in string, ok bool) {
	rest, ok := strings.CutPrefix(text, "-- in --\n")
	if i := strings.Index(rest, "\n-- "); i >= 0 {
		rest = rest[:i]
	}
	return strings.TrimSuffix(rest, "\n"), ok
}

// request derives from a request of this dialect. Of a dialect that only
// providers speak, vectors are written in JSON of OpenAI chat by its own tests.
func (s Suite) request(in string) []section {
	e, p := s.Codec.Scan([]byte(in))
	if p != nil {
		return []section{{"problem", showProblem(p)}}
	}
	out := []section{
		{"envelope", showEnvelope(&e)},
		{"path", s.Codec.Path(&e, s.Targets[0].Target)},
	}
	if s.Codec.Patch != nil { // which a dialect that no client speaks lacks
		out = append(out, section{"patched", string(bytes.Join(s.Codec.Patch([]byte(in), &e, s.Targets[0].Target), nil))})
	}
	r, p := s.Codec.DecodeRequest([]byte(in))
	if p != nil {
		return append(out, section{"decode problem", showProblem(p)})
	}
	for _, t := range s.Targets {
		out = append(out, encoded(s.Codec, r, t)...)
	}
	return out
}

// encoded are the sections of a request written for a target.
func encoded(c *dialect.Codec, r *llm.Request, t Target) []section {
	text, dropped, p := c.EncodeRequest(nil, r, t.Target)
	if p != nil {
		return []section{{t.Name, showProblem(p)}}
	}
	out := []section{{t.Name, string(text)}}
	if len(dropped) > 0 {
		out = append(out, section{t.Name + " drops", strings.Join(dropped, "\n")})
	}
	return out
}

func (s Suite) answer(in string) []section {
	out := []section{
		{"check", showProblem(s.Codec.CheckAnswer([]byte(in), true))},
		{"check of the start", showProblem(s.Codec.CheckAnswer([]byte(in[:len(in)/2]), false))},
	}
	events, p := s.Codec.DecodeAnswer([]byte(in))
	if p != nil {
		return append(out, section{"problem", showProblem(p)})
	}
	out = append(out, section{"events", showEvents(events)})
	if s.Codec.EncodeAnswer != nil {
		out = append(out, section{"encoded", string(s.Codec.EncodeAnswer(nil, events, s.Reply))})
	}
	return out
}

// unescape lets a vector hold a carriage return as \CR and a byte order mark as
// \BOM; \CUT at its end leaves out the empty line that would follow.
func unescape(in string) []byte {
	stream := []byte(strings.NewReplacer(`\CR`, "\r", `\BOM`, "\xEF\xBB\xBF").Replace(in))
	if rest, cut := bytes.CutSuffix(stream, []byte("\\CUT")); cut {
		return rest
	}
	return append(stream, '\n', '\n')
}

func (s Suite) wire(in string) []byte {
	if s.Stream != nil {
		return s.Stream(in)
	}
	return unescape(in)
}

func (s Suite) stream(in string) []section {
	stream := s.wire(in)
	probe := s.Codec.NewProbe()
	seen, p := probe.Feed(stream)
	if seen == dialect.Prelude {
		seen, p = probe.Close()
	}
	events := s.read([][]byte{stream})
	names := [...]string{"prelude", "content", "failure", "garbage"}
	out := []section{
		{"probe", strings.TrimSpace(names[seen] + "\n" + showProblem(p))},
		{"events", showEvents(events)},
	}
	if s.Codec.NewWriter != nil {
		out = append(out, section{"written", string(s.write(events))})
	}
	return out
}

// failure derives from a status, header lines, an empty line and a body.
func (s Suite) failure(in string) []section {
	head, body, _ := strings.Cut(in, "\n\n")
	lines := strings.Split(head, "\n")
	status, err := strconv.Atoi(lines[0])
	if err != nil {
		return []section{{"broken vector", err.Error()}}
	}
	header := http.Header{}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		header.Set(name, value)
	}
	p := s.Codec.DecodeError(status, header, []byte(body))
	out := []section{{"problem", showProblem(p)}}
	if s.Codec.EncodeError != nil {
		p.Attempts = []llm.Attempt{{Provider: "acme", Model: "m", Reason: "status", Status: status}}
		out = append(out, section{"encoded", string(s.Codec.EncodeError(p, "gen_1"))})
	}
	return out
}
