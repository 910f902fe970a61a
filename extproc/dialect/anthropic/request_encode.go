package anthropic

import (
	"slices"
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// EncodeRequest appends the request for a target. What the Messages API cannot
// say is named in dropped. Established practice stands in where there is one:
// output formats become a forced tool where the target has none, an effort a
// budget, a missing limit the target's greatest. Media that the API cannot take
// at all, sound among them, and names of tools that it refuses are a problem.
func EncodeRequest(dst []byte, r *llm.Request, t dialect.Target) ([]byte, []string, *llm.Problem) {
	return encode(dst, r, t, false)
}

func encode(dst []byte, r *llm.Request, t dialect.Target, counting bool) ([]byte, []string, *llm.Problem) {
	e := requestEncoder{object: newObject(dst), r: r, t: t, able: ablenessOf(t), counting: counting}
	form, p := e.planForm()
	if p != nil {
		return nil, nil, p
	}
	e.form = form
	plan := e.plan()
	if e.form.tool != nil && plan.on() {
		// A tool can only be forced without thinking; the form is what the
		// client cannot do without.
		e.drop("reasoning")
		plan.kind, plan.budget = "", 0
	}
	if plan.kind == "enabled" && e.able.claude && e.thoughtless() {
		e.drop("reasoning")
		plan.kind, plan.budget = "", 0
	}
	e.B = append(e.B, '{')
	e.target()
	if !counting {
		e.Integer("max_tokens", plan.most)
	}
	if p := e.messages(); p != nil {
		return nil, nil, p
	}
	if p := e.tools(); p != nil {
		return nil, nil, p
	}
	e.toolChoice(&plan)
	e.reasoning(&plan)
	if !counting {
		e.sampling(&plan)
	}
	e.rest()
	e.B = append(e.B, '}')
	return e.B, e.dropped, nil
}

type requestEncoder struct {
	object
	r        *llm.Request
	t        dialect.Target
	able     abilities
	form     form
	counting bool // tokens are to be counted, not made
	toolless bool // no tool has been written
	dropped  []string
}

func (e *requestEncoder) drop(path string) {
	if !slices.Contains(e.dropped, path) {
		e.dropped = append(e.dropped, path)
	}
}

// own tells whether the client speaks this dialect.
func (e *requestEncoder) own() bool {
	return e.r.Dialect == llm.Anthropic || e.r.Dialect == llm.AnthropicCount
}

// refused tells whether the provider is known to refuse a member, and names it
// then.
func (e *requestEncoder) refused(name string) bool {
	if e.t.Quirks == nil || !slices.Contains(e.t.Quirks.Refuses, name) {
		return false
	}
	e.drop(name)
	return true
}

// target writes the model, or the version where the path names the model.
func (e *requestEncoder) target() {
	if e.t.Platform == dialect.Vertex {
		e.Text("anthropic_version", vertexVersion)
	}
	if e.t.Platform != dialect.Vertex || e.counting {
		e.Text("model", e.t.ID)
	}
}

// sampling writes what shapes the choice of tokens, as far as thinking and the
// model allow it: thinking goes with a temperature of 1 and a top_p of 0.95 and
// above only.
func (e *requestEncoder) sampling(p *thinkingPlan) {
	r := e.r
	temperature, hot := r.Temperature.Get()
	top, cut := r.TopP.Get()
	if hot && temperature > 1 { // other vendors go to 2
		temperature = 1
		e.drop("temperature")
	}
	switch {
	case !hot:
	case !e.able.sampling && temperature != 1, p.on() && temperature != 1, e.refused("temperature"):
		hot = false
		e.drop("temperature")
	default:
		e.OptNumber("temperature", llm.Some(temperature))
	}
	switch {
	case !cut:
	case !e.able.sampling && top != 1, p.on() && top < 0.95, hot && !e.able.bothP && !e.own(), e.refused("top_p"):
		e.drop("top_p")
	default:
		e.OptNumber("top_p", r.TopP)
	}
	if r.TopK.Set() {
		if !e.able.sampling || p.on() || e.refused("top_k") {
			e.drop("top_k")
		} else {
			e.OptInt("top_k", r.TopK)
		}
	}
	e.stop()
	if r.Stream {
		e.Truth("stream", true)
	}
	e.unsaid()
}

// stop writes stop_sequences; the API refuses blank ones.
func (e *requestEncoder) stop() {
	if len(e.r.Stop) == 0 || e.refused("stop_sequences") {
		return
	}
	from := len(e.B)
	e.BeginArray("stop_sequences")
	empty := len(e.B)
	for i, s := range e.r.Stop {
		if strings.TrimSpace(s) == "" {
			e.drop("stop." + strconv.Itoa(i))
			continue
		}
		e.Comma()
		e.B = scan.AppendQuoted(e.B, s)
	}
	if len(e.B) == empty {
		e.B = e.B[:from]
		return
	}
	e.EndArray()
}

// unsaid names what the API has no words for. A setting that only repeats the
// default is no loss.
func (e *requestEncoder) unsaid() {
	r := e.r
	for _, m := range [...]struct {
		name string
		set  bool
	}{
		{"frequency_penalty", r.FrequencyPenalty.Or(0) != 0},
		{"presence_penalty", r.PresencePenalty.Or(0) != 0},
		{"seed", r.Seed.Set()},
		{"n", r.N.Or(1) != 1},
		{"logprobs", r.Logprobs.Or(false)},
		{"top_logprobs", r.TopLogprobs.Or(0) != 0},
		{"metadata", len(r.Metadata) > 0},
	} {
		if m.set {
			e.drop(m.name)
		}
	}
}

// counted are the members that count_tokens takes beside those written here.
var counted = map[string]bool{"cache_control": true, "context_management": true, "mcp_servers": true, "speed": true}

// rest writes who asks and the members that only this dialect has.
func (e *requestEncoder) rest() {
	r := e.r
	if !e.counting {
		e.metadata()
	}
	for i := range r.Extra {
		x := &r.Extra[i]
		name, ok := places.Lies(x, "")
		switch {
		case x.Dialect != llm.Anthropic:
			if !repeated[x.Name] {
				e.drop(x.Path())
			}
		case !ok, name == "thinking", e.counting && !counted[name]:
		case name == "anthropic_beta" && e.t.Platform == dialect.Direct:
			e.drop(name) // a header there
		case !e.refused(name):
			e.Raw(name, x.Value)
		}
	}
	for _, o := range r.ProviderOptions {
		e.drop("providerOptions." + o.Name)
	}
}

func (e *requestEncoder) metadata() {
	from := len(e.B)
	e.Begin("metadata")
	empty := len(e.B)
	e.TextIf("user_id", e.r.User)
	e.extras(e.r.Extra, inMetadata)
	if len(e.B) == empty {
		e.B = e.B[:from]
		return
	}
	if e.refused("metadata") {
		e.B = e.B[:from]
		return
	}
	e.End()
}
