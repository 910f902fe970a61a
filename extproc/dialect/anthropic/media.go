package anthropic

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

const plainText = "text/plain"

// media reads an image or a document; false if it says more than the neutral
// model can.
func (b *blockDraft) media() bool {
	m, known := &llm.Media{}, false
	b.p.Kind, b.p.Media = llm.Image, m
	if b.kind == "document" {
		b.p.Kind = llm.File
	}
	b.each(func(member llm.Member) bool {
		switch {
		case member.Name == "source":
			known = b.source(m, member.Value)
		case member.Name == "title" && b.kind == "document":
			m.Name = b.Text(b.path+".title", member.Value)
		default:
			return false
		}
		return true
	})
	return known
}

// source reads where the bytes are. A text source becomes bytes, as files have
// them everywhere else.
func (b *blockDraft) source(m *llm.Media, raw []byte) bool {
	var kind, data string
	known := true
	path := b.path + ".source"
	b.Object(path, raw, func(key string, value []byte) {
		switch key {
		case "type":
			kind = b.Text(path+".type", value)
		case "media_type":
			m.Type = b.Text(path+".media_type", value)
		case "data":
			data = b.Text(path+".data", value)
		case "url":
			m.URL = b.Text(path+".url", value)
		case "file_id":
			m.FileID = b.Text(path+".file_id", value)
		default:
			known = false
		}
	})
	switch kind {
	case "base64":
		m.Base64 = data
		return known && data != "" && m.URL+m.FileID == ""
	case "text":
		m.Base64 = base64.StdEncoding.EncodeToString([]byte(data))
		return known && data != "" && m.URL+m.FileID == "" && b.kind == "document" && m.Type == plainText
	case "url":
		setURL(m)
		return known && (m.URL != "" || m.Base64 != "") && data+m.FileID == ""
	case "file":
		return known && m.FileID != "" && data+m.URL == ""
	}
	return false
}

// setURL takes a data URL with base64 apart.
func setURL(m *llm.Media) {
	rest, isData := strings.CutPrefix(m.URL, "data:")
	kind, data, isBase64 := strings.Cut(rest, ";base64,")
	if isData && isBase64 && kind != "" && data != "" && !strings.ContainsAny(kind, ";,") {
		m.Type, m.Base64, m.URL = kind, data, ""
	}
}

// magic are the beginnings, in base64, of the media that the API takes.
var magic = [...]struct{ start, kind string }{
	{"/9j/", "image/jpeg"}, {"iVBOR", "image/png"}, {"R0lGOD", "image/gif"}, {"UklGR", "image/webp"}, {"JVBER", "application/pdf"},
}

// mediaType is the type of a media's bytes: what is said of it, else what they
// begin with.
func mediaType(m *llm.Media) string {
	switch m.Type {
	case "image/jpg":
		return "image/jpeg"
	case "", "application/octet-stream":
		for _, known := range magic {
			if strings.HasPrefix(m.Base64, known.start) {
				return known.kind
			}
		}
	}
	return m.Type
}

// media writes an image or document block up to its end, which the caller
// writes. A problem names what the API cannot take.
func (e *requestEncoder) media(path string, p *llm.Part) *llm.Problem {
	m := p.Media
	kind := mediaType(m)
	image := strings.HasPrefix(kind, "image/") || p.Kind == llm.Image && kind == ""
	switch {
	case p.Kind == llm.Audio:
		return unsupported(path, "audio input is not supported by this target")
	case m.FileID != "" && !e.own():
		return unsupported(path, "a file known by its id at another vendor cannot be read by this target")
	}
	name := "document"
	if image {
		name = "image"
	}
	e.Open()
	e.Text("type", name)
	if problem := e.source(path, m, kind); problem != nil {
		return problem
	}
	if m.Name != "" {
		if image {
			e.drop(path + ".filename")
		} else {
			e.Text("title", m.Name)
		}
	}
	if m.Detail != "" && m.Detail != "auto" {
		e.drop(path + ".detail")
	}
	return nil
}

func (e *requestEncoder) source(path string, m *llm.Media, kind string) *llm.Problem {
	e.Begin("source")
	defer e.End()
	switch {
	case m.FileID != "":
		e.Text("type", "file")
		e.Text("file_id", m.FileID)
	case m.Base64 == "" && m.URL != "":
		e.Text("type", "url")
		e.Text("url", m.URL)
	case m.Base64 == "":
		return unsupported(path, "media without bytes and URL")
	case strings.HasPrefix(kind, "image/"), kind == "application/pdf":
		e.Text("type", "base64")
		e.Text("media_type", kind)
		e.Text("data", m.Base64)
	case textual(kind):
		text, err := base64.StdEncoding.DecodeString(m.Base64)
		if err != nil || !utf8.Valid(text) || len(text) == 0 {
			return unsupported(path, "a file of type "+kind+" must be UTF-8 text in base64")
		}
		e.Text("type", "text")
		e.Text("media_type", plainText)
		e.Text("data", string(text))
	default:
		return unsupported(path, "media of type "+kind+" is not supported by this target")
	}
	return nil
}

// textual tells whether a type's bytes are text, which the API takes as
// text/plain only.
func textual(kind string) bool {
	kind, _, _ = strings.Cut(kind, ";")
	switch kind {
	case "application/json", "application/xml", "application/yaml", "application/javascript":
		return true
	}
	return strings.HasPrefix(kind, "text/")
}

func unsupported(path, message string) *llm.Problem {
	return &llm.Problem{Kind: llm.Unsupported, Param: path, Message: path + ": " + message}
}
