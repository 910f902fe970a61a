package gemini

import (
	"slices"
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// EncodeRequest appends the request for a target; the model and whether to
// stream go into its path. What the API cannot say is named in dropped. Media
// by a URL that the vendor does not fetch is a problem, since the model would
// not see what it is asked about.
func EncodeRequest(dst []byte, r *llm.Request, t dialect.Target) ([]byte, []string, *llm.Problem) {
	e := newEncoder(dst, r, t)
	if r.Embed != nil {
		return dst, nil, &llm.Problem{Kind: llm.Unsupported, Message: "generateContent makes no embeddings"}
	}
	e.Open()
	e.request()
	e.End()
	if e.problem != nil {
		return dst, nil, e.problem
	}
	return e.B, e.dropped, nil
}

func newEncoder(dst []byte, r *llm.Request, t dialect.Target) *requestEncoder {
	e := &requestEncoder{object: newObject(dst), r: r, t: t, names: map[string]string{}}
	for i := range r.Messages {
		for j := range r.Messages[i].Parts {
			if c := r.Messages[i].Parts[j].Call; c != nil {
				e.names[c.ID] = c.Name
			}
		}
	}
	e.throughTool = r.Format.Kind == llm.FormatJSONSchema && hasFunctions(r) && r.Dialect != llm.Gemini && !e.since3()
	return e
}

type requestEncoder struct {
	object
	r       *llm.Request
	t       dialect.Target
	dropped []string
	problem *llm.Problem
	names   map[string]string // of the called tools, by the calls' ids
	turn    turn
	// onlySystem: there was nothing but system messages.
	onlySystem bool
	// throughTool: structured output is asked for through dialect.SchemaTool,
	// since models before Gemini 3 refuse it beside functions.
	throughTool bool
}

// since3 tells whether the target's model is of Gemini 3 or later.
func (e *requestEncoder) since3() bool { return version(e.t.ID) >= since3 }

func (e *requestEncoder) drop(path string) {
	if !slices.Contains(e.dropped, path) {
		e.dropped = append(e.dropped, path)
	}
}

// request writes the members of a GenerateContentRequest.
func (e *requestEncoder) request() {
	e.contents()
	e.system()
	e.tools()
	e.toolConfig()
	e.config()
	e.rest()
}

func hasFunctions(r *llm.Request) bool {
	return slices.ContainsFunc(r.Tools, func(t llm.Tool) bool { return t.Name != "" })
}

func (e *requestEncoder) config() {
	r := e.r
	e.filledObject("generationConfig", func() {
		e.OptNumber("temperature", r.Temperature)
		e.OptNumber("topP", r.TopP)
		e.OptInt("topK", r.TopK)
		e.OptInt("candidateCount", r.N)
		e.OptInt("maxOutputTokens", r.MaxTokens)
		e.stop()
		e.OptInt("seed", r.Seed)
		e.OptNumber("presencePenalty", r.PresencePenalty)
		e.OptNumber("frequencyPenalty", r.FrequencyPenalty)
		if on, ok := r.Logprobs.Get(); ok {
			e.Truth("responseLogprobs", on)
		}
		e.OptInt("logprobs", r.TopLogprobs)
		e.format()
		e.thinkingConfig()
		e.extras(r.Extra, inConfig)
	})
}

// maxStops is how many stop sequences the API takes.
const maxStops = 5

func (e *requestEncoder) stop() {
	list := e.r.Stop
	if e.r.Dialect != llm.Gemini {
		list = slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == "" })
		if list = list[:min(len(list), maxStops)]; len(list) < len(e.r.Stop) {
			e.drop("stop")
		}
	}
	if len(list) == 0 {
		return
	}
	e.BeginArray("stopSequences")
	for _, s := range list {
		e.Quoted(s)
	}
	e.EndArray()
}

func (e *requestEncoder) format() {
	f := &e.r.Format
	if f.Description != "" {
		e.drop("response_format.description")
	}
	switch f.Kind {
	case llm.FormatText:
		e.Text("responseMimeType", "text/plain")
	case llm.FormatJSON:
		if hasFunctions(e.r) && !e.since3() && e.r.Dialect != llm.Gemini {
			e.drop("response_format")
			return
		}
		e.Text("responseMimeType", jsonType)
	case llm.FormatJSONSchema:
		if e.throughTool {
			return
		}
		e.Text("responseMimeType", jsonType)
		e.schema("response_format", f.Schema, schemaNames{full: "responseJsonSchema", older: "responseSchema"})
	case llm.FormatOpaque:
		raw := f.Extra.Get(llm.Gemini, "format")
		if raw == nil {
			e.drop("response_format")
			return
		}
		e.Raw("responseMimeType", members.Find(raw, "responseMimeType"))
		for _, name := range [...]string{"responseSchema", "responseJsonSchema"} {
			if schema := members.Find(raw, name); schema != nil {
				e.Raw(name, schema)
			}
		}
	}
}

// schemaNames are the members for the two kinds of schema.
type schemaNames struct{ full, older string }

// hasNoProperties tells whether a schema is that of an object and says nothing
// of what is in it.
func hasNoProperties(raw []byte) bool {
	w := scan.Over(members.Find(raw, "properties"))
	return string(members.Find(raw, "type")) == `"object"` && (!w.Object() || !w.Member())
}

// schema writes a JSON Schema untouched where the model takes one, and what can
// be said of it in the older form elsewhere.
func (e *requestEncoder) schema(at string, raw []byte, names schemaNames) {
	if len(raw) == 0 {
		return
	}
	if knowsJSONSchema(e.t.ID) {
		e.Raw(names.full, raw)
		return
	}
	if names == parameterNames && e.r.Dialect != llm.Gemini && hasNoProperties(raw) {
		return // the API refuses them in place of none
	}
	e.Key(names.older)
	s := openAPI{object: &e.object, root: raw, from: len(e.B), lost: func(keyword string) { e.drop(at + "." + keyword) }}
	s.schema(raw)
}

// rest writes what else this dialect says and names what others do.
func (e *requestEncoder) rest() {
	r := e.r
	for i := range r.Extra {
		x := &r.Extra[i]
		switch path, name := place(x.Name); {
		case x.Dialect != llm.Gemini:
			e.drop(x.Path())
		case x.Name == inCalling+"streamFunctionCallArguments":
			e.drop(x.Name) // arguments are read whole
		case path == "":
			e.Raw(name, x.Value)
		}
	}
	if r.User != "" {
		e.drop("user")
	}
	if len(r.Metadata) > 0 {
		e.drop("metadata")
	}
	if !r.ParallelToolCalls.Or(true) {
		e.drop("parallel_tool_calls")
	}
	for _, o := range r.ProviderOptions {
		e.drop("providerOptions." + o.Name)
	}
}

func index(of string, i int) string { return of + "." + strconv.Itoa(i) }
