package embedding

import (
	"slices"
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// scanOpenAI reads a request once. Model, models and providerOptions are those
// of chat completions; nothing streams here, and what chat's other members mean
// is the provider's to judge.
func scanOpenAI(body []byte) (dialect.Envelope, *llm.Problem) {
	e, p := openai.Scan(body)
	if p != nil {
		return dialect.Envelope{}, p
	}
	spans := e.Spans
	return dialect.Envelope{
		Model: e.Model, N: 1, Options: e.Options, Needs: llm.NeedEmbeddings, Spans: spans,
	}, nil
}

// tasks are the words of compatible providers for what a vector is for, by
// Gemini's.
var tasks = map[string]string{
	"query": "RETRIEVAL_QUERY", "search_query": "RETRIEVAL_QUERY",
	"document": "RETRIEVAL_DOCUMENT", "passage": "RETRIEVAL_DOCUMENT", "search_document": "RETRIEVAL_DOCUMENT",
	"classification": "CLASSIFICATION", "clustering": "CLUSTERING",
}

// inputType is the member under which compatible providers (Cohere, Voyage,
// NVIDIA) ask what the vectors are for.
const inputType = "input_type"

func decodeOpenAI(body []byte) (*llm.Request, *llm.Problem) {
	if _, p := scanOpenAI(body); p != nil {
		return nil, p
	}
	r := &llm.Request{Dialect: llm.Embeddings, Embed: &llm.Embed{}}
	var p *llm.Problem
	w := scan.Over(body)
	for ok := w.Object(); ok && w.Member() && p == nil; {
		p = decodeMember(r, string(w.Key()), w.Value())
	}
	if p == nil && len(r.Embed.Inputs) == 0 {
		p = dialect.Invalid("input", "input is missing or empty")
	}
	if p != nil {
		return nil, p
	}
	return r, nil
}

func decodeMember(r *llm.Request, key string, raw []byte) *llm.Problem {
	null := scan.IsNull(raw)
	switch key {
	case "model":
		r.Model, _ = scan.Text(raw)
	case "input":
		return decodeInput(r.Embed, raw)
	case "dimensions":
		n, whole := scan.Int(raw)
		switch {
		case null:
		case !whole || n < 1:
			return dialect.Invalid(key, "dimensions must be a positive integer")
		default:
			r.Embed.Dimensions = llm.Some(n)
		}
	case "encoding_format":
		if word := string(raw); !null && word != `"float"` && word != `"base64"` {
			return dialect.Invalid(key, `encoding_format must be "float" or "base64"`)
		}
		r.Embed.Base64 = string(raw) == `"base64"`
	case "user":
		user, ok := scan.Text(raw)
		if !ok && !null {
			return dialect.Invalid(key, "user must be a string")
		}
		r.User = user
	case "models":
	case "providerOptions":
		w := scan.Over(raw)
		for ok := w.Object(); ok && w.Member(); {
			if name := string(w.Key()); name != "gateway" {
				r.ProviderOptions = append(r.ProviderOptions, llm.Member{Name: name, Value: members.Clone(w.Value())})
			}
		}
	default:
		if word, _ := scan.Text(raw); key == inputType {
			r.Embed.Task = tasks[word]
		}
		r.Extra = append(r.Extra, llm.Extra{Dialect: llm.Embeddings, Name: key, Value: members.Clone(raw)})
	}
	return nil
}

// decodeInput reads a text, the numbers of one text's tokens, or an array of
// either.
func decodeInput(e *llm.Embed, raw []byte) *llm.Problem {
	e.Inputs = nil
	if text, ok := scan.Text(raw); ok {
		e.Inputs = []llm.EmbedInput{{Text: text}}
		return nil
	}
	if tokens(raw) {
		e.Inputs = []llm.EmbedInput{{Tokens: members.Clone(raw)}}
		return nil
	}
	w := scan.Over(raw)
	ok := w.Array()
	for ok && w.Element() {
		value := w.Value()
		text, isText := scan.Text(value)
		switch {
		case isText:
			e.Inputs = append(e.Inputs, llm.EmbedInput{Text: text})
		case tokens(value):
			e.Inputs = append(e.Inputs, llm.EmbedInput{Tokens: members.Clone(value)})
		default:
			ok = false
		}
	}
	if !ok {
		return dialect.Invalid("input", "input must be a string, an array of strings, an array of integers or an array of such arrays")
	}
	return nil
}

// tokens tells whether raw is an array of token numbers that is not empty.
func tokens(raw []byte) bool {
	w := scan.Over(raw)
	some := false
	for ok := w.Array(); ok && w.Element(); {
		if v, ok := scan.Int(w.Value()); !ok || v < 0 {
			return false
		}
		some = true
	}
	return some
}

// encodeOpenAI appends the request for a target.
func encodeOpenAI(dst []byte, r *llm.Request, t dialect.Target) ([]byte, []string, *llm.Problem) {
	e, p := embedOf(r)
	if p != nil {
		return dst, nil, p
	}
	d := drops{}
	o := newObject(dst)
	o.Open()
	o.Text("model", t.ID)
	if len(e.Inputs) == 1 {
		o.Key("input")
		o.input(&e.Inputs[0])
	} else {
		o.BeginArray("input")
		for i := range e.Inputs {
			o.Comma()
			o.input(&e.Inputs[i])
		}
		o.EndArray()
	}
	o.OptInt("dimensions", e.Dimensions)
	if e.Base64 {
		o.Text("encoding_format", "base64")
	}
	o.TextIf("user", r.User)
	typed := false
	for i := range r.Extra {
		x := &r.Extra[i]
		typed = typed || x.Name == inputType
		if x.Dialect != llm.Embeddings || t.Genuine { // OpenAI refuses what it does not know
			d.name(x.Name)
		} else {
			o.Raw(x.Name, x.Value)
		}
	}
	if e.Task != "" && !typed {
		d.name("task")
	}
	d.common(r)
	o.End()
	return o.B, d.names, nil
}

func (o *object) input(in *llm.EmbedInput) {
	if in.Tokens != nil {
		o.B = append(o.B, in.Tokens...)
	} else {
		o.B = scan.AppendQuoted(o.B, in.Text)
	}
}

// embedOf is what to embed.
func embedOf(r *llm.Request) (*llm.Embed, *llm.Problem) {
	if r.Embed == nil || len(r.Embed.Inputs) == 0 {
		return nil, dialect.Invalid("input", "there is nothing to embed")
	}
	return r.Embed, nil
}

// texts refuses token numbers, which only OpenAI's models share.
func texts(e *llm.Embed) *llm.Problem {
	for i := range e.Inputs {
		if e.Inputs[i].Tokens != nil {
			return unsupported("input", "the target embeds texts, not token numbers")
		}
	}
	return nil
}

// atMost refuses more inputs than one call takes.
func atMost(e *llm.Embed, most int) *llm.Problem {
	n := len(e.Inputs)
	if n <= most {
		return nil
	}
	limit := "at most " + strconv.Itoa(most) + " inputs"
	if most == 1 {
		limit = "one input"
	}
	return unsupported("input", "the target embeds "+limit+" in one call, and the request has "+strconv.Itoa(n))
}

// drops collects what a target has no words for.
type drops struct{ names []string }

func (d *drops) name(path string) {
	if !slices.Contains(d.names, path) {
		d.names = append(d.names, path)
	}
}

// common names what no dialect of embedding has.
func (d *drops) common(r *llm.Request) {
	for i := range r.ProviderOptions {
		d.name("providerOptions." + r.ProviderOptions[i].Name)
	}
}

// foreign names what OpenAI's dialect says and the other ones cannot. What the
// vectors are for has been read.
func (d *drops) foreign(r *llm.Request) {
	if r.User != "" {
		d.name("user")
	}
	for i := range r.Extra {
		if x := &r.Extra[i]; x.Name != inputType || r.Embed.Task == "" {
			d.name(x.Name)
		}
	}
	d.common(r)
}

func readOpenAI(body []byte) *answer {
	a := &answer{}
	w := scan.Over(body)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "model":
			a.model, _ = scan.Text(w.Value())
		case "usage":
			a.usage = openAIUsage(w.Value())
		case "error", "detail", "message":
			a.failed = a.failed || !scan.IsNull(w.Value())
		case "data":
			ok := w.Array()
			for i := 0; ok && w.Element(); i++ {
				a.element(i, w.Value())
			}
		}
	}
	return a
}

// element reads an element of data. A provider that leaves the index out keeps
// the order of the inputs.
func (a *answer) element(i int, raw []byte) {
	if n, ok := scan.Int(members.Find(raw, "index")); ok && n >= 0 && n < 1<<30 {
		i = int(n)
	}
	a.add(i, members.Find(raw, "embedding"))
}

// openAIUsage reads a usage object. Some providers only tell the total, which
// is all input here.
func openAIUsage(raw []byte) *llm.Usage {
	if u := openai.DecodeUsage(raw); u != nil {
		return u
	}
	n, ok := scan.Int(members.Find(raw, "total_tokens"))
	if !ok || !llm.Count(n).Set() {
		return nil
	}
	return &llm.Usage{Input: llm.Count(n)}
}
