package dialecttest

import (
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Speed pins and measures what a codec costs for each event and request.
type Speed struct {
	Codec  *dialect.Codec
	Reply  dialect.Reply
	Target dialect.Target
	// Prelude are the events of a stream in front of content, Content is one
	// that carries text.
	Prelude, Content string
	// Request is one of about size bytes.
	Request func(size int) []byte
}

// sizes are those of the requests that are measured.
var sizes = []struct {
	name  string
	bytes int
}{{"1KB", 1 << 10}, {"100KB", 100 << 10}}

// Probe pins that looking for content allocates the probe and nothing else.
func (s Speed) Probe(t *testing.T) {
	t.Helper()
	chunk := []byte(s.Prelude + s.Content)
	if n := testing.AllocsPerRun(50, func() {
		if seen, _ := s.Codec.NewProbe().Feed(chunk); seen != dialect.Content {
			t.Error("no content")
		}
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

// Event pins that reading and writing an event allocates its text and nothing
// else.
func (s Speed) Event(t *testing.T) {
	t.Helper()
	if n := testing.AllocsPerRun(500, s.translator(t)); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

// translator reads and writes the content at each call.
func (s Speed) translator(tb testing.TB) func() {
	tb.Helper()
	r, w := s.Codec.NewReader(), s.Codec.NewWriter(s.Reply)
	var events []llm.Event
	var out []byte
	feed := func(chunk []byte) {
		events = r.Feed(events[:0], chunk)
		out = out[:0]
		for _, ev := range events {
			out = w.Write(out, ev)
		}
	}
	feed([]byte(s.Prelude))
	chunk := []byte(s.Content)
	translate := func() {
		if feed(chunk); len(out) == 0 {
			tb.Error("nothing is written")
		}
	}
	translate()
	return translate
}

// BenchmarkProbe measures what Probe pins.
func (s Speed) BenchmarkProbe(b *testing.B) {
	b.Helper()
	chunk := []byte(s.Prelude + s.Content)
	b.ReportAllocs()
	for b.Loop() {
		if _, p := s.Codec.NewProbe().Feed(chunk); p != nil {
			b.Fatal(p)
		}
	}
}

// BenchmarkEvent measures what Event pins.
func (s Speed) BenchmarkEvent(b *testing.B) {
	b.Helper()
	translate := s.translator(b)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if n++; n%100_000 == 0 { // an answer has an end
			translate = s.translator(b)
		}
		translate()
	}
}

// BenchmarkRequest measures the decoding and encoding of a request.
func (s Speed) BenchmarkRequest(b *testing.B) {
	b.Helper()
	for _, size := range sizes {
		body := s.Request(size.bytes)
		b.Run(size.name, func(b *testing.B) {
			dst := make([]byte, 0, len(body)+1024)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				r, p := s.Codec.DecodeRequest(body)
				if p != nil {
					b.Fatal(p)
				}
				dst, _, _ = s.Codec.EncodeRequest(dst[:0], r, s.Target)
			}
		})
	}
}
