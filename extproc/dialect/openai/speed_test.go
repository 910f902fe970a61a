package openai_test

import (
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// chat is a streaming request of about size bytes.
func chat(size int) []byte {
	turn := `{"role":"user","content":"` + strings.Repeat(`The quick brown fox said: \"jump\".\n`, 20) + `"}`
	var b strings.Builder
	b.WriteString(`{"model":"openai/gpt-x","stream":true,"temperature":0.7,"max_tokens":512,"messages":[{"role":"system","content":"Be brief."}`)
	for b.Len() < size-len(turn) {
		b.WriteString("," + turn)
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

const contentChunk = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000001,"model":"gpt-x-2026","service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"content":" Hello"},"logprobs":null,"finish_reason":null}],"obfuscation":"abcdef"}` + "\n\n"

// scanAndPatch does both at each call, into one buffer.
func scanAndPatch(tb testing.TB, body []byte) func() {
	tb.Helper()
	dst := make([]byte, 0, len(body)+1024)
	return func() {
		e, p := openai.Scan(body)
		if p != nil {
			tb.Fatal(p)
		}
		dst = openai.Patch(dst[:0], body, &e, dialect.Target{ID: "gpt-x-2026", AddUsage: true})
	}
}

func TestScanAllocatesOnlyTheModelNameAndPatchNothing(t *testing.T) {
	body := chat(10 << 10)
	dst := make([]byte, 0, len(body)+1024)
	if n := testing.AllocsPerRun(50, scanAndPatch(t, body)); n > 1 {
		t.Errorf("Scan and Patch: %v allocations", n)
	}
	e, _ := openai.Scan(body)
	target := dialect.Target{ID: "gpt-x-2026", AddUsage: true}
	if n := testing.AllocsPerRun(50, func() { dst = openai.Patch(dst[:0], body, &e, target) }); n != 0 {
		t.Errorf("Patch: %v allocations", n)
	}
}

func TestProbingAContentEventAllocatesOnlyTheProbe(t *testing.T) {
	chunk := []byte(contentChunk)
	c := openai.Codec()
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
	translate := translator(t)
	if n := testing.AllocsPerRun(200, translate); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func translator(tb testing.TB) func() {
	tb.Helper()
	c := openai.Codec()
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

func BenchmarkScanAndPatch(b *testing.B) {
	for name, size := range map[string]int{"1KB": 1 << 10, "100KB": 100 << 10} {
		body := chat(size)
		b.Run(name, func(b *testing.B) {
			run := scanAndPatch(b, body)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
		})
	}
}

func BenchmarkProbe(b *testing.B) {
	c, chunk := openai.Codec(), []byte(contentChunk)
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
		body := chat(size)
		b.Run(name, func(b *testing.B) {
			dst := make([]byte, 0, len(body)+1024)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				r, p := openai.DecodeRequest(body)
				if p != nil {
					b.Fatal(p)
				}
				dst, _, _ = openai.EncodeRequest(dst[:0], r, dialect.Target{ID: "t"})
			}
		})
	}
}

func BenchmarkTranslateAnswer(b *testing.B) {
	body := []byte(`{"id":"chatcmpl-1","object":"chat.completion","created":1700000001,"model":"gpt-x-2026","choices":[{"index":0,"message":{"role":"assistant","content":"` +
		strings.Repeat("Hello, world. ", 60) + `"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		events, _ := openai.DecodeAnswer(body)
		openai.EncodeAnswer(nil, events, reply)
	}
}
