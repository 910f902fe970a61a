package responses

import (
	"slices"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// EncodeRequest appends the request for a target. It always says store: false,
// and asks the vendor's own API for encrypted reasoning where reasoning is
// wanted. What the dialect cannot say is named in dropped.
//
// Requests of other vendors' dialects are fitted to what OpenAI demands (ids,
// schemas that are held to); media that it cannot read and names of tools that
// it refuses are a problem.
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
	e.reasoning()
	e.format()
	e.include()
	if r.Stream {
		e.Truth("stream", true)
	}
	e.Truth("store", false)
	e.rest()
	e.B = append(e.B, '}')
	return e.B, e.dropped, e.problem
}

type requestEncoder struct {
	object
	r       *llm.Request
	t       dialect.Target
	q       llm.Quirks
	dropped []string
	problem *llm.Problem // the first part that the target cannot take
	custom  []string     // ids of calls to custom tools
	bare    int          // reasoning items that got an id of ours
}

func (e *requestEncoder) drop(path string) {
	if !slices.Contains(e.dropped, path) {
		e.dropped = append(e.dropped, path)
	}
}

// own tells whether the client speaks this dialect, vendors whether it speaks
// one of OpenAI's two: both know the same files and rules.
func (e *requestEncoder) own() bool { return e.r.Dialect == llm.Responses }

func (e *requestEncoder) vendors() bool { return e.own() || e.r.Dialect == llm.OpenAI }

// cannot notes the first part that the target cannot take.
func (e *requestEncoder) cannot(path, why string) {
	if e.problem == nil {
		e.problem = &llm.Problem{Kind: llm.Unsupported, Param: path, Message: path + ": " + why}
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
		name, ok := places.Lies(x, "")
		switch {
		case x.Dialect != llm.Responses:
			e.drop(at + "." + x.Path())
		case ok:
			e.Raw(name, x.Value)
		}
	}
}

// Bounds of the API: letters of a tool's name, bytes of the id of a call.
const (
	maxName = 128
	maxID   = 64
)

// leastOutput is the least max_output_tokens that the API takes.
const leastOutput = 16

func (e *requestEncoder) sampling() {
	r := e.r
	most := r.MaxTokens
	if n, told := most.Get(); told && n < leastOutput && r.Dialect != llm.Responses {
		most = llm.Some[int64](leastOutput)
		e.drop("max_tokens")
	}
	if most.Set() && !e.refuses("max_output_tokens") {
		e.OptInt("max_output_tokens", most)
	}
	if r.Temperature.Set() && !e.refuses("temperature") {
		e.OptNumber("temperature", r.Temperature)
	}
	if r.TopP.Set() && !e.refuses("top_p") {
		e.OptNumber("top_p", r.TopP)
	}
	if r.TopLogprobs.Set() && !e.refuses("top_logprobs") {
		e.OptInt("top_logprobs", r.TopLogprobs)
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
	switch budget := g.Budget.Or(0); {
	case g.Effort.Set():
	case budget > 0:
		e.drop("reasoning.budget")
	case budget < 0:
		effort = "" // the model decides, as it does unasked
	}
	switch hidden, told := g.Hidden.Get(); {
	case hidden:
		summary = ""
	case summary == "" && g.Wanted() && (told || e.r.Dialect == llm.Anthropic):
		summary = "auto" // which shows what these clients are shown elsewhere
	}
	from := len(e.B)
	e.Begin("reasoning")
	empty := len(e.B)
	effort = e.fitEffort(effort)
	if g.Effort.Set() && effort == g.Effort.Or("") || effort != "" {
		e.Text("effort", effort)
	}
	e.TextIf("summary", summary)
	e.extras(e.r.Extra, inReasoning)
	if len(e.B) == empty || e.refuses("reasoning") {
		e.B = e.B[:from]
		return
	}
	if e.q.Reasoning == asNothing {
		e.drop("reasoning")
		e.B = e.B[:from]
		return
	}
	e.End()
}

// fitEffort is the word nearest to one that comes of another vendor's client, or
// of a budget; "" if there is none.
func (e *requestEncoder) fitEffort(word string) string {
	_, told := e.r.Reasoning.Effort.Get()
	if told && (e.r.Dialect == llm.Responses || e.r.Dialect == llm.OpenAI) {
		return word
	}
	fitting, thinks := dialect.OpenAIEffort(e.t.ID, word)
	switch {
	case fitting == word:
	case !thinks && word != "none": // which it does not have to be told
		e.drop("reasoning")
	case told:
		e.drop("reasoning.effort")
	}
	return fitting
}

// format writes text: the format of the answer and its verbosity.
func (e *requestEncoder) format() {
	from := len(e.B)
	e.Begin("text")
	empty := len(e.B)
	switch f := &e.r.Format; f.Kind {
	case llm.FormatText, llm.FormatJSON:
		e.Begin("format")
		if f.Kind == llm.FormatText {
			e.Text("type", "text")
		} else {
			e.Text("type", "json_object")
		}
		e.End()
	case llm.FormatJSONSchema:
		e.Begin("format")
		e.Text("type", "json_schema")
		e.schemaName(f.Name)
		e.TextIf("description", f.Description)
		if f.Schema != nil {
			e.Raw("schema", f.Schema)
		}
		if e.t.Genuine && !e.vendors() && openai.Strictly(f.Schema) {
			e.Truth("strict", f.Strict.Or(true)) // what the other vendors do unasked
		} else {
			e.OptTruth("strict", f.Strict)
		}
		e.more(f.Extra, "response_format")
		e.End()
	case llm.FormatOpaque:
		if raw := f.Extra.Get(llm.Responses, "format"); raw != nil {
			e.Raw("format", raw)
		} else {
			e.drop("response_format")
		}
	}
	e.extras(e.r.Extra, inText)
	if verbosity := e.r.Extra.Get(llm.OpenAI, "verbosity"); verbosity != nil {
		e.Raw("verbosity", verbosity)
	}
	if len(e.B) == empty || e.refuses("text") {
		e.B = e.B[:from]
		return
	}
	e.End()
}

// schemaName supplies the name that this API insists on and others do not have.
func (e *requestEncoder) schemaName(name string) {
	if name == "" && e.r.Dialect != llm.Responses {
		name = "answer"
	}
	e.TextIf("name", name)
}

func (e *requestEncoder) include() {
	r := e.r
	from := len(e.B)
	e.BeginArray("include")
	empty := len(e.B)
	if e.t.Genuine && (r.Reasoning.Wanted() || r.Reasoning.Summary.Set()) {
		e.Element([]byte(includeItem))
	}
	if r.Logprobs.Or(false) {
		e.Element([]byte(`"` + includeLogprobs + `"`))
	}
	for i := range r.Extra {
		if x := &r.Extra[i]; x.Dialect == llm.Responses && x.Name == "include" {
			e.Element(x.Value)
		}
	}
	if len(e.B) == empty || e.refuses("include") {
		e.B = e.B[:from]
		return
	}
	e.EndArray()
}

// sharedMembers mean the same in OpenAI's two APIs.
var sharedMembers = map[string]bool{
	"moderation": true, "prompt_cache_key": true, "prompt_cache_options": true, "prompt_cache_retention": true,
	"safety_identifier": true, "service_tier": true,
}

func (e *requestEncoder) rest() {
	r := e.r
	user := r.User
	if r.Dialect != llm.Responses && r.Dialect != llm.OpenAI {
		user = dialect.OpenAIUser(user)
	}
	if user != "" && !e.refuses("user") {
		e.Text("user", user)
	}
	if len(r.Metadata) > 0 && !e.refuses("metadata") {
		e.Begin("metadata")
		for _, p := range r.Metadata {
			e.Text(p.Name, p.Value)
		}
		e.End()
	}
	for i := range r.Extra {
		e.topExtra(&r.Extra[i])
	}
	for _, o := range r.ProviderOptions {
		e.drop("providerOptions." + o.Name)
	}
}

func (e *requestEncoder) topExtra(x *llm.Extra) {
	name, own := places.Lies(x, "")
	switch {
	case x.Dialect == llm.Responses && (!own || name == "include"): // written at its place
	case own, x.Dialect == llm.OpenAI && sharedMembers[x.Name]:
		if !e.refuses(x.Name) {
			e.Raw(x.Name, x.Value)
		}
	case x.Dialect == llm.OpenAI && (x.Name == "verbosity" || x.Name == "store" && string(x.Value) == "false"):
	case x.Dialect == llm.OpenAI && x.Name == "reasoning": // read into the neutral words
	default:
		e.drop(x.Path())
	}
}
