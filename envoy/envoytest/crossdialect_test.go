package envoytest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

// crossed is a catalog of providers of different dialects: alpha speaks
// OpenAI's, beta Anthropic's, gamma Bedrock's and delta Gemini's.
const crossed = `
open: true
listen: {port: {{port}}}
providers:
  alpha: {dialect: openai, base_url: "{{url "alpha"}}"}
  beta: {dialect: anthropic, base_url: "{{url "beta"}}"}
  gamma: {dialect: bedrock, base_url: "{{url "gamma"}}"}
  delta: {dialect: gemini, base_url: "{{url "delta"}}"}
models:
  cross/chat: {targets: [beta, gamma, delta]}
  cross/messages: {targets: [alpha, delta, gamma]}
  cross/responses: {targets: [beta, gamma, alpha]}
  cross/gemini: {targets: [alpha, beta, gamma]}
  cross/to-alpha: {targets: [alpha]}
  cross/to-beta: {targets: [beta]}
  cross/beta-gamma: {targets: [beta, gamma]}
  cross/beta-delta: {targets: [beta, delta]}
  cross/alpha-beta: {targets: [alpha, beta]}
  cross/blind: {targets: [{provider: gamma, capabilities: [tools]}, {provider: delta, capabilities: [tools, images]}]}
  cross/narrow: {targets: [{provider: gamma, context: 20}, delta]}
`

func crossProviders() (all []simulator.Config) {
	for _, name := range []string{"alpha", "beta", "gamma", "delta"} {
		all = append(all, simulator.Config{Name: name, Record: 1024, Now: noon})
	}
	return all
}

// pixels is a picture.
func pixels() []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 3, 3))); err != nil {
		panic(err) // into memory, of a fixed size
	}
	return b.Bytes()
}

// cityTool is the schema of a tool's parameters.
const cityTool = `{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}`

// rich is a request with a text, a picture and two tools, as each surface
// writes it, without the closing brace.
func (s *surface) rich(model, text string) string {
	picture := base64.StdEncoding.EncodeToString(pixels())
	tools := func(format string) string {
		return fmt.Sprintf(format, "weather", cityTool) + "," + fmt.Sprintf(format, "clock", cityTool)
	}
	switch s.name {
	case "chat":
		return fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":[{"type":"text","text":%q},{"type":"image_url","image_url":{"url":"data:image/png;base64,%s"}}]}],"tools":[%s]`,
			model, text, picture, tools(`{"type":"function","function":{"name":%q,"description":"Tells.","parameters":%s}}`))
	case "responses":
		return fmt.Sprintf(`{"model":%q,"input":[{"role":"user","content":[{"type":"input_text","text":%q},{"type":"input_image","detail":"auto","image_url":"data:image/png;base64,%s"}]}],"tools":[%s]`,
			model, text, picture, tools(`{"type":"function","strict":false,"name":%q,"description":"Tells.","parameters":%s}`))
	case "messages":
		return fmt.Sprintf(`{"model":%q,"max_tokens":500,"messages":[{"role":"user","content":[{"type":"text","text":%q},{"type":"image","source":{"type":"base64","media_type":"image/png","data":%q}}]}],"tools":[%s]`,
			model, text, picture, tools(`{"name":%q,"description":"Tells.","input_schema":%s}`))
	}
	return fmt.Sprintf(`{"model":%q,"contents":[{"role":"user","parts":[{"text":%q},{"inlineData":{"mimeType":"image/png","data":%q}}]}],"tools":[{"functionDeclarations":[%s]}]`,
		model, text, picture, tools(`{"name":%q,"description":"Tells.","parameters":%s}`))
}

// plain is a request with a text alone, as ask takes it.
func (s *surface) plain(model, text string) string {
	if s.name == "gemini" { // whose model stands in the path
		return fmt.Sprintf(`{"model":%q,`, model) + strings.TrimPrefix(s.body(model, text, false), "{")
	}
	return s.body(model, text, false)
}

// chains are the targets of cross/SURFACE.
var chains = map[string][3]string{
	"chat": {"beta", "gamma", "delta"}, "messages": {"alpha", "delta", "gamma"},
	"responses": {"beta", "gamma", "alpha"}, "gemini": {"alpha", "beta", "gamma"},
}

func TestAChainOfDifferentDialectsGivesOneCleanAnswer(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: crossed, Providers: crossProviders()})
	for name, chain := range chains {
		s := surfaceNamed(t, name)
		for _, stream := range []bool{false, true} {
			for _, f := range []struct{ name, first, second string }{
				{"errors in the answer", `"error_first":true`, `"error_first":true`},
				{"an error after the beginning, a reset", `"error_after_role":true`, `"reset":"prelude"`},
				{"a limit, a broken answer", `"status":429`, `"malformed":true`},
				{"a reset, no room", `"reset":"before"`, `"status":503`},
				{"an empty answer, too long a prompt", `"empty":true`, `"context_length":true`},
			} {
				t.Run(fmt.Sprintf("%s, stream %t, %s", name, stream, f.name), func(t *testing.T) {
					t.Parallel()
					sim := fmt.Sprintf(`[[sim:{%q:{%s},%q:{%s},%q:{"tools":2,"text":"Let me see, says %[5]s."}}]]`, chain[0], f.first, chain[1], f.second, chain[2])
					g.crosses(t, s, stream, crossing{chain: chain, text: t.Name(), marker: sim})
				})
			}
		}
	}
}

// crossing is a request whose first two targets fail.
type crossing struct {
	chain        [3]string
	text, marker string
}

// crosses asks with a picture and tools: the answer is that of the third target
// alone, and all three have understood the same.
func (g *Gateway) crosses(t *testing.T, s *surface, stream bool, c crossing) {
	t.Helper()
	body := s.rich("cross/"+s.name, c.text+" "+c.marker)
	h := s.ask(t, g, stream, body+"}")
	if h.Err != nil || h.Header.Get("X-Dragoman-Provider") != c.chain[2] || h.Header.Get("X-Dragoman-Attempts") != "3" {
		t.Fatalf("want the answer of %s at attempt 3, got %+v", c.chain[2], h)
	}
	if h.Text != "Let me see, says "+c.chain[2]+"." || len(h.Calls) != 2 || !strings.HasPrefix(h.Calls[0], "weather {") || !strings.HasPrefix(h.Calls[1], "clock {") {
		t.Errorf("got %+v", h)
	}
	alone := s.ask(t, g, stream, fmt.Sprintf(`%s,"providerOptions":{"gateway":{"only":[%q]}}}`, body, c.chain[2]))
	if diff := cmp.Diff(alone, h, cmpopts.IgnoreFields(heard{}, "Header")); diff != "" {
		t.Errorf("not the answer of %s alone (-want +got):\n%s", c.chain[2], diff)
	}
	for i, provider := range c.chain {
		calls := g.callsWith(provider, c.text)
		if want := 1 + i/2; len(calls) != want {
			t.Fatalf("%s was called %d times, want %d", provider, len(calls), want)
		}
		got, err := simulator.Hear(calls[0].Request)
		if err != nil {
			t.Fatalf("%s refuses: %v", provider, err)
		}
		checkRich(t, provider, got)
	}
}

// callsWith are the requests that hold a text which a marker follows.
func (g *Gateway) callsWith(provider, text string) (out []simulator.Record) {
	for _, r := range g.Fleet.Provider(provider).Records() {
		if bytes.Contains(r.Body, []byte(text+" [[")) {
			out = append(out, r)
		}
	}
	return out
}

// checkRich checks that a provider has understood all of a rich request.
func checkRich(t *testing.T, provider string, h *simulator.Heard) {
	t.Helper()
	var tools []string
	for _, tool := range h.Tools {
		tools = append(tools, tool.Name)
	}
	if diff := cmp.Diff([]string{"weather", "clock"}, tools); diff != "" {
		t.Errorf("%s: tools (-want +got):\n%s", provider, diff)
	}
	pictures := 0
	for _, turn := range h.Turns {
		for _, p := range turn.Parts {
			if p.Kind == "image" && p.Bytes == len(pixels()) && p.MediaType == "image/png" {
				pictures++
			}
		}
	}
	if pictures != 1 {
		t.Errorf("%s has seen %d pictures: %+v", provider, pictures, h.Turns)
	}
}

func TestAStreamThatBreaksAcrossDialectsIsAnErrorOfTheVendorsClient(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: crossed + everyPair(), Providers: crossProviders()})
	// All at once: most of the time goes into waiting for connections to end.
	var all sync.WaitGroup
	defer all.Wait()
	for _, name := range []string{"chat", "responses", "messages", "gemini"} {
		s := surfaceNamed(t, name)
		for _, provider := range []string{"alpha", "beta", "gamma", "delta"} {
			for _, script := range []string{`"reset":"mid","pause":"20ms"`, `"close":"mid","pause":"20ms"`, `"error_mid":true`, `"truncate":true`} {
				what := name + " from " + provider + ", " + script
				all.Go(func() {
					h := s.ask(t, g, true, s.plain("pair/"+provider, what+" [[sim:{"+script+`,"events":20}]]`)+"}")
					if h.Status != http.StatusOK || h.Err == nil || h.Text == "" || h.Header.Get("X-Dragoman-Attempts") != "1" {
						t.Errorf("%s: want half an answer and an error, got %+v", what, h)
					}
				})
			}
			all.Go(func() {
				h := s.ask(t, g, true, s.plain("pair/"+provider, name+` [[sim:{"no_done":true}]]`)+"}")
				if h.Err != nil || h.Finish == "" || !strings.HasSuffix(h.Text, "all it has to say.") {
					t.Errorf("%s from %s, no end marker: want a whole answer, got %+v", name, provider, h)
				}
			})
		}
	}
}

// everyPair has a model for each provider alone.
func everyPair() (text string) {
	for _, name := range []string{"alpha", "beta", "gamma", "delta"} {
		text += fmt.Sprintf("  pair/%s: {targets: [%[1]s]}\n", name)
	}
	return text
}

func TestWhatATargetCannotExpressIsNamedOrRefused(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: crossed, Providers: crossProviders()})
	for _, tt := range []struct {
		surface, member, field string
		none                   string // a model none of whose targets has words for it
		some                   string // one whose second target has
		second                 string
	}{
		{"chat", `"frequency_penalty":0.5`, "frequency_penalty", "beta-gamma", "beta-delta", "delta"},
		{"responses", `"max_tool_calls":3`, "max_tool_calls", "beta-gamma", "", ""},
		{"messages", `"inference_geo":"us"`, "inference_geo", "to-alpha", "alpha-beta", "beta"},
		{"gemini", `"generationConfig":{"frequencyPenalty":0.5}`, "frequency_penalty", "beta-gamma", "", ""},
	} {
		s := surfaceNamed(t, tt.surface)
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stream %t", tt.surface, stream), func(t *testing.T) {
				t.Parallel()
				ask := func(model, options string) heard {
					return s.ask(t, g, stream, s.plain("cross/"+model, t.Name())+","+tt.member+`,"providerOptions":{"gateway":{`+options+`}}}`)
				}
				h := ask(tt.none, "")
				if got := h.Header.Get("X-Dragoman-Dropped"); h.Err != nil || !strings.Contains(got, tt.field) {
					t.Errorf("dropped %q, want %s; %+v", got, tt.field, h)
				}
				h = ask(tt.none, `"strict":true`)
				if h.Status != http.StatusUnprocessableEntity || h.Err == nil || !strings.Contains(words(h.Err), tt.field) {
					t.Errorf("want 422 and %s, got %+v", tt.field, h)
				}
				if tt.some == "" {
					return
				}
				h = ask(tt.some, `"strict":true`)
				if h.Err != nil || h.Header.Get("X-Dragoman-Provider") != tt.second || h.Header.Get("X-Dragoman-Attempts") != "2" || h.Header.Get("X-Dragoman-Dropped") != "" {
					t.Errorf("want the answer of %s at attempt 2, got %+v", tt.second, h)
				}
			})
		}
	}
}

func TestTargetsThatLackWhatIsNeededArePassedOverAndNamed(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: crossed, Providers: crossProviders()})
	for name := range chains {
		s := surfaceNamed(t, name)
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stream %t", name, stream), func(t *testing.T) {
				t.Parallel()
				for _, tt := range []struct{ body, skipped string }{
					{s.rich("cross/blind", t.Name()+" picture"), "gamma (images)"},
					{s.plain("cross/narrow", t.Name()+strings.Repeat(" long", 100)), "gamma (context)"},
				} {
					h := s.ask(t, g, stream, tt.body+"}")
					if h.Err != nil || h.Header.Get("X-Dragoman-Provider") != "delta" || h.Header.Get("X-Dragoman-Attempts") != "1" {
						t.Errorf("want the answer of delta at attempt 1, got %+v", h)
					}
					if got := h.Header.Get("X-Dragoman-Skipped"); got != tt.skipped {
						t.Errorf("skipped %q, want %q", got, tt.skipped)
					}
				}
			})
		}
	}
}
