package anthropic

import (
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

var roles = map[string]llm.Role{"user": llm.User, "assistant": llm.Assistant, "system": llm.System}

func (d *requestDecoder) message(path string, raw []byte) {
	var m llm.Message
	known := false
	d.Object(path, raw, func(key string, value []byte) {
		switch key {
		case "role":
			m.Role, known = roles[d.Text(path+".role", value)]
		case "content":
			m.Parts = d.blocks(path+".content", value)
		default:
			m.Extra = append(m.Extra, extra(key, value))
		}
	})
	if !known {
		d.Wrong(path+".role", `"user", "assistant" or "system"`)
	}
	m.Parts = signCalls(m.Parts)
	d.r.Messages = append(d.r.Messages, m)
}

// signCalls gives signatures of Gemini back to what they sign: this dialect has
// no place for them on calls and texts, so answers carry them as a
// redacted_thinking block of their own, in front of the call or behind the text.
func signCalls(parts []llm.Part) []llm.Part {
	kept := parts[:0]
	var forCall *llm.Thought
	for i := range parts {
		p := parts[i]
		if forCall != nil {
			p.Thought, forCall = forCall, nil
		} else if isSignature(&p) {
			if next := i + 1; next < len(parts) && parts[next].Kind == llm.Call {
				forCall = p.Thought
				continue
			}
			if n := len(kept); n > 0 && kept[n-1].Kind == llm.Text && kept[n-1].Thought == nil {
				kept[n-1].Thought = p.Thought
				continue
			}
		}
		kept = append(kept, p)
	}
	return kept
}

func isSignature(p *llm.Part) bool {
	t := p.Thought
	return p.Kind == llm.Thinking && p.Text == "" && t != nil && t.Format == llm.FormatGemini && t.Encrypted == ""
}

// blocks reads content: a string, or an array of blocks.
func (d *requestDecoder) blocks(path string, raw []byte) (parts []llm.Part) {
	if scan.KindOf(raw) == scan.String {
		return []llm.Part{{Kind: llm.Text, Text: d.Text(path, raw)}}
	}
	d.Array(path, raw, func(path string, value []byte) {
		parts = append(parts, d.block(path, value))
	})
	return parts
}

// block reads one block. What cannot be said in neutral words without loss
// stays whole.
func (d *requestDecoder) block(path string, raw []byte) llm.Part {
	b := blockDraft{requestDecoder: d, path: path}
	d.Object(path, raw, func(key string, value []byte) {
		if key == "type" {
			b.kind = d.Text(path+".type", value)
			return
		}
		b.members = append(b.members, llm.Member{Name: key, Value: value})
	})
	if p, ok := b.read(); ok {
		return p
	}
	return llm.Part{Kind: llm.OpaquePart, Text: passage(b.kind, raw), Extra: llm.Extras{extra(wholePart, raw)}}
}

// passage is the text of a block that only differs from one by what citations
// need: a search_result, or a document in blocks of content; "" for any other.
func passage(kind string, raw []byte) string {
	content := members.Find(raw, "content")
	switch kind {
	case "document":
		content = members.Find(members.Find(raw, "source"), "content")
	case "search_result":
	default:
		return ""
	}
	var lines []string
	if text, ok := scan.Text(content); ok {
		lines = append(lines, text)
	}
	w := scan.Over(content)
	for ok := w.Array(); ok && w.Element(); {
		if text, ok := scan.Text(members.Find(w.Value(), "text")); ok {
			lines = append(lines, text)
		}
	}
	var head []string
	for _, name := range [...]string{"title", "source"} {
		if text, _ := scan.Text(members.Find(raw, name)); text != "" {
			head = append(head, text)
		}
	}
	text := strings.Join(lines, "\n")
	if len(head) > 0 && text != "" {
		text = strings.Join(head, "\n") + "\n\n" + text
	}
	return text
}

// blockDraft is a block whose type is known before its members are read.
type blockDraft struct {
	*requestDecoder
	path    string
	kind    string
	members []llm.Member
	p       llm.Part
}

func (b *blockDraft) read() (llm.Part, bool) {
	switch b.kind {
	case "text":
		b.p.Kind = llm.Text
		b.each(func(m llm.Member) bool { return b.textOf(m, "text", &b.p.Text) })
	case "image", "document":
		return b.p, b.media()
	case "thinking":
		var signature string
		b.p.Kind = llm.Thinking
		b.each(func(m llm.Member) bool {
			return b.textOf(m, "thinking", &b.p.Text) || b.textOf(m, "signature", &signature)
		})
		if signature != "" {
			b.p.Thought = signed(signature)
		}
	case "redacted_thinking":
		var data string
		b.p.Kind = llm.Thinking
		b.each(func(m llm.Member) bool { return b.textOf(m, "data", &data) })
		b.p.Thought = redacted(data)
		return b.p, data != ""
	case "tool_use":
		c := &llm.ToolCall{Args: "{}"}
		b.p.Kind, b.p.Call = llm.Call, c
		b.each(func(m llm.Member) bool {
			if m.Name == "input" {
				c.Args = inputText(m.Value)
				return true
			}
			return b.textOf(m, "id", &c.ID) || b.textOf(m, "name", &c.Name)
		})
	case "tool_result":
		b.result()
	default:
		return b.p, false
	}
	return b.p, true
}

// each gives every member to known; those it does not know become Extra.
func (b *blockDraft) each(known func(llm.Member) bool) {
	for _, m := range b.members {
		switch {
		case m.Name == "cache_control":
			b.p.Cache = cache(m.Value)
		case known(m):
		case !scan.IsNull(m.Value):
			b.p.Extra = append(b.p.Extra, extra(m.Name, m.Value))
		}
	}
}

func (b *blockDraft) textOf(m llm.Member, name string, into *string) bool {
	if m.Name != name {
		return false
	}
	*into = b.Text(b.path+"."+name, m.Value)
	return true
}

func (b *blockDraft) result() {
	r := &llm.ToolResult{}
	b.p.Kind, b.p.Result = llm.Result, r
	b.each(func(m llm.Member) bool {
		switch m.Name {
		case "content":
			if parts := b.blocks(b.path+".content", m.Value); len(parts) != 1 || !isPlain(&parts[0]) || parts[0].Text != "" {
				r.Parts = parts
			}
		case "is_error":
			r.Error = b.Truth(b.path+".is_error", m.Value).Or(false)
		default:
			return b.textOf(m, "tool_use_id", &r.ID)
		}
		return true
	})
}

// isPlain tells whether a part is text and nothing else.
func isPlain(p *llm.Part) bool {
	return p.Kind == llm.Text && p.Cache == nil && p.Thought == nil && len(p.Extra) == 0
}

// inputText is the arguments of a call: the input object as it was written. A
// string with such an object in it, as some compatible providers send it, is
// that object; anything else is wrapped so that arguments are always an object.
func inputText(raw []byte) string {
	if text, ok := scan.Text(raw); ok {
		return objectText(text)
	}
	if scan.IsNull(raw) {
		return "{}"
	}
	return objectText(string(raw))
}
