package simulator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// tape is a ResponseWriter that notes when bytes were flushed.
type tape struct {
	header  http.Header
	start   time.Time
	pending string
	writes  []stroke
}

// stroke is what one flush let out, and when.
type stroke struct {
	At    time.Duration
	Bytes string
}

func (t *tape) Header() http.Header { return t.header }

func (t *tape) WriteHeader(status int) { t.pending += fmt.Sprintf("<%d>", status) }

func (t *tape) Write(b []byte) (int, error) {
	t.pending += string(b)
	return len(b), nil
}

func (t *tape) Flush() {
	if t.pending != "" {
		t.writes = append(t.writes, stroke{time.Since(t.start), t.pending})
		t.pending = ""
	}
}

// play lets a provider answer on a tape, in the bubble's time.
func play(ctx context.Context, body string) []stroke {
	p := New(Config{Name: "acme", Now: noon})
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://acme/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return nil
	}
	w := &tape{header: http.Header{}, start: time.Now()}
	p.ServeHTTP(w, r)
	w.Flush()
	return w.writes
}

// brief shortens events to what matters: role, content, finish, marker.
func brief(strokes []stroke) (out []string) {
	for _, s := range strokes {
		var events []string
		rest, answered := strings.CutPrefix(s.Bytes, "<200>")
		if answered {
			events = append(events, "<200>")
		}
		for line := range strings.Lines(rest) {
			for mark, short := range map[string]string{
				`"role"`: "role", `{"content"`: "text", `"delta":{}`: "finish", "[DONE]": "done", ": ping": "ping", `"error"`: "error",
			} {
				if strings.Contains(line, mark) {
					events = append(events, short)
				}
			}
		}
		out = append(out, s.At.String()+" "+strings.Join(events, " "))
	}
	return out
}

func TestAStreamKeepsTheTimesOfItsScript(t *testing.T) {
	for _, c := range []struct {
		script string
		want   []string
	}{
		{`"events":2`, []string{"0s <200> role", "0s text", "0s text", "0s finish", "0s done"}},
		{`"events":2,"first":"1s","first_event":"2s"`, []string{"1s <200>", "3s role", "3s text", "3s text", "3s finish", "3s done"}},
		{`"events":2,"pause":"10ms"`, []string{"0s <200> role", "10ms text", "20ms text", "30ms finish", "30ms done"}},
		{`"events":3,"pause":"10ms","batch":2`, []string{"0s <200> role text", "10ms text text", "20ms finish done"}},
		{`"events":2,"batch":100`, []string{"0s <200> role text text finish done"}},
		{`"events":1,"comments":1`, []string{"0s <200> ping role", "0s ping text", "0s ping finish", "0s ping done"}},
		{`"events":2,"error_after_role":true`, []string{"0s <200> role", "50ms error"}},
		{`"events":2,"write":100000`, []string{"0s <200> role text text finish done"}},
		{`"events":1,"write":100000,"pause":"10ms"`, []string{"0s <200> role", "10ms text", "20ms finish done"}},
	} {
		t.Run(c.script, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if diff := cmp.Diff(c.want, brief(play(t.Context(), chat(c.script, streaming)))); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestWritesHaveTheSizeOfTheScript(t *testing.T) {
	for _, kind := range []string{streaming, `"stream":false`} {
		whole := string(New(Config{Name: "acme", Now: noon}).Body(Request{Body: []byte(chat(`"events":5`, kind))}))
		for _, script := range []string{`"write":1`, `"write":7`, `"write":1000`, `"write":"odd"`, `"write":"odd","batch":3`} {
			synctest.Test(t, func(t *testing.T) {
				strokes := play(t.Context(), chat(script+`,"events":5`, kind))
				var all strings.Builder
				for i, s := range strokes {
					part := strings.TrimPrefix(s.Bytes, "<200>")
					all.WriteString(part)
					if i == len(strokes)-1 {
						continue
					}
					n := 0
					if _, err := fmt.Sscanf(script, `"write":%d`, &n); err == nil && len(part) != n || err != nil && len(part)%2 == 0 {
						t.Errorf("%s: write %d has %d bytes", script, i, len(part))
					}
				}
				if all.String() != whole {
					t.Errorf("%s: wrote %q, want %q", script, all.String(), whole)
				}
			})
		}
	}
}

func TestASlowAnswerTricklesPauseByPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		strokes := play(t.Context(), chat(`"write":300,"pause":"1s"`, `"stream":false`))
		for i, s := range strokes[:2] {
			if s.At != time.Duration(i)*time.Second {
				t.Errorf("write %d came after %s", i, s.At)
			}
		}
	})
}

func TestAClientThatLeavesEndsEveryWait(t *testing.T) {
	for _, script := range []string{`"first":"1h"`, `"first_event":"1h"`, `"pause":"1h"`, `"hang":"headers"`, `"hang":"mid"`} {
		synctest.Test(t, func(t *testing.T) {
			p := New(Config{Name: "acme", Record: 1})
			left := errors.New("left")
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, left)
			defer cancel()
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://acme/v1/chat/completions", strings.NewReader(chat(script, streaming)))
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			p.ServeHTTP(&tape{header: http.Header{}, start: start}, r)
			got := p.Records()[0]
			if time.Since(start) != time.Minute || got.Gone.Sub(start) != time.Minute || !errors.Is(got.Err, left) {
				t.Errorf("%s: handler returned after %s, client gone at %s with %v", script, time.Since(start), got.Gone.Sub(start), got.Err)
			}
		})
	}
}
