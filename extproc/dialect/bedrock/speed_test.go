package bedrock_test

import (
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/bedrock"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

const contentEvent = `contentBlockDelta {"contentBlockIndex":0,"delta":{"text":" Hello"},"p":"abcdefghijklmnopqrs"}`

// A content event of a stream costs its text.
func TestReadingAnEventAllocatesOnlyItsText(t *testing.T) {
	read := reading(t)
	if n := testing.AllocsPerRun(200, read); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func reading(tb testing.TB) func() {
	tb.Helper()
	r, chunk := bedrock.Codec().NewReader(), frames(contentEvent)
	var events []llm.Event
	read := func() {
		if events = r.Feed(events[:0], chunk); len(events) == 0 {
			tb.Error("nothing is read")
		}
	}
	read()
	return read
}

// A short conversation costs a handful of allocations, however long its text.
func TestWritingARequestAllocatesLittle(t *testing.T) {
	for _, size := range []int{1 << 10, 100 << 10} {
		write := writing(t, size)
		if n := testing.AllocsPerRun(50, write); n > 4 {
			t.Errorf("%d bytes: %v allocations", size, n)
		}
	}
}

func writing(tb testing.TB, size int) func() {
	tb.Helper()
	r, p := openai.DecodeRequest([]byte(`{"model":"m","max_tokens":100,"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"` +
		strings.Repeat("Hello. ", size/7) + `"}]}`))
	if p != nil {
		tb.Fatal(p)
	}
	dst := make([]byte, 0, 2*size)
	return func() {
		if _, _, p := bedrock.EncodeRequest(dst[:0], r, dialect.Target{ID: "anthropic.claude-sonnet-4-5-20250929-v1:0"}); p != nil {
			tb.Error(p)
		}
	}
}

func BenchmarkReadEvent(b *testing.B) {
	read := reading(b)
	b.ReportAllocs()
	for b.Loop() {
		read()
	}
}

func BenchmarkWriteRequest(b *testing.B) {
	write := writing(b, 1<<10)
	b.ReportAllocs()
	for b.Loop() {
		write()
	}
}
