package openai

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// EncodeRequest appends the request for a target. What chat completions cannot
// say is named in dropped; extensions of compatible providers (reasoning that
// goes back, cache breakpoints, top_k, members unknown here) are left out and
// named where the target is OpenAI itself, which refuses them.
//
// Requests of other dialects are fitted to what OpenAI and its compatible
// providers demand (names, ids, the number of stop sequences); of those of this
// dialect that is the provider's to judge.
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
	return e.B, e.dropped, e.problem
}

type requestEncoder struct {
	object
	r       *llm.Request
	t       dialect.Target
	q       llm.Quirks
	dropped []string
	problem *llm.Problem // the first part that the target cannot take
}

// own tells whether the client speaks this dialect.
func (e *requestEncoder) own() bool { return e.r.Dialect == llm.OpenAI }

// closed tells whether the target refuses what is not OpenAI's own.
func (e *requestEncoder) closed() bool { return e.t.Genuine || e.q.Closed }

func (e *requestEncoder) drop(path string) {
	if !slices.Contains(e.dropped, path) {
		e.dropped = append(e.dropped, path)
	}
}

// refused tells whether an extension cannot be sent, and names it then.
func (e *requestEncoder) refused(path string) bool {
	if e.closed() {
		e.drop(path)
	}
	return e.closed()
}

// dotted is the path that an extra's name stands for.
func dotted(name string) string { return strings.ReplaceAll(name, "/", ".") }

// more writes the extras of a part or tool; at is where they lie in the
// request.
func (e *requestEncoder) more(list llm.Extras, in, at string) {
	for i := range list {
		x := &list[i]
		name, ok := places.Lies(x, in)
		switch {
		case x.Dialect != llm.OpenAI:
			e.drop(at + "." + dotted(x.Name))
		case ok && (name == "prompt_cache_breakpoint" || !e.refused(at+"."+name)):
			e.Raw(name, x.Value)
		}
	}
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
	e.stop()
	e.OptInt("n", r.N)
	e.OptTruth("logprobs", r.Logprobs)
	e.OptInt("top_logprobs", r.TopLogprobs)
}

// maxStop is how many stop sequences OpenAI takes.
const maxStop = 4

func (e *requestEncoder) stop() {
	list := e.r.Stop
	if len(list) > maxStop && e.t.Genuine && !e.own() {
		for i := maxStop; i < len(list); i++ {
			e.drop("stop." + strconv.Itoa(i))
		}
		list = list[:maxStop]
	}
	switch len(list) {
	case 0:
	case 1:
		e.Text("stop", list[0])
	default:
		e.BeginArray("stop")
		for _, s := range list {
			e.Comma()
			e.B = scan.AppendQuoted(e.B, s)
		}
		e.EndArray()
	}
}

func (e *requestEncoder) stream() {
	r := e.r
	if r.Stream {
		e.Truth("stream", true)
	}
	usage := r.Stream && (r.WantsUsage || e.t.AddUsage)
	more := false
	for i := range r.Extra {
		_, ok := places.Lies(&r.Extra[i], inStreamOptions)
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

// sharedMembers are the members of OpenAI's Responses API, by their places
// there, that mean the same in this one.
var sharedMembers = map[string]string{
	"moderation": "moderation", "prompt_cache_key": "prompt_cache_key", "prompt_cache_options": "prompt_cache_options",
	"prompt_cache_retention": "prompt_cache_retention", "safety_identifier": "safety_identifier",
	"service_tier": "service_tier", "text/verbosity": "verbosity",
}

func (e *requestEncoder) rest() {
	r := e.r
	user := r.User
	if !e.own() {
		user = dialect.OpenAIUser(user)
	}
	e.TextIf("user", user)
	switch {
	case len(r.Metadata) == 0:
	case e.t.Genuine && !e.own():
		e.drop("metadata") // which OpenAI takes only with what it stores
	default:
		e.Begin("metadata")
		for _, p := range r.Metadata {
			e.Text(p.Name, p.Value)
		}
		e.End()
	}
	for i := range r.Extra {
		x := &r.Extra[i]
		name, ok := places.Lies(x, "")
		switch {
		case x.Dialect == llm.Responses && e.t.Genuine && sharedMembers[x.Name] != "":
			e.Raw(sharedMembers[x.Name], x.Value)
		case x.Dialect != llm.OpenAI:
			e.drop(dotted(x.Name))
		case ok && e.foreignReasoning(name):
		case ok && (genuineMembers[name] || !e.refused(name)):
			e.Raw(name, x.Value)
		}
	}
	for _, o := range r.ProviderOptions {
		e.drop("providerOptions." + o.Name)
	}
}
