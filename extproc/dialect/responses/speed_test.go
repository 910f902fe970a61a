package responses_test

import (
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/responses"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
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

func TestProbingAContentEventAllocatesOnlyTheProbe(t *testing.T) {
	chunk := []byte(deltaEvent)
	c := responses.Codec()
	if n := testing.AllocsPerRun(50, func() {
		if seen, _ := c.NewProbe().Feed(chunk); seen != dialect.Content {
			t.Error("no content")
		}
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

// Reader and Writer: the text of the event, and now and then room for the text
// that the end repeats.
func TestTranslatingAnEventAllocatesOnlyItsText(t *testing.T) {
	translate := translator(t)
	if n := testing.AllocsPerRun(500, translate); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func translator(tb testing.TB) func() {
	tb.Helper()
	c := responses.Codec()
	r, w := c.NewReader(), c.NewWriter(reply)
	var events []llm.Event
	var out []byte
	feed := func(chunk []byte) {
		events = r.Feed(events[:0], chunk)
		out = out[:0]
		for _, ev := range events {
			out = w.Write(out, ev)
		}
		if len(out) == 0 {
			tb.Error("nothing is written")
		}
	}
	feed([]byte(createdEvent))
	chunk := []byte(deltaEvent)
	translate := func() { feed(chunk) }
	translate()
	return translate
}

func BenchmarkTranslateEvent(b *testing.B) {
	translate := translator(b)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if n++; n%100_000 == 0 { // an answer has an end
			translate = translator(b)
		}
		translate()
	}
}

func BenchmarkTranslateRequest(b *testing.B) {
	for name, size := range map[string]int{"1KB": 1 << 10, "100KB": 100 << 10} {
		body := request(size)
		b.Run(name, func(b *testing.B) {
			dst := make([]byte, 0, len(body)+1024)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				r, p := responses.DecodeRequest(body)
				if p != nil {
					b.Fatal(p)
				}
				dst, _, _ = responses.EncodeRequest(dst[:0], r, dialect.Target{ID: "t"})
			}
		})
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
