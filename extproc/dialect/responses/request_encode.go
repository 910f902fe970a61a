package responses

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// EncodeRequest appends the request for a target. It always says store: false,
// and asks the vendor's own API for encrypted reasoning where reasoning is
// wanted. What the dialect cannot say is named in dropped.
func EncodeRequest(dst []byte, r *llm.Request, t dialect.Target) ([]byte, []string, *llm.Problem) {
	e := requestEncoder{object: object{dst}, r: r, t: t}
	if t.Quirks != nil {
		e.q = *t.Quirks
	}
	e.b = append(e.b, '{')
	e.text("model", t.ID)
	e.messages()
	e.tools()
	e.sampling()
	e.reasoning()
	e.format()
	e.include()
	if r.Stream {
		e.truth("stream", true)
	}
	e.truth("store", false)
	e.rest()
	e.b = append(e.b, '}')
	return e.b, e.dropped, nil
}

type requestEncoder struct {
	object
	r       *llm.Request
	t       dialect.Target
	q       llm.Quirks
	dropped []string
	custom  []string // ids of calls to custom tools
	bare    int      // reasoning items that got an id of ours
}

func (e *requestEncoder) drop(path string) {
	if !slices.Contains(e.dropped, path) {
		e.dropped = append(e.dropped, path)
	}
}

// asNothing is the quirk of a provider that knows nothing of a kind.
const asNothing = "none"

// refuses tells whether this provider refuses a member of the dialect, and
// names it then.
func (e *requestEncoder) refuses(name string) bool {
	if !slices.Contains(e.q.Refuses, name) {
		return false
	}
	e.drop(name)
	return true
}

// more writes the extras of a part or tool; at is where they lie in the
// request.
func (e *requestEncoder) more(list llm.Extras, at string) {
	for i := range list {
		x := &list[i]
		name, ok := lies(x, "")
		switch {
		case x.Dialect != llm.Responses:
			e.drop(at + "." + x.Name)
		case ok:
			e.raw(name, x.Value)
		}
	}
}

func (e *requestEncoder) sampling() {
	r := e.r
	if r.MaxTokens.Set() && !e.refuses("max_output_tokens") {
		e.optInt("max_output_tokens", r.MaxTokens)
	}
	if r.Temperature.Set() && !e.refuses("temperature") {
		e.optNumber("temperature", r.Temperature)
	}
	if r.TopP.Set() && !e.refuses("top_p") {
		e.optNumber("top_p", r.TopP)
	}
	if r.TopLogprobs.Set() && !e.refuses("top_logprobs") {
		e.optInt("top_logprobs", r.TopLogprobs)
	}
	for _, absent := range [...]struct {
		name string
		set  bool
	}{
		{"top_k", r.TopK.Set()},
		{"frequency_penalty", r.FrequencyPenalty.Or(0) != 0},
		{"presence_penalty", r.PresencePenalty.Or(0) != 0},
		{"seed", r.Seed.Set()},
		{"stop", len(r.Stop) > 0},
		{"n", r.N.Or(1) > 1},
	} {
		if absent.set {
			e.drop(absent.name)
		}
	}
}

// reasoning writes effort and summary. A budget becomes an effort and is named
// as dropped, since an effort is coarser. Reasoning is hidden unless a summary
// is asked for.
func (e *requestEncoder) reasoning() {
	g := &e.r.Reasoning
	effort, summary := g.EffortWord(), g.Summary.Or("")
	if g.Budget.Or(0) > 0 && !g.Effort.Set() {
		e.drop("reasoning.budget")
	}
	if g.Hidden.Or(false) {
		summary = ""
	}
	from := len(e.b)
	e.begin("reasoning")
	empty := len(e.b)
	if g.Effort.Set() || effort != "" {
		e.text("effort", effort)
	}
	e.textIf("summary", summary)
	e.extras(e.r.Extra, inReasoning)
	if len(e.b) == empty || e.refuses("reasoning") {
		e.b = e.b[:from]
		return
	}
	if e.q.Reasoning == asNothing {
		e.drop("reasoning")
		e.b = e.b[:from]
		return
	}
	e.end()
}

// format writes text: the format of the answer and its verbosity.
func (e *requestEncoder) format() {
	from := len(e.b)
	e.begin("text")
	empty := len(e.b)
	switch f := &e.r.Format; f.Kind {
	case llm.FormatText, llm.FormatJSON:
		e.begin("format")
		if f.Kind == llm.FormatText {
			e.text("type", "text")
		} else {
			e.text("type", "json_object")
		}
		e.end()
	case llm.FormatJSONSchema:
		e.begin("format")
		e.text("type", "json_schema")
		e.schemaName(f.Name)
		e.textIf("description", f.Description)
		if f.Schema != nil {
			e.raw("schema", f.Schema)
		}
		e.optTruth("strict", f.Strict)
		e.more(f.Extra, "response_format")
		e.end()
	case llm.FormatOpaque:
		if raw := f.Extra.Get(llm.Responses, "format"); raw != nil {
			e.raw("format", raw)
		} else {
			e.drop("response_format")
		}
	}
	e.extras(e.r.Extra, inText)
	if verbosity := e.r.Extra.Get(llm.OpenAI, "verbosity"); verbosity != nil {
		e.raw("verbosity", verbosity)
	}
	if len(e.b) == empty || e.refuses("text") {
		e.b = e.b[:from]
		return
	}
	e.end()
}

// schemaName supplies the name that this API insists on and others do not have.
func (e *requestEncoder) schemaName(name string) {
	if name == "" && e.r.Dialect != llm.Responses {
		name = "answer"
	}
	e.textIf("name", name)
}

func (e *requestEncoder) include() {
	r := e.r
	from := len(e.b)
	e.beginArray("include")
	empty := len(e.b)
	if e.t.Genuine && (r.Reasoning.Wanted() || r.Reasoning.Summary.Set()) {
		e.element([]byte(includeItem))
	}
	if r.Logprobs.Or(false) {
		e.element([]byte(`"` + includeLogprobs + `"`))
	}
	for i := range r.Extra {
		if x := &r.Extra[i]; x.Dialect == llm.Responses && x.Name == "include" {
			e.element(x.Value)
		}
	}
	if len(e.b) == empty || e.refuses("include") {
		e.b = e.b[:from]
		return
	}
	e.endArray()
}

// sharedMembers mean the same in OpenAI's two APIs.
var sharedMembers = map[string]bool{
	"moderation": true, "prompt_cache_key": true, "prompt_cache_options": true, "prompt_cache_retention": true,
	"safety_identifier": true, "service_tier": true,
}

func (e *requestEncoder) rest() {
	r := e.r
	if r.User != "" && !e.refuses("user") {
		e.text("user", r.User)
	}
	if len(r.Metadata) > 0 && !e.refuses("metadata") {
		e.begin("metadata")
		for _, p := range r.Metadata {
			e.text(p.Name, p.Value)
		}
		e.end()
	}
	for i := range r.Extra {
		e.topExtra(&r.Extra[i])
	}
	for _, o := range r.ProviderOptions {
		e.drop("providerOptions." + o.Name)
	}
}

func (e *requestEncoder) topExtra(x *llm.Extra) {
	name, own := lies(x, "")
	switch {
	case x.Dialect == llm.Responses && (!own || name == "include"): // written at its place
	case own, x.Dialect == llm.OpenAI && sharedMembers[x.Name]:
		if !e.refuses(x.Name) {
			e.raw(x.Name, x.Value)
		}
	case x.Dialect == llm.OpenAI && (x.Name == "verbosity" || x.Name == "store" && string(x.Value) == "false"):
	case x.Dialect == llm.OpenAI && x.Name == "reasoning": // read into the neutral words
	default:
		e.drop(strings.ReplaceAll(x.Name, "/", "."))
	}
}

func (e *requestEncoder) tools() {
	r := e.r
	if len(r.Tools) > 0 {
		from := len(e.b)
		e.beginArray("tools")
		empty := len(e.b)
		for i := range r.Tools {
			e.tool("tools."+strconv.Itoa(i), &r.Tools[i])
		}
		if len(e.b) == empty {
			e.b = e.b[:from]
		} else {
			e.endArray()
		}
	}
	if len(r.Tools) == 0 && (e.t.Genuine || r.Dialect != llm.Responses) {
		return // OpenAI refuses a choice among no tools
	}
	switch c := &r.ToolChoice; c.Mode {
	case llm.ChoiceAuto, llm.ChoiceNone:
		e.text("tool_choice", choiceWords[c.Mode])
	case llm.ChoiceRequired:
		e.text("tool_choice", cmp.Or(e.q.RequiredTool, choiceWords[c.Mode]))
	case llm.ChoiceNamed:
		e.begin("tool_choice")
		e.text("type", e.toolKind(c.Name))
		e.text("name", c.Name)
		e.end()
	case llm.ChoiceOpaque:
		if raw := c.Extra.Get(llm.Responses, "tool_choice"); raw != nil {
			e.raw("tool_choice", raw)
		} else {
			e.drop("tool_choice")
		}
	}
	if r.ParallelToolCalls.Set() && !e.refuses("parallel_tool_calls") {
		e.optTruth("parallel_tool_calls", r.ParallelToolCalls)
	}
}

func (e *requestEncoder) toolKind(name string) string {
	for i := range e.r.Tools {
		if t := &e.r.Tools[i]; t.Name == name && t.FreeText {
			return "custom"
		}
	}
	return "function"
}

// tool writes a function or a custom tool. An absent strict means true in this
// API and false in every other, so it is said for tools that come from those.
func (e *requestEncoder) tool(path string, t *llm.Tool) {
	if t.Name == "" {
		if raw := t.Extra.Get(llm.Responses, "tool"); raw != nil {
			e.element(raw)
		} else {
			e.drop(path)
		}
		return
	}
	foreign := e.r.Dialect != llm.Responses
	e.open()
	if t.FreeText {
		e.text("type", "custom")
		e.text("name", t.Name)
		e.textIf("description", strings.TrimSuffix(t.Description, grammarNote(t.Extra.Get(llm.Responses, "format"))))
	} else {
		e.text("type", "function")
		e.text("name", t.Name)
		e.textIf("description", t.Description)
		switch {
		case t.Schema != nil:
			e.raw("parameters", t.Schema)
		case foreign:
			e.word("parameters", `{"type":"object","properties":{}}`)
		default:
			e.word("parameters", "null") // which the API wants in place of none
		}
		if strict, told := t.Strict.Get(); told || foreign {
			e.truth("strict", strict)
		}
	}
	e.more(t.Extra, path)
	if t.Cache != nil {
		e.drop(path + ".cache_control")
	}
	e.end()
}
