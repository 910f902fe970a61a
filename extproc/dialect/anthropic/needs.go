package anthropic

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// needs tells what the current member needs of a target. It looks no deeper
// than it must and leaves every judgement of form to the provider.
func (s *scanner) needs() (n llm.Needs) {
	w := &s.Walk
	switch string(w.Key()) {
	case "messages":
		for ok := w.Array(); ok && w.Element(); {
			for ok := w.Object(); ok && w.Member(); {
				if string(w.Key()) == "content" {
					n |= s.blockNeeds()
				}
			}
		}
	case "tools":
		for ok := w.Array(); ok && w.Element(); {
			n = llm.NeedTools
		}
	case "thinking":
		s.Envelope.Uses |= dialect.UsesReasoning
		for ok := w.Object(); ok && w.Member(); {
			// Adaptive thinking leaves it to the model whether it thinks at all.
			if string(w.Key()) == "type" && string(w.Value()) == `"enabled"` {
				n = llm.NeedReasoning
			}
		}
	case "output_config":
		for ok := w.Object(); ok && w.Member(); {
			switch string(w.Key()) {
			case "format":
				n |= s.formatNeeds()
			case "effort":
				s.Envelope.Uses |= dialect.UsesReasoning
			}
		}
	case "output_format":
		return s.formatNeeds()
	}
	return n
}

func (s *scanner) formatNeeds() (n llm.Needs) {
	w := &s.Walk
	for ok := w.Object(); ok && w.Member(); {
		if string(w.Key()) == "type" && string(w.Value()) == `"json_schema"` {
			n = llm.NeedJSONSchema
			s.Envelope.Uses |= dialect.UsesSchema
		}
	}
	return n
}

// blockNeeds looks at the types of blocks and of those within tool results,
// and whether thoughts are Anthropic's.
func (s *scanner) blockNeeds() (n llm.Needs) {
	w := &s.Walk
	for ok := w.Array(); ok && w.Element(); {
		for ok := w.Object(); ok && w.Member(); {
			switch string(w.Key()) {
			case "type":
				switch string(w.Value()) {
				case `"image"`:
					n |= llm.NeedImages
				case `"document"`:
					n |= llm.NeedFiles
				}
			case "content":
				n |= s.blockNeeds()
			case "signature":
				if raw := w.Value(); scan.KindOf(raw) == scan.String && (len(raw) == len(`""`) || llm.IsSealed(raw[1:])) {
					s.Envelope.Uses |= dialect.UsesSealed
				}
			case "data":
				if raw := w.Value(); scan.KindOf(raw) == scan.String && llm.IsSealed(raw[1:]) {
					s.Envelope.Uses |= dialect.UsesSealed
				}
			}
		}
	}
	return n
}
