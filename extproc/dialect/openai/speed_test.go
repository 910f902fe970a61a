package openai_test

import (
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/dialecttest"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
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

var speed = dialecttest.Speed{
	Codec: openai.Codec(), Reply: reply, Target: dialect.Target{ID: "t"},
	Content: contentChunk, Request: chat,
}

func TestProbingAContentEventAllocatesOnlyTheProbe(t *testing.T) { speed.Probe(t) }

func TestTranslatingAnEventAllocatesOnlyItsText(t *testing.T) { speed.Event(t) }

func BenchmarkProbe(b *testing.B) { speed.BenchmarkProbe(b) }

func BenchmarkTranslateEvent(b *testing.B) { speed.BenchmarkEvent(b) }

func BenchmarkTranslateRequest(b *testing.B) { speed.BenchmarkRequest(b) }
