package openai_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

var update = flag.Bool("update", false, "rewrite the golden vectors in testdata/openai from their inputs")

const vectors = "../../../testdata/openai"

var (
	target  = dialect.Target{ID: "vendor/\"target\"", AddUsage: true}
	genuine = dialect.Target{ID: "gpt-x", Genuine: true}
	reply   = dialect.Reply{Generation: "gen_1", Model: "public/name", Stream: true, WantsUsage: true, Created: 1700000000}
)

// A vector is a file of sections that begin with "-- name --". The section
// "in" is written by hand, the others are what the codec makes of it.
func TestGoldenVectors(t *testing.T) {
	count := 0
	for kind, derive := range map[string]func(in string) []section{
		"request": deriveRequest, "answer": deriveAnswer, "stream": deriveStream, "error": deriveError,
	} {
		files, err := filepath.Glob(filepath.Join(vectors, kind, "*.txt"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			count++
			t.Run(kind+"/"+strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				in := input(t, string(text))
				got := format(append([]section{{"in", in}}, derive(in)...))
				if *update {
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
					return
				}
				if diff := cmp.Diff(string(text), got); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
	if count < 60 {
		t.Errorf("only %d vectors found", count)
	}
}

type section struct{ name, text string }

func format(sections []section) string {
	var b strings.Builder
	for _, s := range sections {
		fmt.Fprintf(&b, "-- %s --\n%s\n", s.name, strings.TrimSuffix(s.text, "\n"))
	}
	return b.String()
}

func input(t *testing.T, text string) string {
	t.Helper()
	rest, ok := strings.CutPrefix(text, "-- in --\n")
	if !ok {
		t.Fatal("the vector does not begin with its input")
	}
	if i := strings.Index(rest, "\n-- "); i >= 0 {
		rest = rest[:i]
	}
	return strings.TrimSuffix(rest, "\n")
}

func deriveRequest(in string) []section {
	e, p := openai.Scan([]byte(in))
	if p != nil {
		return []section{{"problem", showProblem(p)}}
	}
	out := []section{
		{"envelope", showEnvelope(&e)},
		{"patched", string(openai.Patch(nil, []byte(in), &e, target))},
	}
	r, p := openai.DecodeRequest([]byte(in))
	if p != nil {
		return append(out, section{"decode problem", showProblem(p)})
	}
	for _, v := range []struct {
		name   string
		target dialect.Target
	}{{"compatible", target}, {"genuine", genuine}} {
		text, dropped, p := openai.EncodeRequest(nil, r, v.target)
		if p != nil {
			return append(out, section{v.name, showProblem(p)})
		}
		out = append(out, section{v.name, string(text)})
		if len(dropped) > 0 {
			out = append(out, section{v.name + " drops", strings.Join(dropped, "\n")})
		}
	}
	return out
}

func deriveAnswer(in string) []section {
	out := []section{
		{"check", showProblem(openai.CheckAnswer([]byte(in), true))},
		{"check of the start", showProblem(openai.CheckAnswer([]byte(in[:len(in)/2]), false))},
	}
	events, p := openai.DecodeAnswer([]byte(in))
	if p != nil {
		return append(out, section{"problem", showProblem(p)})
	}
	return append(out, section{"events", showEvents(events)}, section{"encoded", string(openai.EncodeAnswer(nil, events, reply))})
}

// unescape lets a vector hold a carriage return as \CR and a byte order mark as
// \BOM; \CUT at its end leaves out the empty line that would follow.
func unescape(in string) []byte {
	return []byte(strings.NewReplacer(`\CR`, "\r", `\BOM`, "\xEF\xBB\xBF").Replace(in))
}

func deriveStream(in string) []section {
	stream := unescape(in)
	if !strings.HasSuffix(in, "\\CUT") {
		stream = append(stream, '\n', '\n')
	}
	stream = bytes.TrimSuffix(stream, []byte("\\CUT"))
	probe := openai.Codec().NewProbe()
	seen, p := probe.Feed(stream)
	if seen == dialect.Prelude {
		seen, p = probe.Close()
	}
	events := read(stream)
	names := [...]string{"prelude", "content", "failure", "garbage"}
	return []section{
		{"probe", strings.TrimSpace(names[seen] + "\n" + showProblem(p))},
		{"events", showEvents(events)},
		{"written", string(write(events))},
	}
}

func read(stream []byte) []llm.Event {
	r := openai.Codec().NewReader()
	return r.Close(r.Feed(nil, stream))
}

func write(events []llm.Event) []byte {
	w := openai.Codec().NewWriter(reply)
	var out []byte
	for _, ev := range events {
		out = w.Write(out, ev)
	}
	return w.Close(out)
}

// deriveError reads a status, header lines, an empty line and a body.
func deriveError(in string) []section {
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
	p := openai.DecodeError(status, header, []byte(body))
	p.Attempts = []llm.Attempt{{Provider: "acme", Model: "m", Reason: "status", Status: status}}
	return []section{
		{"problem", showProblem(p)},
		{"encoded", string(openai.EncodeError(p, "gen_1"))},
	}
}
