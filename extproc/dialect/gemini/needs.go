package gemini

import (
	"bytes"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// each walks the elements of a repeated field in front of the walk, or the
// single message that stands for one.
type each struct{ begun, single bool }

func (e *each) next(w *scan.Walk) bool {
	if e.begun {
		return !e.single && w.Element()
	}
	e.begun = true
	if w.Array() {
		return w.Element()
	}
	e.single = true
	return w.Kind() == scan.Object
}

// contents looks at contents[].parts[].
func (s *scanner) contents() {
	w := &s.Walk
	for list := (each{}); list.next(w); {
		for ok := w.Object(); ok && w.Member(); {
			if string(w.Key()) == "parts" {
				s.parts()
			}
		}
	}
}

func (s *scanner) parts() {
	for list := (each{}); list.next(&s.Walk); {
		s.part()
	}
}

func (s *scanner) part() {
	w := &s.Walk
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "inlineData", "inline_data", "fileData", "file_data":
			s.Envelope.Needs |= mediaNeeds(w)
		case "thoughtSignature", "thought_signature":
			if foreign(w.Value()) {
				s.Envelope.Uses |= dialect.UsesSealed
			}
		case "functionResponse", "function_response":
			for ok := w.Object(); ok && w.Member(); {
				if string(w.Key()) == "parts" {
					s.parts()
				}
			}
		}
	}
}

// foreign tells whether a thoughtSignature may be a sealed thought of another
// vendor, by how base64 of the seal's mark begins.
func foreign(raw []byte) bool { return bytes.HasPrefix(raw, []byte(`"ZGdtMS`)) }

func mediaNeeds(w *scan.Walk) llm.Needs {
	n := llm.NeedFiles
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "mimeType", "mime_type":
			switch kind := w.Value(); {
			case bytes.HasPrefix(kind, []byte(`"image/`)):
				n = llm.NeedImages
			case bytes.HasPrefix(kind, []byte(`"audio/`)):
				n = llm.NeedAudio
			case bytes.HasPrefix(kind, []byte(`"video/`)):
				n = llm.NeedVideo
			}
		}
	}
	return n
}

func toolNeeds(w *scan.Walk) (n llm.Needs) {
	for list := (each{}); list.next(w); {
		if w.Kind() == scan.Object {
			n = llm.NeedTools
		}
		w.Value()
	}
	return n
}

// configNeeds collects what members of generationConfig need together.
type configNeeds struct {
	json, schema bool
	other        llm.Needs
}

func (c *configNeeds) member(w *scan.Walk) {
	switch string(w.Key()) {
	case "responseMimeType", "response_mime_type":
		c.json = string(w.Value()) == `"application/json"`
	case "responseSchema", "response_schema", "responseJsonSchema", "response_json_schema", "_responseJsonSchema":
		c.schema = !scan.IsNull(w.Value()) || c.schema
	case "responseLogprobs", "response_logprobs":
		if on, _ := scan.Truth(w.Value()); on {
			c.other |= llm.NeedLogprobs
		}
	case "responseModalities", "response_modalities":
		for ok := w.Array(); ok && w.Element(); {
			switch word := w.Value(); {
			case bytes.EqualFold(word, []byte(`"AUDIO"`)):
				c.other |= llm.NeedAudioOut
			case bytes.EqualFold(word, []byte(`"IMAGE"`)):
				c.other |= llm.NeedImageOut
			}
		}
	case "thinkingConfig", "thinking_config":
		for ok := w.Object(); ok && w.Member(); {
			switch string(w.Key()) {
			case "thinkingBudget", "thinking_budget":
				if n, _ := integerOf(w.Value()); n > 0 {
					c.other |= llm.NeedReasoning
				}
			case "thinkingLevel", "thinking_level":
				if raw := w.Value(); !scan.IsNull(raw) && string(raw) != unsaidLevel {
					c.other |= llm.NeedReasoning
				}
			}
		}
	default:
		w.Value()
	}
}

const unsaidLevel = `"THINKING_LEVEL_UNSPECIFIED"`

func (c *configNeeds) needs() llm.Needs {
	switch {
	case c.schema:
		return c.other | llm.NeedJSONSchema
	case c.json:
		return c.other | llm.NeedJSON
	}
	return c.other
}
