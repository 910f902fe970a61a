package gemini

import (
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

func (e *requestEncoder) part(at string, p signed) {
	if p.Cache != nil {
		e.drop(at + ".cache_control")
	}
	if p.Kind == llm.OpaquePart {
		if raw := p.Extra.Get(llm.Gemini, "part"); raw != nil {
			e.beginTurn()
			e.Element(raw)
			return
		}
		e.drop(at + ".content")
		if p.Text != "" {
			e.part(at, signed{Part: &llm.Part{Kind: llm.Text, Text: p.Text}})
		}
		return
	}
	if !e.data(at, p) {
		return
	}
	e.TextIf("thoughtSignature", p.signature)
	for i := range p.Extra {
		x := &p.Extra[i]
		if path, name := place(x.Name); x.Dialect != llm.Gemini {
			e.drop(at + "." + x.Path())
		} else if path == "" {
			e.Raw(name, x.Value)
		}
	}
	e.End()
}

// data begins a part and writes what it holds; false if that is nothing.
func (e *requestEncoder) data(at string, p signed) bool {
	switch p.Kind {
	case llm.Text, llm.RefusalText, llm.Thinking:
		if p.Text == "" && p.signature == "" && len(p.Extra) == 0 {
			return false
		}
		e.beginPart()
		e.Text("text", p.Text)
		// A signature that belongs to no call stands on a part without text.
		if p.Kind == llm.Thinking && (p.Text != "" || e.r.Dialect == llm.Gemini) {
			e.Truth("thought", true)
		}
	case llm.Image, llm.File, llm.Audio:
		return e.media(at, p.Part)
	case llm.Call:
		e.beginPart()
		e.Begin("functionCall")
		e.TextIf("id", e.callID(p.Call.ID))
		e.Text("name", p.Call.Name)
		e.args(p.Call)
		e.extras(p.Extra, inCall)
		e.End()
	case llm.Result:
		e.beginPart()
		e.result(at, p.Part)
	}
	return true
}

// args writes a call's arguments, which the API has as an object.
func (o *object) args(c *llm.ToolCall) {
	text := strings.TrimSpace(c.Args)
	switch valid := !c.Custom && scan.Validate([]byte(text)) == nil; {
	case valid && text[0] == '{':
		o.Raw("args", []byte(text))
		return
	case text == "" || text == "null":
		o.Raw("args", []byte("{}"))
		return
	case valid:
		o.Begin("args")
		o.Raw("input", []byte(text))
	default:
		o.Begin("args")
		o.Text("input", c.Args)
	}
	o.End()
}

// media writes bytes, or a URL that the vendor fetches. Whatever a client of
// this dialect refers to is its provider's to judge.
func (e *requestEncoder) media(at string, p *llm.Part) bool {
	m := p.Media
	url := m.URL
	if url == "" && strings.HasPrefix(m.FileID, "files/") {
		url = filesAPI + "v1beta/" + m.FileID
	}
	if m.Detail != "" && m.Detail != "auto" {
		e.drop(at + ".content.detail")
	}
	switch {
	case m.Base64 != "" || url == "" && e.r.Dialect == llm.Gemini:
		e.beginPart()
		e.blob(at, p)
	case url != "" && (Fetches(url) || e.r.Dialect == llm.Gemini):
		e.beginPart()
		e.Begin("fileData")
		e.TextIf("mimeType", m.Type)
		e.Text("fileUri", url)
		e.displayName(at, m)
		e.extras(p.Extra, inFile)
		e.End()
	default:
		if e.problem == nil {
			e.problem = &llm.Problem{
				Kind: llm.Unsupported, Param: at + ".content",
				Message: "the provider can neither fetch this file nor look up its id",
			}
		}
		return false
	}
	return true
}

func (e *requestEncoder) blob(at string, p *llm.Part) {
	m := p.Media
	kind := m.Type
	if kind == "" && e.r.Dialect != llm.Gemini {
		kind = sniffed(p.Kind, m.Base64)
	}
	e.Begin("inlineData")
	e.TextIf("mimeType", kind)
	e.Text("data", m.Base64)
	e.displayName(at, m)
	e.extras(p.Extra, inBlob)
	e.End()
}

// displayName writes a file's name, which only Vertex takes.
func (e *requestEncoder) displayName(at string, m *llm.Media) {
	switch {
	case m.Name == "":
	case e.t.Platform == dialect.Vertex || e.r.Dialect == llm.Gemini:
		e.Text("displayName", m.Name)
	default:
		e.drop(at + ".content.filename")
	}
}

// marks are the first bytes of file types, in base64.
var marks = [...]struct{ start, kind string }{
	{"iVBORw0KGgo", "image/png"}, {"/9j/", "image/jpeg"}, {"R0lGOD", "image/gif"}, {"UklGR", "image/webp"}, {"JVBERi", "application/pdf"},
}

// sniffed is the media type of bytes that came without one.
func sniffed(kind llm.PartKind, base64 string) string {
	for _, m := range marks {
		if strings.HasPrefix(base64, m.start) {
			return m.kind
		}
	}
	switch kind {
	case llm.Image:
		return "image/jpeg"
	case llm.Audio:
		return "audio/wav"
	}
	return "application/pdf"
}

// inResults are the media types that results hold since Gemini 3.
var inResults = map[string]bool{
	"image/png": true, "image/jpeg": true, "image/webp": true, "application/pdf": true, "text/plain": true,
}

// result writes an answer to a call. Media that the model does not take within
// it follows the results of the turn.
func (e *requestEncoder) result(at string, p *llm.Part) {
	r := p.Result
	var texts []string
	var within []llm.Part
	for i := range r.Parts {
		switch q := &r.Parts[i]; {
		case q.Kind == llm.Text || q.Kind == llm.RefusalText:
			texts = append(texts, q.Text)
		case q.Media == nil:
			e.drop(at + ".content")
			if q.Kind == llm.OpaquePart && q.Text != "" {
				texts = append(texts, q.Text)
			}
		case e.r.Dialect == llm.Gemini || e.since3() && q.Media.Base64 != "" && inResults[q.Media.Type]:
			within = append(within, *q)
		default:
			e.turn.behind, e.turn.at = append(e.turn.behind, *q), at
		}
	}
	e.Begin("functionResponse")
	e.TextIf("id", e.callID(r.ID))
	e.Text("name", e.toolName(r))
	e.response(strings.Join(texts, "\n"), r)
	if len(within) > 0 {
		open := e.turn
		e.turn = turn{} // their array is no content's
		e.BeginArray("parts")
		for i := range within {
			e.part(at, signed{Part: &within[i], signature: e.own(at, &within[i])})
		}
		e.EndArray()
		e.turn = open
	}
	e.extras(p.Extra, inResult)
	e.End()
}

// response writes what a tool said: JSON objects as they are, text under the
// names that the API gives a meaning.
func (e *requestEncoder) response(text string, r *llm.ToolResult) {
	isObject := strings.HasPrefix(text, "{") && strings.HasSuffix(text, "}") && scan.Validate([]byte(text)) == nil
	switch {
	case isObject && !r.Error:
		e.Raw("response", []byte(text))
		return
	case len(r.Parts) == 0 && !r.Error:
		e.Raw("response", []byte("{}"))
		return
	}
	e.Begin("response")
	switch {
	case isObject:
		e.Raw("error", []byte(text))
	case r.Error:
		e.Text("error", text)
	default:
		e.Text("output", text)
	}
	e.End()
}
