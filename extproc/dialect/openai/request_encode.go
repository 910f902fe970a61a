package openai

import (
	"strconv"
	"cmp"
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
	e := requestEncoder{object: newObject(dst), r: r, t: t}
	if t.Quirks != nil {
		e.q = *t.Quirks
	}
	e.B = append(e.B, '{')
	e.Text("model", t.ID)
	e.messages()
	e.tools()
	e.sampling()
	e.shape()
	e.stream()
	e.rest()
	e.B = append(e.B, '}')
	if len(e.q.Refuses) > 0 {
		e.without(len(dst), e.q.Refuses)
	}
	return e.B, e.dropped, nil
}

type requestEncoder struct {
	object
	r       *llm.Request
	t       dialect.Target
	q       llm.Quirks
	dropped []string
}

func (e *requestEncoder) drop(path string) {
	if !slices.Contains(e.dropped, path) {
		e.dropped = append(e.dropped, path)
	}
}

// refused tells whether an extension cannot be sent, and names it then.
func (e *requestEncoder) refused(path string) bool {
	closed := e.t.Genuine || e.q.Closed
	if closed {
		e.drop(path)
	}
	return closed
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
			e.Raw(name, x.Value)
		}
	}
}

func (e *requestEncoder) tools() {
	if e.emulates() {
		e.schemaTool()
		return
	}
	from := len(e.B)
	e.BeginArray("tools")
	empty := len(e.B)
	for i := range e.r.Tools {
		e.tool("tools."+strconv.Itoa(i), &e.r.Tools[i])
	}
	if len(e.B) == empty {
		e.B = e.B[:from] // the API refuses an empty list
	} else {
		e.EndArray()
	}
	if len(e.B) == from && (e.t.Genuine || e.r.Dialect != llm.OpenAI) {
		return // OpenAI refuses a choice among no tools
	}
	switch c := &e.r.ToolChoice; c.Mode {
	case llm.ChoiceAuto, llm.ChoiceNone, llm.ChoiceRequired:
		word := choiceWords[c.Mode]
		if c.Mode == llm.ChoiceRequired && e.q.RequiredTool != "" {
			word = e.q.RequiredTool
		}
		e.Text("tool_choice", word)
	case llm.ChoiceNamed:
		e.Begin("tool_choice")
		e.Text("type", "function")
		e.Begin("function")
		e.Text("name", c.Name)
		e.End()
		e.End()
	case llm.ChoiceOpaque:
		if raw := c.Extra.Get(llm.OpenAI, "tool_choice"); raw != nil {
			e.Raw("tool_choice", raw)
		} else {
			e.drop("tool_choice")
		}
	}
	e.OptTruth("parallel_tool_calls", e.r.ParallelToolCalls)
}

func (e *requestEncoder) tool(path string, t *llm.Tool) {
	if t.Name == "" {
		if raw := t.Extra.Get(llm.OpenAI, "tool"); raw != nil {
			e.Element(raw)
		} else {
			e.drop(path)
		}
		return
	}
	e.Open()
	e.Text("type", "function")
	e.Begin("function")
	e.Text("name", t.Name)
	e.TextIf("description", t.Description)
	e.RawIf("parameters", t.Schema)
	e.OptTruth("strict", t.Strict)
	e.more(t.Extra, inFunction, path)
	e.End()
	e.more(t.Extra, "", path)
	if t.Cache != nil && !e.refused(path + ".cache_control") {
		e.Raw("cache_control", t.Cache)
	}
	e.End()
}

func (e *requestEncoder) sampling() {
	r := e.r
	e.OptInt(e.limitName(), r.MaxTokens)
	e.OptNumber("temperature", r.Temperature)
	e.OptNumber("top_p", r.TopP)
	if r.TopK.Set() && !e.refused("top_k") {
		e.OptInt("top_k", r.TopK)
	}
	e.OptNumber("frequency_penalty", r.FrequencyPenalty)
	e.OptNumber("presence_penalty", r.PresencePenalty)
	e.OptInt(cmp.Or(e.q.Seed, "seed"), r.Seed)
	switch len(r.Stop) {
	case 0:
	case 1:
		e.Text("stop", r.Stop[0])
	default:
		e.BeginArray("stop")
		for _, s := range r.Stop {
			e.Comma()
			e.B = scan.AppendQuoted(e.B, s)
		}
		e.EndArray()
	}
	e.OptInt("n", r.N)
	e.OptTruth("logprobs", r.Logprobs)
	e.OptInt("top_logprobs", r.TopLogprobs)
}

// shape writes response format and reasoning.
func (e *requestEncoder) shape() {
	switch f := &e.r.Format; f.Kind {
	case llm.FormatText, llm.FormatJSON:
		e.Begin("response_format")
		if f.Kind == llm.FormatText {
			e.Text("type", "text")
		} else {
			e.Text("type", "json_object")
		}
		e.End()
	case llm.FormatJSONSchema:
		if e.emulates() {
			break
		}
		if e.q.Schema != "" && e.q.Schema != "json_schema" {
			e.plainSchema()
			break
		}
		e.Begin("response_format")
		e.Text("type", "json_schema")
		e.Begin("json_schema")
		if f.Name == "" && e.r.Dialect != llm.OpenAI {
			e.Text("name", "answer") // which OpenAI requires
		}
		e.TextIf("name", f.Name)
		e.TextIf("description", f.Description)
		e.RawIf("schema", f.Schema)
		e.OptTruth("strict", f.Strict)
		e.extras(f.Extra, "")
		e.End()
		e.End()
	case llm.FormatOpaque:
		if raw := f.Extra.Get(llm.OpenAI, "response_format"); raw != nil {
			e.Raw("response_format", raw)
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
	if e.quirkyReasoning() {
		return
	}
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
		e.Text("reasoning_effort", effort)
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
		e.Truth("stream", true)
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
	if e.q.NoStreamOptions {
		if more {
			e.drop("stream_options")
		}
		return
	}
	e.Begin("stream_options")
	if usage {
		e.Truth("include_usage", true)
	}
	e.extras(r.Extra, inStreamOptions)
	e.End()
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
	e.TextIf("user", r.User)
	if len(r.Metadata) > 0 {
		e.Begin("metadata")
		for _, p := range r.Metadata {
			e.Text(p.Name, p.Value)
		}
		e.End()
	}
	for i := range r.Extra {
		x := &r.Extra[i]
		name, ok := lies(x, "")
		switch {
		case x.Dialect != llm.OpenAI:
			e.drop(x.Name)
		case ok && e.foreignReasoning(name):
		case ok && (genuineMembers[name] || !e.refused(name)):
			e.Raw(name, x.Value)
		}
	}
	for _, o := range r.ProviderOptions {
		e.drop("providerOptions." + o.Name)
	}
}
