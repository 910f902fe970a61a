package envoytest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest/node"
	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

// restless lets a stream be silent for as short as there is: Envoy has one idle
// timer, into which the wait for the first event must fit.
const restless = `
open: true
listen: {port: {{port}}}
timeouts: {first_token: 2s, idle: 1s}
providers:
  alpha: {dialect: openai, base_url: "{{url "alpha"}}"}
  beta: {dialect: openai, base_url: "{{url "beta"}}"}
models:
  sim/leave: {targets: [alpha, beta], lane: leave}
  sim/translated: {targets: [alpha, beta], lane: translate}
`

// ending is what becomes of a stream after its first content event, and
// whether a client may take it for whole.
type ending struct {
	name   string
	script string
	whole  bool
}

var endings = []ending{
	{"nothing is wrong", `"chunked":true`, true},
	{"a failover before the first content", `"status":500`, true},
	{"no end marker after the finish", `"no_done":true`, true},
	{"no end marker after the finish, in pieces", `"no_done":true,"write":"odd","eol":"crlf"`, true},
	{"a reset in the middle", `"reset":"mid","pause":"20ms"`, false},
	{"an end in the middle of the message", `"close":"mid","pause":"20ms"`, false},
	{"an error event in the middle", `"error_mid":true`, false},
	{"a broken event in the middle", `"malformed_mid":true`, false},
	{"an end without finish", `"truncate":true`, false},
	{"an end without finish, in pieces", `"truncate":true,"write":"odd","eol":"crlf"`, false},
	{"silence in the middle", `"hang":"mid"`, false},
}

// streams are the questions of all endings in both ways.
func streams(tb testing.TB) (qs []question, ends []ending) {
	tb.Helper()
	for _, w := range ways {
		for _, e := range endings {
			if w.stream {
				qs = append(qs, question{way: w, text: tb.Name() + " " + w.name + " " + e.name, sim: `{"alpha":{` + e.script + `}}`})
				ends = append(ends, e)
			}
		}
	}
	return qs, ends
}

func TestAStreamThatBreaksAfterItsFirstContentLooksBroken(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: restless, Providers: recording(noon)})
	qs, ends := streams(t)
	// All at once: most of the time goes into waiting for silence to end.
	var all sync.WaitGroup
	defer all.Wait()
	for _, sdk := range []string{"openai-4", "openai-7"} {
		all.Go(func() { g.checkNode(t, sdk) })
	}
	for i, q := range qs {
		all.Go(func() { g.checkOpenAIGo(t, q, ends[i]) })
		raw := q
		raw.text += ", raw"
		all.Go(func() { g.checkRaw(t, raw, ends[i]) })
	}
}

// checkRaw reads the bytes: a broken stream is cut off or ends in an error
// event, and never has the end marker.
func (g *Gateway) checkRaw(t *testing.T, q question, e ending) {
	t.Helper()
	began := time.Now()
	a, err := g.Post(t.Context(), q.body())
	if err != nil {
		t.Errorf("%s: %v", q.text, err)
		return
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("%s: the end took %s", q.text, took)
	}
	done := bytes.HasSuffix(a.Body, []byte("data: [DONE]\n\n"))
	marked := bytes.Count(a.Body, []byte("data: [DONE]"))
	last := a.Body[max(0, bytes.LastIndex(bytes.TrimRight(a.Body, "\r\n"), []byte("\n"))):]
	cut := a.Err != nil || bytes.Contains(last, []byte(`{"error":{`)) || strings.Contains(e.script, "malformed_mid")
	switch {
	case e.whole && (a.Err != nil || !done || marked != 1):
		t.Errorf("%s: want a whole stream with one end marker, got %v and %d markers after\n%s", q.text, a.Err, marked, a.Body)
	case !e.whole && (!cut || done && !strings.Contains(e.script, "malformed_mid")):
		t.Errorf("%s: the stream does not look broken: %v after\n%s", q.text, a.Err, a.Body)
	case !e.whole && len(g.calls("beta", q.text)) > 0:
		t.Errorf("%s: there was a second attempt after the first content", q.text)
	}
	if e.whole && q.untouched && a.Header.Get("X-Dragoman-Provider") == "alpha" {
		g.checkSupplied(t, q, a)
	}
}

// checkSupplied compares a whole stream with the bytes that alpha sent, whose
// end marker may be missing.
func (g *Gateway) checkSupplied(t *testing.T, q question, a *Answer) {
	t.Helper()
	sent := g.Fleet.Provider("alpha").Body(g.calls("alpha", q.text)[0].Request, simulator.PartUsage, simulator.PartDone)
	if diff := cmp.Diff(string(sent)+"data: [DONE]\n\n", string(a.Body)); diff != "" {
		t.Errorf("%s: not the bytes of alpha and one end marker (-want +got):\n%s", q.text, diff)
	}
}

// checkOpenAIGo reads with OpenAI's client for Go.
func (g *Gateway) checkOpenAIGo(t *testing.T, q question, e ending) {
	t.Helper()
	client := openai.NewClient(option.WithBaseURL(g.URL+"/v1"), option.WithAPIKey("any"),
		option.WithHTTPClient(g.Client), option.WithMaxRetries(0))
	stream := client.Chat.Completions.NewStreaming(t.Context(), openai.ChatCompletionNewParams{
		Model: q.model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(q.text + " in Go")},
	}, option.WithJSONSet("sim", json.RawMessage(q.sim)))
	acc := openai.ChatCompletionAccumulator{}
	for stream.Next() {
		acc.AddChunk(stream.Current())
	}
	seen := clientSaw{}
	if err := stream.Err(); err != nil {
		seen.Error = err.Error()
	}
	if len(acc.Choices) > 0 {
		seen.Text, seen.Finish = acc.Choices[0].Message.Content, acc.Choices[0].FinishReason
	}
	seen.check(t, q, e)
}

// clientSaw is what a program sees of a stream.
type clientSaw struct{ Text, Finish, Error string }

func (s *clientSaw) check(t *testing.T, q question, e ending) {
	t.Helper()
	const end = "so that is all it has to say."
	if e.whole && (s.Error != "" || !strings.HasSuffix(s.Text, end) || s.Finish != "stop") {
		t.Errorf("%s, %s: want a whole answer, got %+v", q.name, e.name, *s)
	}
	if !e.whole && (s.Error == "" || !strings.HasPrefix(s.Text, "Hello from alpha") || strings.HasSuffix(s.Text, end)) {
		t.Errorf("%s, %s: want half an answer of alpha and an error, got %+v", q.name, e.name, *s)
	}
}

// checkNode reads all streams with OpenAI's client for JavaScript.
func (g *Gateway) checkNode(t *testing.T, sdk string) {
	t.Helper()
	dir := filepath.Join("..", "..", "testdata", "clients", "node")
	program, err := os.ReadFile(filepath.Join(dir, "stream.mjs"))
	if err != nil {
		t.Error(err)
		return
	}
	packages, err := node.Install(t.Context(), dir, "")
	if err != nil {
		t.Error(err)
		return
	}
	type jsonCase struct {
		Model string          `json:"model"`
		Text  string          `json:"text"`
		Sim   json.RawMessage `json:"sim"`
	}
	qs, ends := streams(t)
	cases := make([]jsonCase, len(qs))
	for i, q := range qs {
		cases[i] = jsonCase{q.model, q.text, json.RawMessage(q.sim)}
	}
	var out []byte
	var seen []clientSaw
	input, err := json.Marshal(map[string]any{"url": g.URL, "cases": cases})
	if err == nil {
		out, err = packages.Run(t.Context(), string(program), input, sdk)
	}
	if err == nil {
		err = json.Unmarshal(out, &seen)
	}
	if err != nil || len(seen) != len(qs) {
		t.Errorf("npm %s: %d answers: %v", sdk, len(seen), err)
		return
	}
	broken := 0
	for i := range seen {
		seen[i].check(t, qs[i], ends[i])
		if seen[i].Error != "" {
			broken++
		}
	}
	t.Logf("npm %s: %d streams, %d broken and seen as such", sdk, len(seen), broken)
}

func TestAHalfJSONAnswerLongerThanIsHeldLooksBroken(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Providers: recording(nil)})
	for _, w := range ways {
		for _, script := range []string{`"truncate":true`, `"close":"mid"`, `"reset":"mid"`} {
			if w.stream {
				continue
			}
			t.Run(w.name+", "+script, func(t *testing.T) {
				t.Parallel()
				q := question{way: w, text: t.Name(), sim: `{"alpha":{"size":200000,` + script + `}}`}
				a, err := g.Post(t.Context(), q.body())
				if err == nil && a.Err == nil && json.Valid(a.Body) && a.Header.Get("X-Dragoman-Provider") == "alpha" {
					t.Errorf("half an answer was taken for a whole one: %s", a)
				}
			})
		}
	}
}
