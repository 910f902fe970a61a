package matrix

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest"
	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

// countTokens asks every client that counts at every target. Where the family
// counts, the number is the provider's; else it is an estimate that says so.
func countTokens(t *testing.T, g *envoytest.Gateway, drivers []Driver) (n int) {
	t.Helper()
	for _, d := range drivers {
		counter, ok := d.(Counter)
		if !ok {
			continue
		}
		for i := range Targets {
			n++
			name, surface := d.Client()
			t.Run(string(surface)+" ("+name+") → "+Targets[i].Name+"/count tokens", func(t *testing.T) {
				t.Parallel()
				x := newExam(t, g, combination{client: d, target: &Targets[i]})
				x.count(counter)
			})
		}
	}
	return n
}

func (x *exam) count(counter Counter) {
	q := Question{Model: x.target.Model(), System: "Be brief.", Tools: []Tool{weather()}, Turns: []Turn{x.user("How many?", `{"usage":{"prompt_tokens":4321}}`)}}
	if x.surface == Generate { // whose SDK counts contents only at the Gemini API
		q.System, q.Tools = "", nil
	}
	ctx, cancel := context.WithTimeout(x.Context(), patience)
	defer cancel()
	o, err := counter.Count(ctx, &q)
	if err != nil {
		x.Fatal(err)
	}
	x.fine(o)
	if f := x.target.Family; f != Anthropic && f != Gemini {
		if o.Header["x-dragoman-estimated"] != "true" || o.Usage.Input == nil || *o.Usage.Input == 0 {
			x.Errorf("estimated %s, headers %v", encode(o.Usage), o.Header)
		}
		return
	}
	x.equalCount("input", 4321, o.Usage.Input)
	x.equal("estimated", "", o.Header["x-dragoman-estimated"])
	x.equal("turns", x.wantTurns(q, nil), x.plainTurns(x.heard()))
	x.checkTools(q, x.heard())
}

// embed asks every client that embeds for every model.
func embed(t *testing.T, g *envoytest.Gateway, drivers []Driver) (n int) {
	t.Helper()
	for _, d := range drivers {
		embedder, ok := d.(Embedder)
		if !ok {
			continue
		}
		for model := range Vectors {
			name, _ := d.Client()
			n++
			t.Run("embeddings ("+name+") → "+model, func(t *testing.T) {
				t.Parallel()
				checkVectors(t, g, embedder, model)
			})
		}
	}
	return n
}

func checkVectors(t *testing.T, g *envoytest.Gateway, embedder Embedder, model string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ask := func(e Embed) [][]float64 {
		e.Model = model
		got, o, err := embedder.Embed(ctx, &e)
		if err != nil || o.Problem != nil || len(o.Faults) > 0 {
			t.Fatalf("%+v: %v, %s", e, err, encode(o))
		}
		if len(got) != len(e.Texts) {
			t.Fatalf("%d vectors of %d texts", len(got), len(e.Texts))
		}
		return got
	}
	camel := model + ": a camel, \"Grüße\""
	one := ask(Embed{Texts: []string{camel}})
	if len(one[0]) < 256 {
		t.Errorf("the vector has %d numbers", len(one[0]))
	}
	packed := ask(Embed{Texts: []string{camel}, Base64: true})
	if !slices.EqualFunc(one[0], packed[0], func(a, b float64) bool { return float32(a) == float32(b) }) {
		t.Error("numbers and base64 differ")
	}
	if model != "vectors/cohere" { // whose third generation has one length
		if short := ask(Embed{Texts: []string{camel}, Dimensions: 256}); len(short[0]) != 256 {
			t.Errorf("%d numbers, want 256", len(short[0]))
		}
	}
	if model == "vectors/titan" || model == "vectors/vertex-single" {
		_, o, err := embedder.Embed(ctx, &Embed{Model: model, Texts: []string{camel, camel}})
		if err != nil || o.Problem == nil || o.Problem.Status != 400 || !strings.Contains(o.Problem.Message, "one input") {
			t.Errorf("two texts of a model that takes one: %v, %s", err, encode(o))
		}
		return
	}
	texts := []string{camel, model + ": a dromedary", camel}
	several := ask(Embed{Texts: texts})
	if cmp.Diff(several[0], several[2]) != "" || cmp.Diff(several[0], one[0]) != "" || cmp.Equal(several[0], several[1]) {
		t.Error("vectors are not those of their texts")
	}
	if heard := heardTexts(t, g, model); !slices.Contains(heard, texts[1]) {
		t.Errorf("the provider heard %q", heard)
	}
}

// heardTexts are what the providers were asked to embed for a model.
func heardTexts(t *testing.T, g *envoytest.Gateway, model string) (all []string) {
	t.Helper()
	for i := range Targets {
		for _, r := range g.Fleet.Provider(Targets[i].Name).Records() {
			if !strings.Contains(string(r.Body), model) {
				continue
			}
			h, err := simulator.Hear(r.Request)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, h.Inputs...)
		}
	}
	return all
}
