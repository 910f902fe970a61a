package openai

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// content writes one plain text as a string, everything else as parts; false if
// there is nothing to write.
func (e *requestEncoder) content(parts []piece) bool {
	if len(parts) == 0 {
		return false
	}
	if (e.q.TextOnly || len(parts) == 1 && !e.says(&parts[0])) && e.joined(parts) {
		return true
	}
	from := len(e.B)
	e.BeginArray("content")
	empty := len(e.B)
	for i := range parts {
		e.part(&parts[i])
	}
	if len(e.B) == empty && !e.own() {
		e.B = e.B[:from]
		return false
	}
	e.EndArray()
	return true
}

// says tells whether a text says more than its words to the target.
func (e *requestEncoder) says(p *piece) bool {
	if p.Cache != nil && !e.closed() {
		return true
	}
	for i := range p.Extra {
		if p.Extra[i].Dialect == llm.OpenAI {
			return true
		}
	}
	return false
}

// joined writes parts that are nothing but text as one; false if they are not.
func (e *requestEncoder) joined(parts []piece) bool {
	texts := make([]string, len(parts))
	for i := range parts {
		if parts[i].Kind != llm.Text {
			return false
		}
		texts[i] = parts[i].Text
	}
	for i := range parts {
		if parts[i].Cache != nil {
			e.drop(parts[i].path() + ".cache_control")
		}
		for _, x := range parts[i].Extra {
			e.drop(parts[i].path() + "." + dotted(x.Name))
		}
	}
	e.Text("content", strings.Join(texts, ""))
	return true
}

func (e *requestEncoder) part(p *piece) {
	if p.Kind == llm.OpaquePart {
		if raw := p.Extra.Get(llm.OpenAI, "part"); raw != nil {
			e.Element(raw)
			return
		}
		e.drop(p.path())
		if p.Text != "" {
			e.part(&piece{&llm.Part{Kind: llm.Text, Text: p.Text}, p.message, p.index})
		}
		return
	}
	from := len(e.B)
	e.Open()
	switch p.Kind {
	case llm.Text:
		e.Text("type", "text")
		e.Text("text", p.Text)
	case llm.RefusalText:
		e.Text("type", "refusal")
		e.Text("refusal", p.Text)
	default:
		if !e.mediaPart(p) {
			e.B = e.B[:from]
			return
		}
	}
	if len(p.Extra) > 0 {
		e.more(p.Extra, "", p.path())
	}
	if p.Cache != nil && !e.refused(p.path()+".cache_control") {
		e.Raw("cache_control", p.Cache)
	}
	e.End()
}

var mediaTypes = map[llm.PartKind]string{llm.Image: "image_url", llm.Audio: "input_audio", llm.File: "file"}

// mediaPart writes the members of a part with media; false if there is nothing
// to write. What clients of this dialect write goes as it came. Media of other
// dialects may be by reference where this one needs the bytes, or of a type
// without words here: without it the request would mean something else, so it
// is refused.
func (e *requestEncoder) mediaPart(p *piece) bool {
	m := p.Media
	if e.own() {
		e.Text("type", mediaTypes[p.Kind])
		e.media(p.Kind, m)
		return true
	}
	if e.t.Genuine && e.r.Messages[p.message].Role == llm.Assistant {
		e.drop(p.path()) // whose turns hold nothing but text
		return false
	}
	major, _, _ := strings.Cut(m.Type, "/")
	switch {
	case m.FileID != "" && (e.r.Dialect != llm.Responses || p.Kind == llm.Image):
		e.cannot(p, "a file known by its id cannot be read by this target")
	case m.Base64 == "" && m.URL == "" && m.FileID == "":
		e.cannot(p, "media without bytes and URL")
	case p.Kind == llm.Image:
		e.image(p)
	case p.Kind == llm.Audio:
		e.audio(p)
	case major == "video":
		e.video(p)
	default:
		return e.document(p)
	}
	return true
}

// cannot notes the first part that the target cannot take.
func (e *requestEncoder) cannot(p *piece, why string) {
	if e.problem == nil {
		e.problem = &llm.Problem{Kind: llm.Unsupported, Param: p.path(), Message: p.path() + ": " + why}
	}
}

// magic are the beginnings, in base64, of the images that models read.
var magic = [...]struct{ start, kind string }{
	{"/9j/", "image/jpeg"}, {"iVBOR", "image/png"}, {"R0lGOD", "image/gif"}, {"UklGR", "image/webp"},
}

func (e *requestEncoder) image(p *piece) {
	m := *p.Media
	for i := 0; m.Base64 != "" && m.Type == "" && i < len(magic); i++ {
		if strings.HasPrefix(m.Base64, magic[i].start) {
			m.Type = magic[i].kind
		}
	}
	if m.Base64 != "" && m.Type == "" {
		e.cannot(p, "an image of unknown type")
	}
	if m.Name != "" {
		e.drop(p.path() + ".filename")
	}
	e.Text("type", "image_url")
	e.media(llm.Image, &m)
}

func (e *requestEncoder) audio(p *piece) {
	switch {
	case p.Media.Base64 == "":
		e.cannot(p, "audio by URL is not supported by this target")
	case e.t.Genuine && AudioFormat(p.Media.Type) != "wav" && AudioFormat(p.Media.Type) != "mp3":
		e.cannot(p, "audio of type "+p.Media.Type+" is not supported by this target")
	}
	e.Text("type", "input_audio")
	e.media(llm.Audio, p.Media)
}

// video writes the part type that compatible providers share; OpenAI has none.
func (e *requestEncoder) video(p *piece) {
	if e.t.Genuine {
		e.cannot(p, "video is not supported by this target")
	}
	e.Text("type", "video_url")
	e.Begin("video_url")
	e.Text("url", url(p.Media))
	e.End()
}

// document writes a file. Text is no file to this dialect, which has PDF in
// mind, but models read it as well as a text; OpenAI wants a name with bytes
// and reads no URLs.
func (e *requestEncoder) document(p *piece) bool {
	m := *p.Media
	if text, ok := textFile(&m); ok {
		if m.Name != "" {
			text = m.Name + "\n\n" + text
		}
		e.Text("type", "text")
		e.Text("text", text)
		return true
	}
	if m.Base64 == "" && m.FileID == "" && e.t.Genuine {
		e.cannot(p, "a file by URL is not supported by this target")
	}
	if m.Name == "" && m.Base64 != "" {
		if m.Name = "document"; m.Type == "application/pdf" {
			m.Name = "document.pdf"
		}
	}
	if e.t.Genuine && m.Base64 == "" {
		m.Type = "" // which has no member there
	}
	if m.Detail != "" && m.Detail != "auto" {
		e.drop(p.path() + ".detail")
	}
	e.Text("type", "file")
	e.media(llm.File, &m)
	return true
}

// textFile is what a text file says.
func textFile(m *llm.Media) (string, bool) {
	kind, _, _ := strings.Cut(m.Type, ";")
	switch kind {
	case "application/json", "application/xml", "application/yaml", "application/javascript":
	default:
		if !strings.HasPrefix(kind, "text/") {
			return "", false
		}
	}
	text, err := base64.StdEncoding.DecodeString(m.Base64)
	return string(text), err == nil && len(text) > 0 && utf8.Valid(text)
}
