package responses

import (
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// Thoughts that a vendor put on a call or a text, for which items have no
// place, travel in reasoning items of their own: in front of the call, behind
// the text. A mark in front of the sealed id says so; vendors' ids have no
// spaces.
const (
	onCall = "call "
	onText = "text "
)

// rawText marks a part whose text stood in content, not in summary.
const rawText = "reasoning_text"

// native tells whether a thought's provider speaks this dialect: xAI's models
// and OpenAI's both do, and answers do not tell which it was.
func native(t *llm.Thought) bool {
	return t != nil && (t.Format == llm.FormatOpenAI || t.Format == llm.FormatXAI)
}

// reasoningItem reads reasoning that comes back. With encrypted_content it is
// the thought of its provider, or a sealed one of another vendor; without, only
// its text is known: the id names nothing where nothing is kept.
func (d *requestDecoder) reasoningItem(path string, raw []byte) {
	var (
		own       = llm.Thought{Format: llm.FormatOpenAI}
		parts     []llm.Part
		summaries int
		more      llm.Extras
	)
	read := func(at string, value []byte, summary bool) {
		d.Array(at, value, func(at string, value []byte) {
			p := llm.Part{Kind: llm.Thinking, Text: d.memberText(at, value), Thought: &llm.Thought{Summary: summary}}
			if !summary {
				parts = append(parts, p)
				return
			}
			parts = append(parts[:summaries:summaries], append([]llm.Part{p}, parts[summaries:]...)...)
			summaries++
		})
	}
	d.Object(path, raw, func(key string, value []byte) {
		switch key {
		case "type", "status":
		case "id":
			own.ID = d.Text(path+".id", value)
		case "encrypted_content":
			own.Encrypted = d.Text(path+".encrypted_content", value)
		case "summary", "content":
			read(path+"."+key, value, key == "summary")
		default:
			if !isEmpty(value) {
				more = append(more, extra(key, value))
			}
		}
	})
	if sealed, ok := llm.OpenThought(own.Encrypted); ok {
		d.sealed(sealed, parts)
		return
	}
	if own.Encrypted == "" {
		for i := range parts {
			parts[i].Thought = nil
		}
		d.say(parts...)
		return
	}
	d.say(d.ownThought(&own, parts, more)...)
}

// ownThought gives the parts of an item their thought; the encrypted reasoning
// stands with the last one.
func (d *requestDecoder) ownThought(own *llm.Thought, parts []llm.Part, more llm.Extras) []llm.Part {
	if len(parts) == 0 {
		return []llm.Part{{Kind: llm.Thinking, Thought: own, Extra: more}}
	}
	for i := range parts {
		t := parts[i].Thought
		t.ID, t.Format = own.ID, own.Format
		if !t.Summary {
			parts[i].Extra = llm.Extras{extra(rawText, []byte("true"))}
		}
	}
	last := &parts[len(parts)-1]
	last.Thought.Encrypted = own.Encrypted
	last.Extra = append(last.Extra, more...)
	return parts
}

// sealed puts a thought of another vendor back where it was.
func (d *requestDecoder) sealed(t llm.Thought, parts []llm.Part) {
	if id, ok := strings.CutPrefix(t.ID, onCall); ok {
		t.ID, d.signed = id, &t
		return
	}
	if id, ok := strings.CutPrefix(t.ID, onText); ok {
		t.ID = id
		if p := d.lastText(); p != nil {
			p.Thought = &t
			return
		}
	}
	var text strings.Builder
	for i := range parts {
		text.WriteString(parts[i].Text)
	}
	d.say(llm.Part{Kind: llm.Thinking, Text: text.String(), Thought: &t})
}

// unsigned keeps a call's thought whose call does not follow.
func (d *requestDecoder) unsigned() {
	if d.signed != nil {
		d.say(llm.Part{Kind: llm.Thinking, Thought: d.signed})
		d.signed = nil
	}
}

// lastText is the text that the assistant said last, nil if something else came
// behind it.
func (d *requestDecoder) lastText() *llm.Part {
	n := len(d.r.Messages)
	if n == 0 || d.r.Messages[n-1].Role != llm.Assistant {
		return nil
	}
	parts := d.r.Messages[n-1].Parts
	if k := len(parts); k > 0 && parts[k-1].Kind == llm.Text && parts[k-1].Thought == nil {
		return &parts[k-1]
	}
	return nil
}

// memberText is the text of a part of reasoning.
func (d *requestDecoder) memberText(path string, raw []byte) (text string) {
	if text, ok := scan.Text(raw); ok {
		return text
	}
	d.Object(path, raw, func(key string, value []byte) {
		if key == "text" {
			text = d.Text(path+".text", value)
		}
	})
	return text
}
