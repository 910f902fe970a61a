package responses

import (
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// needs notes what the current member needs of a target. It looks no deeper
// than it must and leaves every judgement of form to the provider.
func (s *scanner) needs() {
	w := &s.Walk
	switch string(w.Key()) {
	case "tools":
		for ok := w.Array(); ok && w.Element(); {
			s.Envelope.Needs |= llm.NeedTools
		}
	case "text":
		for ok := w.Object(); ok && w.Member(); {
			if string(w.Key()) != "format" {
				continue
			}
			for ok := w.Object(); ok && w.Member(); {
				if string(w.Key()) == "type" {
					s.Envelope.Needs |= formatNeeds(w.Value())
				}
			}
		}
	case "reasoning":
		s.reasoning()
	case "tool_choice":
		if string(w.Value()) == `"required"` {
			s.Envelope.Uses |= dialect.UsesRequiredTool
		}
	case "top_logprobs":
		if n, _ := scan.Int(w.Value()); n > 0 {
			s.Envelope.Needs |= llm.NeedLogprobs
		}
	}
}

func formatNeeds(kind []byte) llm.Needs {
	switch string(kind) {
	case `"json_schema"`:
		return llm.NeedJSONSchema
	case `"json_object"`:
		return llm.NeedJSON
	}
	return 0
}

// reasoning needs a model that reasons if an effort is asked for; a summary
// alone is a wish.
func (s *scanner) reasoning() {
	w := &s.Walk
	from, wanted := w.Pos(), false
	if w.Kind() == scan.Object {
		s.Envelope.Uses |= dialect.UsesReasoning
	}
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "effort":
			if raw := w.Value(); !scan.IsNull(raw) && string(raw) != `"none"` {
				s.Envelope.Needs |= llm.NeedReasoning
				wanted = true
			}
		case "summary", "generate_summary":
			wanted = !scan.IsNull(w.Value()) || wanted
		}
	}
	if wanted {
		s.Envelope.Spans[spanReasoning] = dialect.Span{From: from, To: w.Pos()}
	}
}

// input looks at input[].type and at the types of parts in content and output.
func (s *scanner) input() {
	w := &s.Walk
	if !w.Array() {
		return // a string, or what the decoder or the provider refuses
	}
	for i := 0; w.Element(); i++ {
		var it itemHead
		for ok := w.Object(); ok && w.Member(); {
			if key := string(w.Key()); key == "content" || key == "output" {
				s.parts()
			} else {
				it.member(key, w.Value())
			}
		}
		s.Envelope.Uses |= it.uses()
		if s.Problem == nil && it.reference() {
			s.Problem = stateless("input["+strconv.Itoa(i)+"]",
				"an item_reference names an item of an earlier answer; send the item itself")
		}
	}
}

// itemHead is what tells kinds of items apart.
type itemHead struct {
	kind, role, encrypted []byte
	id                    bool
}

func (h *itemHead) member(key string, value []byte) {
	switch key {
	case "type":
		h.kind = value
	case "role":
		h.role = value
	case "id":
		h.id = scan.KindOf(value) == scan.String
	case "encrypted_content":
		h.encrypted = members.Unquoted(value)
	}
}

// reference tells whether the item is an item_reference; its type may be absent.
func (h *itemHead) reference() bool {
	return string(h.kind) == `"item_reference"` || scan.IsNull(h.kind) && h.role == nil && h.id
}

// uses tells what targets may want otherwise. Reasoning of which only an id or a
// summary came back, or that is another vendor's, must be taken out or back.
func (h *itemHead) uses() (u dialect.Uses) {
	switch {
	case string(h.role) == `"developer"`:
		u = dialect.UsesDeveloper
	case string(h.kind) != `"reasoning"`:
	case len(h.encrypted) == 0, llm.IsSealed(h.encrypted):
		u = dialect.UsesThoughts | dialect.UsesSealed
	default:
		u = dialect.UsesThoughts
	}
	return u
}

func (s *scanner) parts() {
	w := &s.Walk
	for ok := w.Array(); ok && w.Element(); {
		for ok := w.Object(); ok && w.Member(); {
			if string(w.Key()) != "type" {
				continue
			}
			switch string(w.Value()) {
			case `"input_image"`:
				s.Envelope.Needs |= llm.NeedImages
			case `"input_file"`:
				s.Envelope.Needs |= llm.NeedFiles
			case `"input_audio"`:
				s.Envelope.Needs |= llm.NeedAudio
			}
		}
	}
}
