package envoytest

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// shapes are how a provider may write one and the same stream.
var shapes = func() (all []shape) {
	for _, eol := range []string{"lf", "crlf", "cr"} {
		for _, w := range []shape{
			{name: "whole events"},
			{name: "odd splits", script: `,"write":"odd"`},
			{name: "a byte a write", script: `,"write":1`},
			{name: "many events a write", script: `,"batch":17`},
		} {
			all = append(all, shape{name: w.name + ", " + eol, script: w.script + `,"eol":"` + eol + `"`})
		}
	}
	return all
}()

type shape struct {
	name   string
	script string // members, each with a comma before it
}

// streamWishes are n streams: each shape with and without the client's wish for
// usage, in a lane, over and over.
func streamWishes(model string, translated bool, n, events int) (all []*wish) {
	for i := range n {
		s, usage := shapes[i/2%len(shapes)], i%2 == 0
		all = append(all, &wish{
			name:  fmt.Sprintf("stream %d of %s, %s, usage wanted: %t", i, model, s.name, usage),
			model: model, stream: true, wantsUsage: usage, translated: translated, from: "alpha",
			script: fmt.Sprintf(`{"*":{"events":%d,"reasoning":3%s}}`, events, s.script),
			words:  fmt.Sprintf("Tell stream %d of “%s” – ünïcode 🐫 and all.", i, model),
		})
	}
	return all
}

// atOnce runs f for every index below n, most of them at a time, and waits.
func atOnce(n, most int, f func(i int)) {
	next, done := atomic.Int64{}, make(chan struct{})
	for range most {
		go func() {
			defer func() { done <- struct{}{} }()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		}()
	}
	for range most {
		<-done
	}
}

func TestStreamsPassByteByByteAndEventByEvent(t *testing.T) {
	t.Parallel()
	const clients = 24
	g := Start(t, Options{Providers: stillProviders("alpha", "beta", "gamma")})
	n, events := Scale(60, 2000), 200
	for _, lane := range []struct {
		name       string
		model      string
		translated bool
		equal      func(t *testing.T, w *wish, got, want []byte) bool
	}{
		{"leave", "sim/leave", false, sameBytes},
		{"auto", "sim/chat", false, sameBytes},
		{"translate", "sim/translated", true, sameEvents},
	} {
		count := n
		if lane.name == "auto" { // the same lane as leave, by another route
			count = len(shapes) * 2
		}
		wishes := streamWishes(lane.model, lane.translated, count, events)
		var seen, right atomic.Int64
		began := time.Now()
		atOnce(len(wishes), clients, func(i int) {
			w := wishes[i]
			a, err := g.Post(t.Context(), w.body(w.model, w.wantsUsage))
			switch {
			case err != nil:
				t.Errorf("%s: %v", w.name, err)
				return
			case a.Err != nil:
				t.Errorf("%s: broke off after %d bytes: %v", w.name, len(a.Body), a.Err)
				return
			case a.Status != http.StatusOK || a.Header.Get("X-Dragoman-Provider") != "alpha":
				t.Errorf("%s: %s", w.name, a)
				return
			}
			seen.Add(int64(bytes.Count(a.Body, []byte("data: "))))
			if lane.equal(t, w, a.Body, g.answer(w, "alpha")) {
				right.Add(1)
			}
		})
		t.Logf("%s: %d of %d streams with %d events in all are the provider's own, %d at a time, %.1f s",
			lane.name, right.Load(), len(wishes), seen.Load(), clients, time.Since(began).Seconds())
	}
	if r := g.Fleet.Provider("beta").Stats().Requests; r > 0 {
		t.Errorf("%d requests failed over", r)
	}
	g.Settled(t, 10*time.Second)
}

// sameBytes compares with the bytes that the provider has sent, the usage chunk
// that nobody asked for aside.
func sameBytes(t *testing.T, w *wish, got, want []byte) bool {
	t.Helper()
	if bytes.Equal(got, want) {
		return true
	}
	at := firstDifference(string(got), string(want))
	from := max(0, at-80)
	t.Errorf("%s: %d bytes, want %d; they differ at %d: got %q, want %q", w.name, len(got), len(want), at,
		got[from:min(len(got), at+80)], want[from:min(len(want), at+80)])
	return false
}

// sameEvents compares what two streams say. The model is the public one, and
// the identity of a stream is its provider's.
func sameEvents(t *testing.T, w *wish, got, want []byte) bool {
	t.Helper()
	a, b := decoded(got), decoded(want)
	for i := range b {
		if b[i].Kind == llm.Start {
			b[i].Name = w.model
		}
	}
	if diff := cmp.Diff(b, a, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: the events differ (-provider +client):\n%.2000s", w.name, diff)
		return false
	}
	if !strings.HasSuffix(string(got), "\n\ndata: [DONE]\n\n") || bytes.Count(got, []byte("[DONE]")) != 1 {
		t.Errorf("%s: the end marker is not at its place: %q", w.name, got[max(0, len(got)-200):])
		return false
	}
	usage := slices.ContainsFunc(a, func(e llm.Event) bool { return e.Kind == llm.UsageUpdate })
	if usage != w.wantsUsage {
		t.Errorf("%s: usage came: %t", w.name, usage)
		return false
	}
	return true
}

// decoded reads a stream as any client does.
func decoded(stream []byte) []llm.Event {
	r := openai.Codec().NewReader()
	return r.Close(r.Feed(nil, stream))
}
