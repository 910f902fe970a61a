package anthropic

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// deltaKinds are the blocks that deltas belong to.
var deltaKinds = map[string]blockKind{
	"text_delta": textBlock, "citations_delta": textBlock, "thinking_delta": thinkingBlock, "signature_delta": thinkingBlock,
	"input_json_delta": toolBlock,
}

// deltaMembers are what deltas of the kinds known here consist of.
type deltaMembers struct{ kind, text, thinking, signature, json, citation []byte }

func readDelta(raw []byte) (m deltaMembers) {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "type":
			m.kind = w.Value()
		case "text":
			m.text = w.Value()
		case "thinking":
			m.thinking = w.Value()
		case "signature":
			m.signature = w.Value()
		case "partial_json":
			m.json = w.Value()
		case "citation":
			m.citation = w.Value()
		}
	}
	return m
}

// delta reads a piece of a block. A block whose start was left out, or was of
// another kind, begins with its first piece; arguments need a start, which
// names the tool.
func (s *source) delta(index int64, raw []byte) *llm.Problem {
	m := readDelta(raw)
	kind, known := deltaKinds[string(members.Unquoted(m.kind))]
	b := s.opened(index)
	if b != nil && b.kind == wholeBlock {
		return s.wholeDelta(b, &m, raw)
	}
	fits := b != nil && (b.kind == kind || b.kind == formBlock && kind == toolBlock)
	if known && !fits {
		if kind == toolBlock {
			return nil
		}
		if p := s.implied(index, kind); p != nil {
			return p
		}
		b = s.opened(index)
	}
	switch string(members.Unquoted(m.kind)) {
	case "text_delta":
		s.text(b, m.text)
	case "citations_delta":
		if !scan.IsNull(m.citation) {
			s.emitExtra(citation, m.citation, 0, b.number)
		}
	case "thinking_delta":
		s.think(b, m.thinking)
	case "signature_delta":
		return b.sign(m.signature)
	case "input_json_delta":
		text, _ := scan.Text(m.json)
		if text = b.arguments.pass(text); text != "" {
			b.told = true
			s.arguments(b, text)
		}
	}
	return nil
}

func (s *source) opened(index int64) *openBlock {
	for i := range s.open {
		if s.open[i].index == index {
			return &s.open[i]
		}
	}
	return nil
}

func (s *source) implied(index int64, kind blockKind) *llm.Problem {
	word := `{"type":"text"}`
	if kind == thinkingBlock {
		word = `{"type":"thinking"}`
	}
	return s.start(index, []byte(word))
}

func (b *openBlock) sign(raw []byte) *llm.Problem {
	text, _ := scan.Text(raw)
	if len(b.signature)+len(text) > maxHeld {
		return dialect.BadAnswer("the provider sent a signature that is too large")
	}
	b.signature = append(b.signature, text...)
	return nil
}

// wholeDelta adds to a block that only this dialect knows: input in pieces, or
// members that its start did not have.
func (s *source) wholeDelta(b *openBlock, m *deltaMembers, raw []byte) *llm.Problem {
	if text, ok := scan.Text(m.json); ok {
		b.args = append(b.args, text...)
	} else {
		w := scan.Over(raw)
		for ok := w.Object(); ok && w.Member(); {
			name := string(w.Key())
			if value := w.Value(); name != "type" {
				b.replace(name, value)
			}
		}
	}
	held := len(b.args)
	for i := range b.later {
		held += len(b.later[i].Value)
	}
	if held > maxHeld || len(b.later) > maxOpenBlocks {
		return dialect.BadAnswer("the provider sent a block that is too large")
	}
	return nil
}

func (b *openBlock) replace(name string, value []byte) {
	for i := range b.later {
		if b.later[i].Name == name {
			b.later[i].Value = members.Clone(value)
			return
		}
	}
	b.later = append(b.later, llm.Member{Name: name, Value: members.Clone(value)})
}
