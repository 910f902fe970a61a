package openai

import (
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// media reads the object of an image_url, input_audio or file part; nil if it
// says more than the neutral model can.
func (f *fields) media(path, kind string, raw []byte) *llm.Media {
	m, known := &llm.Media{}, true
	if kind == "image_url" && scan.KindOf(raw) == scan.String {
		setURL(m, f.Text(path, raw))
		return m
	}
	f.Object(path+"."+kind, raw, func(key string, value []byte) {
		text := f.Text(path+"."+kind+"."+key, value)
		switch kind + "." + key {
		case "image_url.url":
			setURL(m, text)
		case "image_url.detail":
			m.Detail = text
		case "input_audio.data":
			m.Base64 = text
		case "input_audio.format":
			m.Type = AudioType(text)
		case "file.file_data", "file.data":
			if strings.HasPrefix(text, "data:") || strings.HasPrefix(text, "http") {
				setURL(m, text)
			} else {
				m.URL, m.Base64 = "", text
			}
		case "file.file_id":
			m.FileID = text
		case "file.filename":
			m.Name = text
		case "file.media_type":
			if m.Type, known = text, known && text != "" && !strings.ContainsAny(text, ";,"); !known {
				m.Type = ""
			}
		default:
			known = false
		}
	})
	if !known {
		return nil
	}
	return m
}

// setURL takes a data URL with base64 apart; every other URL stays one.
func setURL(m *llm.Media, url string) {
	rest, isData := strings.CutPrefix(url, "data:")
	kind, data, isBase64 := strings.Cut(rest, ";base64,")
	if isData && isBase64 && kind != "" && data != "" && !strings.ContainsAny(kind, ";,") {
		m.Type, m.Base64, m.URL = kind, data, ""
		return
	}
	m.URL, m.Base64 = url, ""
}

// url is the reverse of setURL.
func url(m *llm.Media) string {
	if m.Base64 != "" && m.Type != "" {
		return "data:" + m.Type + ";base64," + m.Base64
	}
	if m.Base64 != "" {
		return m.Base64
	}
	return m.URL
}

// media writes a part's member for an image, sound or file.
func (o *object) media(k llm.PartKind, m *llm.Media) {
	switch k {
	case llm.Image:
		o.Begin("image_url")
		o.Text("url", url(m))
		o.TextIf("detail", m.Detail)
	case llm.Audio:
		o.Begin("input_audio")
		o.Text("data", m.Base64)
		if m.Type != "" {
			o.Text("format", AudioFormat(m.Type))
		}
	default:
		o.Begin("file")
		o.TextIf("file_id", m.FileID)
		o.TextIf("filename", m.Name)
		o.TextIf("file_data", url(m))
		if m.Base64 == "" {
			o.TextIf("media_type", m.Type)
		}
	}
	o.End()
}

// AudioType is the media type of sound in a format of this vendor's dialects.
func AudioType(format string) string {
	if format == "mp3" {
		return "audio/mpeg"
	}
	return "audio/" + format
}

// AudioFormat is the word of this vendor's dialects for a media type.
func AudioFormat(mediaType string) string {
	format := strings.TrimPrefix(mediaType, "audio/")
	switch format {
	case "mpeg":
		return "mp3"
	case "wave", "x-wav":
		return "wav"
	}
	return format
}

// reasoningDetail reads an element of reasoning_details, the form in which
// aggregators carry summaries, signatures and encrypted reasoning.
func (f *fields) reasoningDetail(path string, raw []byte) llm.Part {
	p := llm.Part{Kind: llm.Thinking, Thought: &llm.Thought{}}
	f.Object(path, raw, func(key string, value []byte) {
		switch key {
		case "type":
			p.Thought.Summary = string(value) == `"reasoning.summary"`
		case "text", "summary":
			p.Text = f.Text(path+"."+key, value)
		case "data":
			p.Thought.Encrypted = f.Text(path+"."+key, value)
		case "signature":
			p.Thought.Signature = f.Text(path+"."+key, value)
		case "id":
			p.Thought.ID = f.Text(path+"."+key, value)
		case "format":
			p.Thought.Format = f.Text(path+"."+key, value)
		default:
			p.Extra = append(p.Extra, extra(key, value))
		}
	})
	return p
}

// detail writes reasoning as an element of reasoning_details.
func (o *object) detail(text string, t *llm.Thought, more llm.Extras) {
	o.Open()
	switch {
	case t.Summary:
		o.Text("type", "reasoning.summary")
		o.Text("summary", text)
	case t.Encrypted != "":
		o.Text("type", "reasoning.encrypted")
		o.TextIf("text", text)
	default:
		o.Text("type", "reasoning.text")
		o.TextIf("text", text)
	}
	o.TextIf("data", t.Encrypted)
	o.TextIf("signature", t.Signature)
	o.TextIf("id", t.ID)
	o.TextIf("format", t.Format)
	o.extras(more, "")
	o.End()
}
