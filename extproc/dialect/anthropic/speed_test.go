package anthropic_test

import (
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/anthropic"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/dialecttest"
)

// conversation is a streaming request of about size bytes.
func conversation(size int) []byte {
	turn := `{"role":"user","content":[{"type":"text","text":"` + strings.Repeat(`The quick brown fox said: \"jump\".\n`, 20) + `"}]}`
	var b strings.Builder
	b.WriteString(`{"model":"anthropic/claude-x","stream":true,"max_tokens":512,"system":"Be brief.","messages":[{"role":"user","content":"Hi"}`)
	for b.Len() < size-len(turn) {
		b.WriteString("," + turn)
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

const (
	prelude = `data: {"type":"message_start","message":{"id":"msg_1","model":"claude-x","usage":{"input_tokens":9,"output_tokens":1}}}` + "\n\n" +
		`data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}` + "\n\n"
	contentEvent = "event: content_block_delta\n" + `data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" Hello"}}` + "\n\n"
)

// Patch allocates the list of pieces, the model's id in quotes, and nothing by
// the size of the body.
func TestScanAllocatesOnlyTheModelNameAndPatchItsPieces(t *testing.T) {
	body := conversation(10 << 10)
	if n := testing.AllocsPerRun(50, func() {
		if _, p := anthropic.Scan(body); p != nil {
			t.Error(p)
		}
	}); n > 1 {
		t.Errorf("Scan: %v allocations", n)
	}
	e, _ := anthropic.Scan(body)
	if n := testing.AllocsPerRun(50, func() { anthropic.Pieces(body, &e, dialect.Target{ID: "claude-x"}) }); n > 2 {
		t.Errorf("Pieces: %v allocations", n)
	}
}

func BenchmarkScanAndPatch(b *testing.B) {
	for name, size := range map[string]int{"1KB": 1 << 10, "100KB": 100 << 10} {
		body := conversation(size)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				e, p := anthropic.Scan(body)
				if p != nil {
					b.Fatal(p)
				}
				anthropic.Pieces(body, &e, dialect.Target{ID: "claude-x"})
			}
		})
	}
}

var speed = dialecttest.Speed{
	Codec: anthropic.Codec(), Reply: reply, Target: dialect.Target{ID: "t"},
	Prelude: prelude, Content: contentEvent, Request: conversation,
}

func TestProbingAContentEventAllocatesOnlyTheProbe(t *testing.T) { speed.Probe(t) }

func TestTranslatingAnEventAllocatesOnlyItsText(t *testing.T) { speed.Event(t) }

func BenchmarkProbe(b *testing.B) { speed.BenchmarkProbe(b) }

func BenchmarkTranslateEvent(b *testing.B) { speed.BenchmarkEvent(b) }

func BenchmarkTranslateRequest(b *testing.B) { speed.BenchmarkRequest(b) }
