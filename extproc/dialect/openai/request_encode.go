package openai

import (
	"slices"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// EncodeRequest appends the request for a target. What chat completions cannot
// say is named in dropped; extensions of compatible providers (reasoning that
// goes back, cache breakpoints, top_k, members unknown here) are left out and
// named where the target is OpenAI itself, which refuses them.
func EncodeRequest(dst []byte, r *llm.Request, t dialect.Target) ([]byte, []string, *llm.Problem) {
	e := requestEncoder{object: object{dst}, r: r, t: t}
	e.b = append(e.b, '{')
	e.text("model", t.ID)
	e.messages()
	e.tools()
	e.sampling()
	e.shape()
	e.stream()
	e.rest()
	e.b = append(e.b, '}')
	return e.b, e.dropped, nil
}

type requestEncoder struct {
	object
	r       *llm.Request
	t       dialect.Target
	dropped []string
}

func (e *requestEncoder) drop(path string) {
	if !slices.Contains(e.dropped, path) {
		e.dropped = append(e.dropped, path)
	}
}

// refused tells whether an extension cannot be sent, and names it then.
func (e *requestEncoder) refused(path string) bool {
	if e.t.Genuine {
		e.drop(path)
	}
	return e.t.Genuine
}

// more writes the extras of a part or tool; at is where they lie in the
// request.
func (e *requestEncoder) more(list llm.Extras, in, at string) {
	for i := range list {
		x := &list[i]
		name, ok := lies(x, in)
		switch {
		case x.Dialect != llm.OpenAI:
			e.drop(at + "." + x.Name)
		case ok && (name == "prompt_cache_breakpoint" || !e.refused(at+"."+name)):
			e.raw(name, x.Value)
		}
	}
}

func (e *requestEncoder) tools() {
	if len(e.r.Tools) > 0 {
		e.beginArray("tools")
		for i := range e.r.Tools {
			e.tool(&e.r.Tools[i])
		}
		e.endArray()
	}
	if len(e.r.Tools) == 0 && (e.t.Genuine || e.r.Dialect != llm.OpenAI) {
		return // OpenAI refuses a choice among no tools
	}
	switch c := &e.r.ToolChoice; c.Mode {
	case llm.ChoiceAuto, llm.ChoiceNone, llm.ChoiceRequired:
		e.text("tool_choice", choiceWords[c.Mode])
	case llm.ChoiceNamed:
		e.begin("tool_choice")
		e.text("type", "function")
		e.begin("function")
		e.text("name", c.Name)
		e.end()
		e.end()
	case llm.ChoiceOpaque:
		if raw := c.Extra.Get(llm.OpenAI, "tool_choice"); raw != nil {
			e.raw("tool_choice", raw)
		} else {
			e.drop("tool_choice")
		}
	}
	e.optTruth("parallel_tool_calls", e.r.ParallelToolCalls)
}

func (e *requestEncoder) tool(t *llm.Tool) {
	if t.Name == "" {
		if raw := t.Extra.Get(llm.OpenAI, "tool"); raw != nil {
			e.element(raw)
		} else {
			e.drop("tools")
		}
		return
	}
	e.open()
	e.text("type", "function")
	e.begin("function")
	e.text("name", t.Name)
	e.textIf("description", t.Description)
	e.rawIf("parameters", t.Schema)
	e.optTruth("strict", t.Strict)
	e.more(t.Extra, inFunction, "tools")
	e.end()
	e.more(t.Extra, "", "tools")
	if t.Cache != nil && !e.refused("tools.cache_control") {
		e.raw("cache_control", t.Cache)
	}
	e.end()
}

func (e *requestEncoder) sampling() {
	r := e.r
	limit := "max_tokens"
	if e.t.Genuine { // which refuses max_tokens for models that reason
		limit = "max_completion_tokens"
	}
	e.optInt(limit, r.MaxTokens)
	e.optNumber("temperature", r.Temperature)
	e.optNumber("top_p", r.TopP)
	if r.TopK.Set() && !e.refused("top_k") {
		e.optInt("top_k", r.TopK)
	}
	e.optNumber("frequency_penalty", r.FrequencyPenalty)
	e.optNumber("presence_penalty", r.PresencePenalty)
	e.optInt("seed", r.Seed)
	switch len(r.Stop) {
	case 0:
	case 1:
		e.text("stop", r.Stop[0])
	default:
		e.beginArray("stop")
		for _, s := range r.Stop {
			e.comma()
			e.b = scan.AppendQuoted(e.b, s)
		}
		e.endArray()
	}
	e.optInt("n", r.N)
	e.optTruth("logprobs", r.Logprobs)
	e.optInt("top_logprobs", r.TopLogprobs)
}

// shape writes response format and reasoning.
func (e *requestEncoder) shape() {
	switch f := &e.r.Format; f.Kind {
	case llm.FormatText, llm.FormatJSON:
		e.begin("response_format")
		if f.Kind == llm.FormatText {
			e.text("type", "text")
		} else {
			e.text("type", "json_object")
		}
		e.end()
	case llm.FormatJSONSchema:
		e.begin("response_format")
		e.text("type", "json_schema")
		e.begin("json_schema")
		e.textIf("name", f.Name)
		e.textIf("description", f.Description)
		e.rawIf("schema", f.Schema)
		e.optTruth("strict", f.Strict)
		e.extras(f.Extra, "")
		e.end()
		e.end()
	case llm.FormatOpaque:
		if raw := f.Extra.Get(llm.OpenAI, "response_format"); raw != nil {
			e.raw("response_format", raw)
		} else {
			e.drop("response_format")
		}
	}
	e.reasoning()
}

// reasoning writes reasoning_effort, unless an object of the client's that goes
// along says the same. A budget or a bare switch becomes an effort and is named
// as dropped, since an effort is coarser.
func (e *requestEncoder) reasoning() {
	g := &e.r.Reasoning
	effort, told := g.Effort.Get()
	for _, name := range [...]string{"reasoning", "thinking"} {
		raw := e.r.Extra.Get(llm.OpenAI, name)
		if raw == nil || e.t.Genuine {
			continue
		}
		if !told || hasMember(raw, "effort") {
			return
		}
	}
	budget, limited := g.Budget.Get()
	switch {
	case told:
	case limited:
		effort = effortOf(budget)
		e.drop("reasoning.budget")
	case g.Enabled.Set() && !g.Enabled.Or(true):
		effort = "none"
	}
	if told || effort != "" {
		e.text("reasoning_effort", effort)
	}
	if e.r.Extra.Get(llm.OpenAI, "reasoning") != nil {
		return // goes along, or is named as a whole
	}
	if g.Summary.Set() {
		e.drop("reasoning.summary")
	}
	if g.Hidden.Set() {
		e.drop("reasoning.hidden")
	}
}

// effortOf is the effort whose usual share of thinking comes near a budget in
// tokens.
func effortOf(budget int64) string {
	switch {
	case budget <= 0:
		return "none"
	case budget <= 1024:
		return "minimal"
	case budget <= 4096:
		return "low"
	case budget <= 16384:
		return "medium"
	}
	return "high"
}

func hasMember(raw []byte, name string) (found bool) {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		if string(w.Key()) == name && !scan.IsNull(w.Value()) {
			found = true
		}
	}
	return found
}

func (e *requestEncoder) stream() {
	r := e.r
	if r.Stream {
		e.truth("stream", true)
	}
	usage := r.Stream && (r.WantsUsage || e.t.AddUsage)
	more := false
	for i := range r.Extra {
		_, ok := lies(&r.Extra[i], inStreamOptions)
		more = more || ok
	}
	if !usage && !more {
		return
	}
	e.begin("stream_options")
	if usage {
		e.truth("include_usage", true)
	}
	e.extras(r.Extra, inStreamOptions)
	e.end()
}

// genuineMembers are OpenAI's own members that the neutral model has no words
// for (API reference of chat completions).
var genuineMembers = map[string]bool{
	"audio": true, "function_call": true, "functions": true, "logit_bias": true, "modalities": true, "moderation": true,
	"prediction": true, "prompt_cache_key": true, "prompt_cache_options": true, "prompt_cache_retention": true,
	"safety_identifier": true, "service_tier": true, "store": true, "verbosity": true, "web_search_options": true,
}

func (e *requestEncoder) rest() {
	r := e.r
	e.textIf("user", r.User)
	if len(r.Metadata) > 0 {
		e.begin("metadata")
		for _, p := range r.Metadata {
			e.text(p.Name, p.Value)
		}
		e.end()
	}
	for i := range r.Extra {
		x := &r.Extra[i]
		name, ok := lies(x, "")
		switch {
		case x.Dialect != llm.OpenAI:
			e.drop(x.Name)
		case ok && (genuineMembers[name] || !e.refused(name)):
			e.raw(name, x.Value)
		}
	}
	for _, o := range r.ProviderOptions {
		e.drop("providerOptions." + o.Name)
	}
}
