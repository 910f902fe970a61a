package openai

import (
	"cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

var roles = map[string]llm.Role{
	"system": llm.System, "developer": llm.Developer, "user": llm.User, "assistant": llm.Assistant,
	"tool": llm.ToolRole, "function": llm.ToolRole,
}

// draft is a message in the making. The order of members in the text does not
// matter: parts are put together at the end.
type draft struct {
	*requestDecoder
	path    string
	m       llm.Message
	callID  []byte
	content []llm.Part
	refusal []llm.Part
	calls   []llm.Part
	details []llm.Part
	cache   llm.Raw
	plain   llm.Extras   // reasoning as text only
	signed  *llm.Thought // of the text, by Gemini
}

// Names under which providers give reasoning as text: the first is DeepSeek's
// and the one that is written.
const (
	reasoningContent = "reasoning_content"
	reasoningText    = "reasoning"
)

func (d *requestDecoder) message(path string, raw []byte) {
	b := draft{requestDecoder: d, path: path}
	known := false
	d.Object(path, raw, func(key string, value []byte) {
		if key == "role" {
			b.m.Role, known = roles[d.Text(path+".role", value)]
			return
		}
		b.member(key, value)
	})
	if !known {
		d.Wrong(path+".role", `"system", "developer", "user", "assistant" or "tool"`)
	}
	d.r.Messages = append(d.r.Messages, b.finish())
}

func (b *draft) member(key string, raw []byte) {
	path := b.path + "." + key
	switch key {
	case "content":
		b.content = b.contentParts(path, raw)
	case "name":
		b.m.Name = b.Text(path, raw)
	case "tool_call_id":
		b.callID = raw
	case "refusal":
		if !scan.IsNull(raw) {
			b.refusal = []llm.Part{{Kind: llm.RefusalText, Text: b.Text(path, raw)}}
		}
	case "tool_calls":
		b.calls = nil
		b.Array(path, raw, b.call)
	case reasoningContent, reasoningText:
		if !scan.IsNull(raw) {
			b.plain = append(b.plain, extra(key, raw))
		}
	case "reasoning_details":
		b.details = nil
		b.Array(path, raw, b.detail)
	case "cache_control":
		b.cache = cache(raw)
	case "extra_content":
		if s, ok := signature(raw); ok {
			b.signed = s
			return
		}
		b.m.Extra = append(b.m.Extra, extra(key, raw))
	default:
		b.m.Extra = append(b.m.Extra, extra(key, raw))
	}
}

// finish puts the message together: reasoning, content, refusal, calls.
func (b *draft) finish() llm.Message {
	m := b.m
	if m.Role == llm.ToolRole {
		return b.result()
	}
	m.Parts = b.thinking()
	m.Extra = append(m.Extra, b.plain...)
	if n := len(b.content); b.signed != nil && n > 0 && b.content[n-1].Kind == llm.Text {
		b.content[n-1].Thought = b.signed
	}
	m.Parts = append(m.Parts, b.content...)
	m.Parts = append(m.Parts, b.refusal...)
	m.Parts = append(m.Parts, b.calls...)
	if !scan.IsNull(b.callID) {
		m.Extra = append(m.Extra, extra("tool_call_id", b.callID))
	}
	switch n := len(m.Parts); {
	case b.cache == nil:
	case n == 0:
		m.Extra = append(m.Extra, extra("cache_control", b.cache))
	default:
		m.Parts[n-1].Cache = b.cache
	}
	return m
}

// result makes a tool message of the draft.
func (b *draft) result() llm.Message {
	m := b.m
	if len(b.calls)+len(b.details)+len(b.refusal) > 0 {
		b.Wrong(b.path, "a tool message without tool_calls, refusal and reasoning")
	}
	r := &llm.ToolResult{ID: b.Text(b.path+".tool_call_id", b.callID), Name: m.Name, Parts: b.content}
	if len(r.Parts) == 1 && r.Parts[0].Kind == llm.Text && r.Parts[0].Text == "" && r.Parts[0].Cache == nil && r.Parts[0].Extra == nil {
		r.Parts = nil
	}
	m.Name, m.Parts = "", []llm.Part{{Kind: llm.Result, Result: r, Cache: b.cache}}
	return m
}

// thinking is the message's reasoning: its details, else its plain text. Text
// that repeats details, or has another name than the one that is written,
// stays as Extra so that it goes back as it came.
func (b *draft) thinking() []llm.Part {
	if len(b.plain) == 0 {
		return b.details
	}
	first := b.plain[0]
	text := b.Text(b.path+"."+first.Name, first.Value)
	if n := len(b.details); n > 0 {
		if d := &b.details[0]; n == 1 && d.Text == "" && d.Thought.Signature != "" {
			d.Text = text // which the signature is for
		}
		return b.details
	}
	if len(b.plain) == 1 && first.Name == reasoningContent {
		b.plain = nil
	}
	return []llm.Part{{Kind: llm.Thinking, Text: text}}
}

func (b *draft) contentParts(path string, raw []byte) (parts []llm.Part) {
	if scan.KindOf(raw) == scan.String {
		return []llm.Part{{Kind: llm.Text, Text: b.Text(path, raw)}}
	}
	b.Array(path, raw, func(path string, value []byte) {
		parts = append(parts, b.part(path, value))
	})
	return parts
}

func (b *draft) part(path string, raw []byte) llm.Part {
	var (
		kind, mediaKey string
		mediaKeys      int
		p              llm.Part
	)
	opaque := llm.Part{Kind: llm.OpaquePart, Extra: llm.Extras{extra("part", raw)}}
	b.Object(path, raw, func(key string, value []byte) {
		switch key {
		case "type":
			kind = b.Text(path+".type", value)
		case "text":
			p.Text = b.Text(path+".text", value)
		case "refusal":
			p.Text = b.Text(path+".refusal", value)
		case "image_url", "input_audio", "file":
			mediaKeys++
			mediaKey, p.Media = key, b.media(path, key, value)
		case "cache_control":
			p.Cache = cache(value)
		default:
			p.Extra = append(p.Extra, extra(key, value))
		}
	})
	var ok bool
	if p.Kind, ok = partKinds[kind]; !ok {
		return opaque
	}
	if isMedia(p.Kind) && (p.Media == nil || mediaKey != kind) || mediaKeys > 1 || mediaKeys == 1 && !isMedia(p.Kind) {
		return opaque
	}
	return p
}

var partKinds = map[string]llm.PartKind{
	"text": llm.Text, "refusal": llm.RefusalText, "image_url": llm.Image, "input_audio": llm.Audio, "file": llm.File,
}

func isMedia(k llm.PartKind) bool { return k == llm.Image || k == llm.Audio || k == llm.File }

func (b *draft) call(path string, raw []byte) {
	c := &llm.ToolCall{}
	p := llm.Part{Kind: llm.Call, Call: c}
	b.Object(path, raw, func(key string, value []byte) {
		switch key {
		case "id":
			c.ID = b.Text(path+".id", value)
		case "type":
			c.Custom = string(value) == `"custom"`
		case "function", "custom":
			b.Object(path+"."+key, value, func(inner string, value []byte) {
				switch inner {
				case "name":
					c.Name = b.Text(path+"."+key+".name", value)
				case "arguments", "input":
					if c.Args = string(value); scan.KindOf(value) == scan.String {
						c.Args = b.Text(path, value)
					}
				default:
					p.Extra = append(p.Extra, extra("function/"+inner, value))
				}
			})
		case "index": // copied from a stream by some clients
		case "extra_content":
			var ok bool
			if p.Thought, ok = signature(value); !ok {
				p.Thought = nil
				p.Extra = append(p.Extra, extra(key, value))
			}
		default:
			p.Extra = append(p.Extra, extra(key, value))
		}
	})
	b.calls = append(b.calls, p)
}

// detail reads an element of reasoning_details. Clients that keep a stream's
// fragments in a list send them so: what has one index is joined.
func (b *draft) detail(path string, raw []byte) {
	p := b.reasoningDetail(path, raw)
	if n := len(b.details); n > 0 {
		if last := &b.details[n-1]; continues(last, &p) {
			last.Text += p.Text
			last.Thought.Signature = p.Thought.Signature
			last.Thought.ID = cmp.Or(last.Thought.ID, p.Thought.ID)
			last.Thought.Format = cmp.Or(last.Thought.Format, p.Thought.Format)
			return
		}
	}
	b.details = append(b.details, p)
}

func continues(last, p *llm.Part) bool {
	index := last.Extra.Get(llm.OpenAI, "index")
	return index != nil && string(index) == string(p.Extra.Get(llm.OpenAI, "index")) &&
		last.Thought.Signature == "" && last.Thought.Encrypted == "" && p.Thought.Encrypted == "" &&
		last.Thought.Summary == p.Thought.Summary && len(p.Extra) == 1
}

func cache(raw []byte) llm.Raw {
	if scan.IsNull(raw) {
		return nil
	}
	return members.Clone(raw)
}
