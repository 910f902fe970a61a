package gemini_test

import (
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/dialecttest"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/gemini"
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

var speed = dialecttest.Speed{
	Codec: gemini.Codec(), Reply: reply, Target: targets[0].Target,
	Content: contentChunk, Request: conversation,
}

func TestProbingAContentEventAllocatesOnlyTheProbe(t *testing.T) { speed.Probe(t) }

func TestTranslatingAnEventAllocatesOnlyItsText(t *testing.T) { speed.Event(t) }

func BenchmarkProbe(b *testing.B) { speed.BenchmarkProbe(b) }

func BenchmarkTranslateEvent(b *testing.B) { speed.BenchmarkEvent(b) }

func BenchmarkTranslateRequest(b *testing.B) { speed.BenchmarkRequest(b) }
