package gemini_test

import (
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/gemini"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// conversation is a request of about size bytes.
func conversation(size int) []byte {
	turn := `{"role":"user","parts":[{"text":"` + strings.Repeat(`The quick brown fox said: \"jump\".\n`, 20) + `"}]}`
	var b strings.Builder
	b.WriteString(`{"systemInstruction":{"parts":[{"text":"Be brief."}]},"generationConfig":{"temperature":0.7,"maxOutputTokens":512},"contents":[{"role":"user","parts":[{"text":"Hi"}]}`)
	for b.Len() < size-len(turn) {
		b.WriteString("," + turn)
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

const contentChunk = `data: {"candidates":[{"content":{"parts":[{"text":" Hello"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":8,"totalTokenCount":8},"modelVersion":"gemini-2.5-flash","responseId":"r1"}` + "\n\n"

func TestScanAllocatesNothingAndPatchOnlyItsPieces(t *testing.T) {
	body := conversation(10 << 10)
	if n := testing.AllocsPerRun(50, func() {
		if _, p := gemini.Scan(body); p != nil {
			t.Error(p)
		}
	}); n != 0 {
		t.Errorf("Scan: %v allocations", n)
	}
	e, _ := gemini.Scan(body)
	if n := testing.AllocsPerRun(50, func() {
		if pieces := gemini.Pieces(body, &e, targets[0].Target); &pieces[0][0] != &body[0] {
			t.Error("the body is copied")
		}
	}); n > 1 {
		t.Errorf("Pieces: %v allocations", n)
	}
}

func TestProbingAContentEventAllocatesOnlyTheProbe(t *testing.T) {
	chunk := []byte(contentChunk)
	c := gemini.Codec()
	if n := testing.AllocsPerRun(50, func() {
		if seen, _ := c.NewProbe().Feed(chunk); seen != dialect.Content {
			t.Error("no content")
		}
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

// Reader and Writer: one allocation for the text of the event.
func TestTranslatingAnEventAllocatesOnlyItsText(t *testing.T) {
	if n := testing.AllocsPerRun(200, translator(t)); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func translator(tb testing.TB) func() {
	tb.Helper()
	c := gemini.Codec()
	r, w := c.NewReader(), c.NewWriter(reply)
	chunk := []byte(contentChunk)
	var events []llm.Event
	var out []byte
	translate := func() {
		events = r.Feed(events[:0], chunk)
		out = out[:0]
		for _, ev := range events {
			out = w.Write(out, ev)
		}
		if len(out) == 0 {
			tb.Error("nothing is written")
		}
	}
	translate()
	return translate
}

func BenchmarkScan(b *testing.B) {
	for name, size := range map[string]int{"1KB": 1 << 10, "100KB": 100 << 10} {
		body := conversation(size)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, p := gemini.Scan(body); p != nil {
					b.Fatal(p)
				}
			}
		})
	}
}

func BenchmarkProbe(b *testing.B) {
	c, chunk := gemini.Codec(), []byte(contentChunk)
	b.ReportAllocs()
	for b.Loop() {
		if _, p := c.NewProbe().Feed(chunk); p != nil {
			b.Fatal(p)
		}
	}
}

func BenchmarkTranslateEvent(b *testing.B) {
	translate := translator(b)
	b.ReportAllocs()
	for b.Loop() {
		translate()
	}
}

func BenchmarkTranslateRequest(b *testing.B) {
	for name, size := range map[string]int{"1KB": 1 << 10, "100KB": 100 << 10} {
		body := conversation(size)
		b.Run(name, func(b *testing.B) {
			dst := make([]byte, 0, len(body)+1024)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				r, p := gemini.DecodeRequest(body)
				if p != nil {
					b.Fatal(p)
				}
				dst, _, _ = gemini.EncodeRequest(dst[:0], r, targets[0].Target)
			}
		})
	}
}
