package bedrock

import (
	"slices"
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// EncodeRequest appends the Converse request for a target. The model and
// whether to stream stand in the path.
//
// Emulated: JSON by a forced tool (dialect.SchemaTool) or, where a model cannot
// be forced or shall think as well, by outputConfig for a schema and a line of
// the system prompt without one; a tool choice of none by leaving the tools out,
// unless the history holds calls, which Converse does not take without their
// tools.
func EncodeRequest(dst []byte, r *llm.Request, t dialect.Target) ([]byte, []string, *llm.Problem) {
	e := requestEncoder{object: newObject(dst), r: r, t: t, m: modelOf(t.ID)}
	e.options = bedrockOptions(r)
	e.plan()
	e.Open()
	e.messages()
	e.system()
	e.inference()
	e.tools()
	e.outputConfig()
	e.additional()
	e.rest()
	e.End()
	if e.problem != nil {
		return dst, nil, e.problem
	}
	return e.B, e.dropped, nil
}

type requestEncoder struct {
	object
	r       *llm.Request
	t       dialect.Target
	m       model
	format  formatting
	think   thinking
	options []llm.Member // of providerOptions.bedrock
	// claudeTools are Anthropic's own tools, which go beside toolConfig.
	claudeTools []llm.Raw
	dropped     []string
	problem     *llm.Problem

	documents map[string]bool // names in use
	role      string          // of the message that is open, "" = none
	hasText   bool            // the open message has a text
	needsText bool            // it has a document, which needs one
	lastText  written
	// systemSpeaks: the system's words have become the user's turn.
	systemSpeaks bool
}

func (e *requestEncoder) drop(path string) {
	if !slices.Contains(e.dropped, path) {
		e.dropped = append(e.dropped, path)
	}
}

func (e *requestEncoder) unsupported(param, message string) {
	if e.problem == nil {
		e.problem = &llm.Problem{Kind: llm.Unsupported, Param: param, Message: message}
	}
}

// formatting is how the wanted form of the answer is asked for.
type formatting uint8

const (
	freely    formatting = iota
	byTool               // the forced dialect.SchemaTool
	byConfig             // outputConfig.textFormat
	byRequest            // a line of the system prompt
)

// plan decides what depends on several members at once.
func (e *requestEncoder) plan() {
	e.think = e.planThinking()
	e.format = e.planFormat()
	if e.m.family == claude && e.think.on && e.format == byTool {
		// Claude takes no forced tool while it thinks; the form is what the
		// client cannot do without.
		e.think = thinking{}
		e.drop("reasoning")
	}
	if e.m.family == claude && e.think.budget > 0 && e.thoughtless() {
		e.think = thinking{}
		e.drop("reasoning")
	}
}

// thoughtless tells whether the assistant's turn under way, which calls and
// results may have cut into several messages, begins without a thought that the
// model takes back: the client has forgotten it, or another vendor's model has
// thought it. Claude refuses to think on with a budget then.
func (e *requestEncoder) thoughtless() bool {
	last := len(e.r.Messages) - 1
	if last >= 0 && e.r.Messages[last].Role == llm.Assistant && !e.m.goesOn() {
		return false // the user gets a turn behind it
	}
	under := false
	for i := last; i >= 0; i-- {
		m := &e.r.Messages[i]
		switch {
		case m.Role == llm.Assistant:
			if i > 0 && e.r.Messages[i-1].Role == llm.Assistant {
				continue // one turn
			}
			under = e.unthought(i)
		case m.Role == llm.User && !slices.ContainsFunc(m.Parts, func(p llm.Part) bool { return p.Kind == llm.Result }):
			return under
		}
	}
	return under
}

// unthought tells whether the turn that begins with message i has something to
// say and no thought in front of it.
func (e *requestEncoder) unthought(i int) bool {
	for ; i < len(e.r.Messages) && e.r.Messages[i].Role == llm.Assistant; i++ {
		for j := range e.r.Messages[i].Parts {
			switch p := &e.r.Messages[i].Parts[j]; p.Kind {
			case llm.Thinking:
				if e.takesThought(roleAssistant, p) {
					return false
				}
			case llm.Text, llm.RefusalText:
				if !blank(p.Text) {
					return true
				}
			case llm.Call:
				return true
			}
		}
	}
	return false
}

func (e *requestEncoder) planFormat() formatting {
	f := &e.r.Format
	switch f.Kind {
	case llm.FormatOpaque:
		e.drop("response_format")
		return freely
	case llm.FormatJSON, llm.FormatJSONSchema:
	default:
		return freely
	}
	if !objectSchema(f.Schema) {
		e.unsupported("response_format", "a schema whose root is no object is not supported by this target")
		return freely
	}
	schema := f.Kind == llm.FormatJSONSchema && len(f.Schema) > 0
	forced := e.r.ToolChoice.Mode == llm.ChoiceRequired || e.r.ToolChoice.Mode == llm.ChoiceNamed
	// Schemas that are strict in OpenAI's sense keep Converse's rules, too.
	beside := e.think.on && f.Strict.Or(false)
	switch {
	case schema && e.m.nativeSchema() && (beside || !e.m.chooses()):
		return byConfig
	case len(e.r.Tools) > 0 && forced:
		e.drop("response_format") // the answer is the call that the client forces
		return freely
	case e.m.chooses():
		return byTool
	}
	return byRequest
}

// jsonRequest asks models that have no switch for it for JSON.
const jsonRequest = "Answer with a single JSON object and nothing else: no prose around it, no code fence."

// system writes the system and developer messages, wherever they stood.
func (e *requestEncoder) system() {
	begun := false
	begin := func() {
		if !begun {
			e.BeginArray("system")
			begun = true
		}
	}
	for i := range e.r.Messages {
		m := &e.r.Messages[i]
		if e.systemSpeaks || !isSystem(m) {
			continue
		}
		for j := range m.Parts {
			p := &m.Parts[j]
			at := place{message: i, part: j, inner: -1}
			if p.Kind != llm.Text && p.Kind != llm.RefusalText {
				e.drop(at.path())
				continue
			}
			if !blank(p.Text) {
				begin()
				e.Open()
				e.Text("text", p.Text)
				e.End()
				e.cachePoint(at, p.Cache, e.m.caches())
			}
			e.foreign(at, p.Extra)
		}
		e.messageRest(i, m)
	}
	if e.format == byRequest {
		begin()
		e.Open()
		e.Text("text", jsonRequest)
		e.End()
	}
	if begun {
		e.EndArray()
	}
}

// inference writes the sampling that Converse has for all models.
func (e *requestEncoder) inference() {
	r := e.r
	from := len(e.B)
	e.Begin("inferenceConfig")
	start := len(e.B)
	if limit, ok := e.maxTokens(); ok {
		e.Integer("maxTokens", limit)
	}
	temperature, warm := r.Temperature.Get()
	topP, nucleus := r.TopP.Get()
	switch {
	case warm && e.samplingRefused(temperature != 1):
		e.drop("temperature")
		warm = false
	case warm && temperature > 1: // Converse's range ends there
		e.drop("temperature")
		temperature = 1
	}
	unsampled := e.m.ownSampling() || e.think.on && e.m.family == claude
	if warm && !unsampled {
		e.Number("temperature", temperature)
	}
	switch {
	case !nucleus:
	case e.m.ownSampling() && topP == 1:
	case e.m.ownSampling(), e.samplingRefused(topP < 0.95), warm && !unsampled && e.m.oneSampler():
		e.drop("top_p")
	default:
		e.Number("topP", topP)
	}
	e.stop()
	if len(e.B) == start {
		e.B = e.B[:from]
	} else {
		e.End()
	}
	for _, c := range [...]struct {
		name string
		set  bool
	}{
		{"frequency_penalty", r.FrequencyPenalty.Or(0) != 0},
		{"presence_penalty", r.PresencePenalty.Or(0) != 0},
		{"seed", r.Seed.Set()},
		{"n", r.N.Or(1) > 1},
		{"logprobs", r.Logprobs.Or(false)},
		{"top_logprobs", r.TopLogprobs.Or(0) > 0},
		{"user", r.User != ""},
	} {
		if c.set {
			e.drop(c.name)
		}
	}
}

// samplingRefused tells whether the model refuses a sampling parameter, which
// Claude does while it thinks if the value is away from the default, and its
// newest models always.
func (e *requestEncoder) samplingRefused(away bool) bool {
	return e.m.ownSampling() && away || e.m.family == claude && e.think.on && away || e.think.alone
}

func (e *requestEncoder) stop() {
	begun := false
	for i, s := range e.r.Stop {
		if s == "" || e.m.family == claude && blank(s) {
			e.drop("stop." + strconv.Itoa(i))
			continue
		}
		if !begun {
			e.BeginArray("stopSequences")
			begun = true
		}
		e.Quoted(s)
	}
	if begun {
		e.EndArray()
	}
}

// maxTokens is the limit of output. Converse has the model's own by default;
// a budget of thinking needs one above it.
func (e *requestEncoder) maxTokens() (int64, bool) {
	limit, ok := e.r.MaxTokens.Get()
	if !ok && e.think.budget > 0 {
		if limit = e.t.MaxOutput; limit == 0 {
			limit = e.think.budget + defaultAnswer
		}
		return limit, true
	}
	return limit, ok
}

// defaultAnswer is the room for an answer behind thinking if nobody says.
const defaultAnswer = 8192

// topLevel are members of Converse that the neutral model has no words for:
// they come from providerOptions.bedrock.
var topLevel = []string{
	"additionalModelResponseFieldPaths", "guardrailConfig", "performanceConfig", "promptVariables", "serviceTier",
}

// bedrockOptions are the members of providerOptions.bedrock.
func bedrockOptions(r *llm.Request) (list []llm.Member) {
	for i := range r.ProviderOptions {
		if r.ProviderOptions[i].Name != string(llm.Bedrock) {
			continue
		}
		w := scan.Over(r.ProviderOptions[i].Value)
		for ok := w.Object(); ok && w.Member(); {
			name := string(w.Key())
			list = append(list, llm.Member{Name: name, Value: w.Value()})
		}
	}
	return list
}

const (
	additionalFields = "additionalModelRequestFields"
	responseFields   = "additionalModelResponseFieldPaths"
)

// rest writes metadata and what the client says to Bedrock alone.
func (e *requestEncoder) rest() {
	r := e.r
	told := false
	for _, o := range e.options {
		switch {
		case slices.Contains(topLevel, o.Name):
			e.Raw(o.Name, o.Value)
			told = told || o.Name == responseFields
		case o.Name != additionalFields:
			e.drop("providerOptions.bedrock." + o.Name)
		}
	}
	for i := range r.Extra {
		x := &r.Extra[i]
		if x.Dialect == llm.Bedrock && slices.Contains(topLevel, x.Name) {
			e.Raw(x.Name, x.Value)
			told = told || x.Name == responseFields
		} else if !e.read(x) {
			e.drop(x.Path())
		}
	}
	if !told && e.m.family == claude && len(r.Stop) > 0 {
		// Claude tells only so which stop sequence it met.
		e.Raw(responseFields, []byte(`["/stop_sequence"]`))
	}
	for _, o := range r.ProviderOptions {
		if o.Name != string(llm.Bedrock) {
			e.drop("providerOptions." + o.Name)
		}
	}
	e.metadata()
}

// read tells whether an extra has been read elsewhere: OpenAI's decoder keeps
// the objects about reasoning beside what it made of them.
func (e *requestEncoder) read(x *llm.Extra) bool {
	return x.Dialect == llm.Bedrock && x.Name == additionalFields ||
		x.Dialect == llm.OpenAI && (x.Name == "reasoning" || x.Name == "thinking")
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }
