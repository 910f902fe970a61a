package sse_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/sse"
)

// frame feeds stream in chunks of the given sizes, cyclically, from a buffer
// that is overwritten each time; size 0 = all at once.
func frame(f *sse.Framer, stream string, sizes ...byte) []string {
	var got []string
	drain := func() {
		for ev, ok := f.Next(); ok; ev, ok = f.Next() {
			got = append(got, string(ev.Name)+"|"+string(ev.Data))
		}
	}
	buf := make([]byte, len(stream))
	for i := 0; stream != ""; i++ {
		n := len(stream)
		if len(sizes) > 0 && sizes[i%len(sizes)] > 0 {
			n = min(n, int(sizes[i%len(sizes)]))
		}
		copy(buf, stream[:n])
		f.Feed(buf[:n])
		drain()
		clear(buf[:n])
		stream = stream[n:]
	}
	if ev, ok := f.End(); ok {
		got = append(got, "end:"+string(ev.Name)+"|"+string(ev.Data))
	}
	if f.Err() != nil {
		got = append(got, f.Err().Error())
	}
	if f.Strange() {
		got = append(got, "strange")
	}
	return got
}

func TestEventsFollowTheStandard(t *testing.T) {
	for _, c := range []struct {
		name, stream string
		want         []string
	}{
		{"LF", "data: a\n\ndata: b\n\n", []string{"|a", "|b"}},
		{"CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", []string{"|a", "|b"}},
		{"CR", "data: a\r\rdata: b\r\r", []string{"|a", "|b"}},
		{"mixed line ends", "data: a\r\n\ndata: b\n\r\ndata: c\r\n\r", []string{"|a", "|b", "|c"}},
		{"one space after the colon is removed", "data:a\n\ndata:  b\n\n", []string{"|a", "| b"}},
		{"several data lines join with LF", "data: a\ndata\ndata: c\n\n", []string{"|a\n\nc"}},
		{"an empty data line is an event", "data\n\ndata:\n\n", []string{"|", "|"}},
		{"a name", "event: error\ndata: {}\n\ndata: x\n\n", []string{"error|{}", "|x"}},
		{"the last name holds", "event: a\nevent: b\ndata: x\n\n", []string{"b|x"}},
		{"a name without data is no event", "event: ping\n\ndata: x\n\n", []string{"|x"}},
		{"comments, id and retry", ": hi\n\n:\nid: 1\nretry: 5\ndata: x\n\n", []string{"|x"}},
		{"a byte order mark", "\xEF\xBB\xBFdata: x\n\n", []string{"|x"}},
		{"half a byte order mark", "\xEF\xBBdata: x\n\n", []string{"strange"}},
		{"a second byte order mark", "\xEF\xBB\xBF\xEF\xBB\xBFdata: x\n\n", []string{"strange"}},
		{"no empty line at the end", "data: a\n\ndata: b", []string{"|a", "end:|b"}},
		{"no empty line but a line end", "event: e\ndata: b\n", []string{"end:e|b"}},
		{"unknown field", "dataset: a\n\ndata: b\n\n", []string{"|b", "strange"}},
		{"HTML", "<html>", []string{"strange"}},
		{"the start of a field", "ev", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, sizes := range [][]byte{{0}, {1}, {2}, {3}, {5, 1}, {7}} {
				if diff := cmp.Diff(c.want, frame(new(sse.Framer), c.stream, sizes...)); diff != "" {
					t.Errorf("in chunks of %v: %s", sizes, diff)
				}
			}
		})
	}
}

func TestAnEventAboveTheLimitEndsTheStream(t *testing.T) {
	long := "data: " + strings.Repeat("x", 60) + "\ndata: " + strings.Repeat("y", 60) + "\n\n"
	for _, sizes := range [][]byte{{0}, {1}, {50}} {
		got := frame(&sse.Framer{Limit: 100}, "data: a\n\n"+long+"data: b\n\n", sizes...)
		if diff := cmp.Diff([]string{"|a", sse.ErrTooLarge.Error()}, got); diff != "" {
			t.Error(diff)
		}
	}
	var f sse.Framer
	for range 3 * sse.DefaultLimit / 4096 {
		f.Feed(make([]byte, 4096))
		f.Next()
	}
	if !errors.Is(f.Err(), sse.ErrTooLarge) {
		t.Error("a line without end is held without limit")
	}
	small := &sse.Framer{Limit: 64}
	if got := frame(small, strings.Repeat(": a comment that keeps the connection\n", 100)+"data: a\n\n"); len(got) != 1 {
		t.Errorf("comments count towards the event: %q", got)
	}
}

func TestAFeedBeforeTheLastOneIsDrainedLosesNothing(t *testing.T) {
	var f sse.Framer
	f.Feed([]byte("data: a\n\ndata: b\n\nda"))
	first, _ := f.Next()
	got := []string{string(first.Data)}
	f.Feed([]byte("ta: c\n\n"))
	for ev, ok := f.Next(); ok; ev, ok = f.Next() {
		got = append(got, string(ev.Data))
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnEventWithinOneChunkIsNotCopied(t *testing.T) {
	chunk := []byte("event: e\ndata: payload\n\n")
	var f sse.Framer
	f.Feed(chunk)
	ev, ok := f.Next()
	if !ok || &ev.Data[0] != &chunk[bytes.Index(chunk, []byte("payload"))] {
		t.Error("the event's data lies elsewhere")
	}
}

func TestFramingDoesNotAllocateInSteadyState(t *testing.T) {
	chunks := [][]byte{[]byte("event: e\ndata: {\"a\":1}\n\ndata: {\"b\""), []byte(":2}\n\ndata: 1\ndata: 2\n\nev"), []byte("ent: f\ndata: x\n\n")}
	var f sse.Framer
	run := func() {
		for _, c := range chunks {
			f.Feed(c)
			for _, ok := f.Next(); ok; _, ok = f.Next() {
			}
		}
	}
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAppendedEventsAreReadBack(t *testing.T) {
	stream := sse.Append(nil, "", []byte(`{"a":1}`))
	stream = sse.AppendComment(stream, "ping")
	stream = sse.Append(stream, "error", []byte("two\nlines\r\nthree\rfour"))
	stream = sse.Append(stream, "", nil)
	want := "data: {\"a\":1}\n\n: ping\n\nevent: error\ndata: two\ndata: lines\ndata: three\ndata: four\n\ndata: \n\n"
	if diff := cmp.Diff(want, string(stream)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{`|{"a":1}`, "error|two\nlines\nthree\nfour", "|"}, frame(new(sse.Framer), want, 1)); diff != "" {
		t.Error(diff)
	}
}

func FuzzAnyChunkingGivesTheSameEvents(f *testing.F) {
	f.Add("data: a\r\n\r\nevent: x\rdata: b\ndata: c\n\n: c\n\ndata: d", []byte{1, 3})
	f.Add("\xEF\xBB\xBFdata: a\n\n\xEF\xBB<html>", []byte{2})
	f.Add("data: "+strings.Repeat("x", 70)+"\n\ndata: y\n\n", []byte{5})
	f.Fuzz(func(t *testing.T, stream string, sizes []byte) {
		whole := frame(&sse.Framer{Limit: 64}, stream)
		if diff := cmp.Diff(whole, frame(&sse.Framer{Limit: 64}, stream, sizes...)); diff != "" {
			t.Fatalf("%q in chunks of %v: %s", stream, sizes, diff)
		}
	})
}

func FuzzAppendedDataComesBack(f *testing.F) {
	f.Add("a\nb\r\nc\rd", byte(1))
	f.Fuzz(func(t *testing.T, data string, size byte) {
		got := frame(new(sse.Framer), string(sse.Append(nil, "n", []byte(data))), size)
		want := strings.ReplaceAll(strings.ReplaceAll(data, "\r\n", "\n"), "\r", "\n")
		if diff := cmp.Diff([]string{"n|" + want}, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func BenchmarkFramer(b *testing.B) {
	event := []byte("data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"},\"finish_reason\":null}]}\n\n")
	var f sse.Framer
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	for b.Loop() {
		f.Feed(event)
		for _, ok := f.Next(); ok; _, ok = f.Next() {
		}
	}
}
