package responses_test

import (
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/dialecttest"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/responses"
)

// request is a streaming request of about size bytes.
func request(size int) []byte {
	turn := `{"role":"user","content":[{"type":"input_text","text":"` + strings.Repeat(`The quick brown fox said: \"jump\".\n`, 20) + `"}]}`
	var b strings.Builder
	b.WriteString(`{"model":"openai/gpt-x","stream":true,"temperature":0.7,"max_output_tokens":512,"instructions":"Be brief.","input":[` + turn)
	for b.Len() < size-len(turn) {
		b.WriteString("," + turn)
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

const (
	createdEvent = "event: response.created\n" + `data: {"type":"response.created","response":{"id":"resp_1","created_at":1700000001,"model":"gpt-x-2026","output":[]},"sequence_number":0}` + "\n\n"
	deltaEvent   = "event: response.output_text.delta\n" + `data: {"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":" Hello","logprobs":[],"sequence_number":4,"obfuscation":"abcdef"}` + "\n\n"
)

func TestScanAllocatesOnlyTheModelName(t *testing.T) {
	body := request(10 << 10)
	if n := testing.AllocsPerRun(50, func() {
		if _, p := responses.Scan(body); p != nil {
			t.Error(p)
		}
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func TestPatchAllocatesItsEditsOnly(t *testing.T) {
	body := request(10 << 10)
	e, _ := responses.Scan(body)
	target := dialect.Target{ID: "gpt-x-2026", Genuine: true}
	if n := testing.AllocsPerRun(50, func() { responses.Pieces(body, &e, target) }); n > 4 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTranslateAnswer(b *testing.B) {
	body := []byte(`{"id":"resp_1","object":"response","created_at":1700000001,"status":"completed","model":"gpt-x-2026","output":[{"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"` +
		strings.Repeat("Hello, world. ", 60) + `","annotations":[]}]}],"usage":{"input_tokens":9,"output_tokens":2,"total_tokens":11}}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		events, _ := responses.DecodeAnswer(body)
		responses.EncodeAnswer(nil, events, reply)
	}
}

var speed = dialecttest.Speed{
	Codec: responses.Codec(), Reply: reply, Target: dialect.Target{ID: "t"},
	Prelude: createdEvent, Content: deltaEvent, Request: request,
}

func TestProbingAContentEventAllocatesOnlyTheProbe(t *testing.T) { speed.Probe(t) }

func TestTranslatingAnEventAllocatesOnlyItsText(t *testing.T) { speed.Event(t) }

func BenchmarkProbe(b *testing.B) { speed.BenchmarkProbe(b) }

func BenchmarkTranslateEvent(b *testing.B) { speed.BenchmarkEvent(b) }

func BenchmarkTranslateRequest(b *testing.B) { speed.BenchmarkRequest(b) }
