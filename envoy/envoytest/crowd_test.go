package envoytest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

// wish is a request and the one answer to it that is right.
type wish struct {
	name       string
	model      string
	stream     bool
	wantsUsage bool
	translated bool // compared by what it says, not by its bytes
	// script is the member sim: what each provider does.
	script string
	// from is the provider whose answer is the right one; "" = none is, the
	// answer must be visibly broken.
	from string
	// anyone may answer in its stead, as attempts of it may fail.
	anyone bool
	// words make the answers of two wishes differ.
	words string
}

// body is the request with a model's name.
func (w *wish) body(model string, usage bool) string {
	stream := ""
	if w.stream {
		stream = `,"stream":true`
	}
	if w.stream && usage {
		stream += `,"stream_options":{"include_usage":true}`
	}
	return fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":%q}],"sim":%s%s}`, model, w.words, w.script, stream)
}

// still is the clock of providers whose answers are compared by their bytes.
func still() time.Time { return time.Unix(1_790_000_000, 0) }

// stillProviders answer the same bytes at any time.
func stillProviders(names ...string) (all []simulator.Config) {
	for _, name := range names {
		all = append(all, simulator.Config{Name: name, Now: still})
	}
	return all
}

// answer gives the bytes that the provider's answer to this wish has, as the
// client must see them. Target ids are the part of the name after the slash.
func (g *Gateway) answer(w *wish, from string) []byte {
	_, id, _ := strings.Cut(w.model, "/")
	rq := simulator.Request{Method: http.MethodPost, Body: []byte(w.body(id, true))}
	if w.wantsUsage {
		return g.Fleet.Provider(from).Body(rq)
	}
	return g.Fleet.Provider(from).Body(rq, simulator.PartUsage)
}

// Ways in which an exchange may fail a test.
var (
	errLie    = errors.New("looks whole and is not")
	errHung   = errors.New("no end in time")
	errNoJSON = errors.New("an error that is no JSON problem")
)

// ask sends the wish and judges the answer: whole tells whether it is exactly
// the right one. One that is visibly broken (a JSON error, a connection that
// breaks, an error event) is no error.
func (g *Gateway) ask(ctx context.Context, w *wish) (a *Answer, whole bool, err error) {
	a, err = g.Post(ctx, w.body(w.model, w.wantsUsage))
	if err != nil {
		a = &Answer{Err: err}
	}
	whole, err = g.judge(w, a)
	if err != nil {
		return a, false, fmt.Errorf("%s: %w: %s", w.name, err, a)
	}
	return a, whole, nil
}

func (g *Gateway) judge(w *wish, a *Answer) (whole bool, err error) {
	switch {
	case errors.Is(a.Err, context.DeadlineExceeded):
		return false, errHung
	case a.Status == 0: // the connection broke before any answer
		return false, nil
	case a.Status != http.StatusOK:
		return false, problem(a)
	case a.Err != nil:
		return false, nil //nolint:nilerr // an answer may break off; it may not lie
	case w.from != "" && g.right(w, a):
		return true, nil
	case w.stream && broken(a.Body):
		return false, nil
	}
	return false, errLie
}

// right compares by bytes where nobody may touch them, else by content.
func (g *Gateway) right(w *wish, a *Answer) bool {
	from := w.from
	if w.anyone {
		from = a.Header.Get(envoy.ProviderHeader)
	}
	if g.Fleet.Provider(from) == nil {
		return false
	}
	want := g.answer(w, from)
	if !w.translated {
		return bytes.Equal(a.Body, want)
	}
	got, ok := said(a.Body, w.stream)
	text, _ := said(want, w.stream)
	return ok && got == text
}

// problem checks that an error is what a client of OpenAI's API can read.
func problem(a *Answer) error {
	var p struct {
		Error struct{ Message, Type string }
	}
	if !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") ||
		json.Unmarshal(a.Body, &p) != nil || p.Error.Message == "" || p.Error.Type == "" {
		return errNoJSON
	}
	return nil
}

// broken tells whether a stream's last event is an error.
func broken(stream []byte) bool {
	last := bytes.LastIndex(stream, []byte("data:"))
	return last >= 0 && bytes.HasPrefix(stream[last:], []byte(`data: {"error":`))
}

// said is the content of an answer with its finish reason; ok is false for one
// that is not complete.
func said(body []byte, stream bool) (text string, ok bool) {
	type part struct{ Content string }
	var chunk struct {
		Choices []struct {
			Message, Delta part
			FinishReason   string `json:"finish_reason"`
		}
	}
	var b strings.Builder
	finish := ""
	read := func(data []byte) bool {
		chunk.Choices = nil // what is decoded again keeps what is not said again
		if json.Unmarshal(data, &chunk) != nil {
			return false
		}
		for _, c := range chunk.Choices {
			b.WriteString(c.Message.Content + c.Delta.Content)
			finish += c.FinishReason
		}
		return true
	}
	if !stream {
		ok = read(body)
		return b.String() + "\x00" + finish, ok && finish != ""
	}
	for line := range bytes.Lines(body) {
		data, isData := bytes.CutPrefix(bytes.TrimSpace(line), []byte("data: "))
		switch {
		case !isData:
		case string(data) == "[DONE]":
			return b.String() + "\x00" + finish, finish != ""
		case !read(data):
			return "", false
		}
	}
	return "", false
}

// longAsk is what nobody waits for in peace.
const longAsk = 10 * time.Second

// crowd is clients that ask at once, over and over.
type crowd struct {
	asked, whole, broken atomic.Int64
	mu                   sync.Mutex
	lies                 []error     // guarded by mu
	statuses             map[int]int // of broken answers, guarded by mu
	everybody            sync.WaitGroup
}

// start lets n clients ask until they are told to stop or next, given the
// client's number and round, returns nil. Every request is bounded in time.
func (c *crowd) start(ctx context.Context, g *Gateway, n int, next func(client, round int) *wish) {
	for client := range n {
		c.everybody.Go(func() {
			for round := 0; ctx.Err() == nil; round++ {
				w := next(client, round)
				if w == nil {
					return
				}
				c.one(g, w)
			}
		})
	}
}

func (c *crowd) one(g *Gateway, w *wish) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(Scale(60, 180))*time.Second)
	defer cancel()
	began := time.Now()
	a, whole, err := g.ask(ctx, w)
	if took := time.Since(began); took > longAsk {
		g.logs.note("slow: %s took %s: %v %v", w.name, took, a, a.Err)
	}
	c.asked.Add(1)
	switch {
	case err != nil:
		c.mu.Lock()
		c.lies = append(c.lies, err)
		c.mu.Unlock()
	case whole:
		c.whole.Add(1)
	case w.from != "":
		c.broken.Add(1)
		c.tally(a.Status)
		g.logs.note("visibly broken: %s: %v %v", w.name, a, a.Err)
	}
}

func (c *crowd) tally(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.statuses == nil {
		c.statuses = make(map[int]int)
	}
	c.statuses[status]++
}

// brokenWith tells how many broken answers had a status; 0 is a connection
// that broke before there was one, 200 one that broke within the answer.
func (c *crowd) brokenWith(status int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.statuses[status]
}

// end waits for all and fails the test for every answer that was neither right
// nor visibly broken.
func (c *crowd) end(tb testing.TB) {
	tb.Helper()
	c.everybody.Wait()
	const most = 10
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, err := range c.lies {
		if i == most {
			tb.Errorf("and %d more", len(c.lies)-most)
			break
		}
		tb.Error(err)
	}
}

// unbroken is end for a crowd that nothing may disturb.
func (c *crowd) unbroken(tb testing.TB) {
	tb.Helper()
	c.end(tb)
	if n := c.broken.Load(); n > 0 {
		tb.Errorf("%d of %d requests failed", n, c.asked.Load())
	}
}

// note adds a line to what a failing test shows.
func (j *journal) note(format string, args ...any) {
	_, _ = fmt.Fprintf(j, format+"\n", args...)
}
