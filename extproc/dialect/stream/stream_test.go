package stream_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/stream"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// limit keeps the texts short that exceed it.
const limit = 64

// grammar is of a dialect whose events say what they are.
var grammar = stream.Grammar{
	Judge: func(name, data []byte) (dialect.Seen, *llm.Problem) {
		switch {
		case string(name) == "error":
			return dialect.Failure, dialect.BadAnswer("failed: " + string(data))
		case data[0] != '{':
			return dialect.Garbage, dialect.BadAnswer("garbage: " + string(data))
		case bytes.Contains(data, []byte("content")):
			return dialect.Content, nil
		}
		return dialect.Prelude, nil
	},
	Failed: func(doc []byte) *llm.Problem {
		if !bytes.Contains(doc, []byte("error")) {
			return nil
		}
		return dialect.BadAnswer("failed: " + string(doc))
	},
	Limit: limit,
}

// probed feeds a text in pieces of a size and tells what was seen, with the
// problem.
func probed(g *stream.Grammar, text string, size int) (dialect.Seen, string) {
	p := stream.NewProbe(g)
	for text != "" {
		n := min(size, len(text))
		_, _ = p.Feed([]byte(text[:n])) // Close tells it again
		text = text[n:]
	}
	seen, problem := p.Close()
	if problem == nil {
		return seen, ""
	}
	return seen, problem.Message
}

func TestAProbeSeesTheFirstEventThatDecidesHoweverTheStreamIsCut(t *testing.T) {
	const early, markup = "the provider ended the stream before any content", "the provider's answer is not an event stream"
	const document, broken = "the provider answered with JSON instead of a stream", "the provider answered with broken JSON instead of a stream"
	arrays := grammar
	arrays.Arrays = true
	for _, tc := range []struct {
		name, text string
		grammar    *stream.Grammar
		seen       dialect.Seen
		problem    string
	}{
		{"content behind a prelude", ": ping\n\ndata: {}\n\ndata:\n\ndata: {\"content\":1}\n\nevent: error\ndata: {}\n\n", &grammar, dialect.Content, ""},
		{"content without an empty line", "data: {\"content\":1}", &grammar, dialect.Content, ""},
		{"half an event", "data: {\"content\":", &grammar, dialect.Failure, early},
		{"nothing", "", &grammar, dialect.Failure, early},
		{"an error first", "event: error\ndata: {}\n\ndata: {\"content\":1}\n\n", &grammar, dialect.Failure, "failed: {}"},
		{"the end first", "data: {}\n\ndata: [DONE]\n\n", &grammar, dialect.Failure, "the provider's answer is empty"},
		{"the end without an empty line", "data: [DONE]", &grammar, dialect.Failure, "the provider's answer is empty"},
		{"an event of another kind", "data: 1\n\n", &grammar, dialect.Garbage, "garbage: 1"},
		{"no event stream", "<html>\n", &grammar, dialect.Garbage, markup},
		{"an event above the limit", "data: {\"c\":\"" + strings.Repeat("x", limit) + "\"}\n\n", &grammar, dialect.Garbage, markup},
		{"an error document", `{"error":1}`, &grammar, dialect.Failure, `failed: {"error":1}`},
		{"another document", `{"a":1}`, &grammar, dialect.Garbage, document},
		{"half a document", `{"error":`, &grammar, dialect.Garbage, broken},
		{"a document without end", `{"error":"` + strings.Repeat("x", 20<<10), &grammar, dialect.Garbage, document},
		{"an array where errors stand in arrays", `[{"error":1}]`, &arrays, dialect.Failure, `failed: [{"error":1}]`},
		{"an array elsewhere", `[{"error":1}]` + "\n", &grammar, dialect.Garbage, markup},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, size := range []int{1, 7, 1 << 20} {
				if size < 100 && len(tc.text) > 1000 {
					size *= 512
				}
				if seen, problem := probed(tc.grammar, tc.text, size); seen != tc.seen || problem != tc.problem {
					t.Errorf("pieces of %d: %v, %q", size, seen, problem)
				}
			}
		})
	}
}

// decoder notes what it gets and is done with "end".
type decoder struct {
	events stream.Events
	got    []string
}

func (d *decoder) Event(name, data []byte) {
	d.got = append(d.got, string(name)+":"+string(data))
	d.events.Done = string(data) == `"end"`
}

func (d *decoder) Fail(p *llm.Problem) { d.got = append(d.got, "failed: "+p.Message) }

func decoded(text string, size int) []string {
	d := decoder{events: stream.NewEvents(limit)}
	for text != "" {
		n := min(size, len(text))
		d.events.Feed(&d, []byte(text[:n]))
		text = text[n:]
	}
	d.events.Close(&d)
	d.events.Close(&d)
	return d.got
}

func TestADecoderGetsEveryEventUntilItIsDone(t *testing.T) {
	const early, large = "failed: the provider ended the stream early", "failed: the provider sent an event that is too large"
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"done", "event: a\ndata:  1 \n\ndata:\n\ndata: \"end\"\n\ndata: 2\n\n", []string{"a:1", `:"end"`}},
		{"done without an empty line", "data: 1\n\ndata: \"end\"", []string{":1", `:"end"`}},
		{"an early end", "data: 1\n\n", []string{":1", early}},
		{"an early end behind a last event", "data: [DONE]", []string{":[DONE]", early}},
		{"half an event", "data: 1\n\ndata: {", []string{":1", early}},
		{"an event above the limit", "data: " + strings.Repeat("1", limit+1) + "\n\ndata: 2\n\n", []string{large}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, size := range []int{1, 7, 1 << 20} {
				if diff := cmp.Diff(tc.want, decoded(tc.text, size)); diff != "" {
					t.Errorf("pieces of %d: %s", size, diff)
				}
			}
		})
	}
}

// FuzzCuts compares a stream in one piece with the same in small ones.
func FuzzCuts(f *testing.F) {
	f.Add("data: {\"content\":1}\n\ndata: [DONE]\n\n", 3)
	f.Add("event: error\r\ndata: {}\r\rdata: \"end\"", 1)
	f.Add(`{"error":1}`, 2)
	f.Fuzz(func(t *testing.T, text string, size int) {
		if size < 1 {
			return
		}
		if diff := cmp.Diff(decoded(text, len(text)), decoded(text, size)); diff != "" {
			t.Error(diff)
		}
		seen, problem := probed(&grammar, text, len(text))
		if cut, other := probed(&grammar, text, size); cut != seen || other != problem {
			t.Errorf("%v %q, in pieces %v %q", seen, problem, cut, other)
		}
	})
}
