package responses

import (
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// conversation makes messages of instructions and input.
func (d *requestDecoder) conversation() {
	if d.instructions != "" {
		d.r.Messages = append(d.r.Messages, llm.Message{
			Role: llm.System, Parts: []llm.Part{{Kind: llm.Text, Text: d.instructions}},
		})
	}
	if text, ok := scan.Text(d.input); ok {
		d.r.Messages = append(d.r.Messages, llm.Message{Role: llm.User, Parts: []llm.Part{{Kind: llm.Text, Text: text}}})
		return
	}
	d.Array("input", d.input, d.item)
	d.unsigned()
	d.r.Messages = behindCalls(d.r.Messages)
}

// behindCalls brings outputs directly behind the calls that they answer, which
// every other dialect demands; here something may stand between them, such as
// what the user said meanwhile.
func behindCalls(list []llm.Message) []llm.Message {
	asked := map[string]int{}      // the message of a call, by the call's id
	answers := map[int][]int{}     // the messages that answer those of a message
	moves, last := false, 0        // last is the last message that is no output
	home := make([]int, len(list)) // the message that one answers; -1 = none
	for i := range list {
		home[i] = -1
		if m := &list[i]; m.Role != llm.ToolRole {
			last = i
		} else if r := m.Parts[0].Result; r != nil {
			if at, ok := asked[r.ID]; ok {
				home[i], answers[at] = at, append(answers[at], i)
				moves = moves || at != last
			}
		}
		for _, p := range list[i].Parts {
			if p.Call != nil {
				asked[p.Call.ID] = i
			}
		}
	}
	if !moves {
		return list
	}
	out := make([]llm.Message, 0, len(list))
	for i := range list {
		if home[i] < 0 {
			out = append(out, list[i])
		}
		for _, at := range answers[i] {
			out = append(out, list[at])
		}
	}
	return out
}

func (d *requestDecoder) item(path string, raw []byte) {
	var kind, role []byte
	d.Object(path, raw, func(key string, value []byte) {
		switch key {
		case "type":
			kind = value
		case "role":
			role = value
		}
	})
	word := string(members.Unquoted(kind))
	if word != "function_call" && word != "custom_tool_call" {
		d.unsigned()
	}
	switch {
	case word == "message", scan.IsNull(kind) && role != nil:
		d.message(path, raw)
	case word == "reasoning":
		d.reasoningItem(path, raw)
	case word == "function_call", word == "custom_tool_call":
		d.call(path, raw, word == "custom_tool_call")
	case word == "function_call_output", word == "custom_tool_call_output":
		d.result(path, raw)
	case scan.KindOf(raw) != scan.Object:
	default:
		p := llm.Part{Kind: llm.OpaquePart, Extra: llm.Extras{extra("item", raw)}}
		if strings.HasSuffix(word, "_output") || strings.HasSuffix(word, "_response") {
			d.r.Messages = append(d.r.Messages, llm.Message{Role: llm.ToolRole, Parts: []llm.Part{p}})
			return
		}
		d.say(p)
	}
}

// say adds to the turn of the assistant: its items follow each other here and
// are one message in the neutral model.
func (d *requestDecoder) say(parts ...llm.Part) {
	n := len(d.r.Messages)
	if n == 0 || d.r.Messages[n-1].Role != llm.Assistant {
		d.r.Messages = append(d.r.Messages, llm.Message{Role: llm.Assistant})
		n++
	}
	m := &d.r.Messages[n-1]
	m.Parts = append(m.Parts, parts...)
}

var roles = map[string]llm.Role{
	"system": llm.System, "developer": llm.Developer, "user": llm.User, "assistant": llm.Assistant,
}

// message reads a message in its short or long form. Its id and status are the
// bookkeeping of the answer that it was copied from.
func (d *requestDecoder) message(path string, raw []byte) {
	var (
		m     llm.Message
		known bool
	)
	d.Object(path, raw, func(key string, value []byte) {
		switch key {
		case "type", "id", "status":
		case "role":
			m.Role, known = roles[d.Text(path+".role", value)]
		case "content":
			m.Parts = d.content(path+".content", value)
		default:
			if !isEmpty(value) {
				m.Extra = append(m.Extra, extra(inMessage+key, value))
			}
		}
	})
	if !known {
		d.Wrong(path+".role", `"system", "developer", "user" or "assistant"`)
	}
	if m.Role != llm.Assistant {
		d.r.Messages = append(d.r.Messages, m)
		return
	}
	for i := range m.Parts {
		m.Parts[i].Extra = append(m.Parts[i].Extra, m.Extra...)
	}
	d.say(m.Parts...)
}

func (d *requestDecoder) content(path string, raw []byte) (parts []llm.Part) {
	if scan.KindOf(raw) == scan.String {
		return []llm.Part{{Kind: llm.Text, Text: d.Text(path, raw)}}
	}
	d.Array(path, raw, func(path string, value []byte) {
		parts = append(parts, d.part(path, value))
	})
	return parts
}

var partKinds = map[string]llm.PartKind{
	"input_text": llm.Text, "output_text": llm.Text, "text": llm.Text, "refusal": llm.RefusalText,
	"input_image": llm.Image, "input_file": llm.File, "input_audio": llm.Audio,
}

// part reads a part of a message or of a tool's output. The log probabilities
// of a text that comes back say nothing to the model.
func (d *requestDecoder) part(path string, raw []byte) llm.Part {
	var (
		kind            string
		p               llm.Part
		media           llm.Media
		ofImage, ofFile bool // members of either came
		odd             bool // a text that is none
		sound           []byte
	)
	d.Object(path, raw, func(key string, value []byte) {
		at := path + "." + key
		switch key {
		case "type":
			kind = d.Text(at, value)
		case "text", "refusal":
			text, ok := scan.Text(value)
			p.Text, odd = text, odd || !ok
		case "logprobs":
		case "image_url", "file_data", "file_url":
			text, _ := scan.Text(value)
			setMedia(&media, key, text)
			ofImage, ofFile = ofImage || key == "image_url", ofFile || key != "image_url"
		case "file_id":
			media.FileID, _ = scan.Text(value)
		case "filename":
			media.Name, _ = scan.Text(value)
			ofFile = true
		case "detail":
			media.Detail, _ = scan.Text(value)
		case "input_audio":
			sound = value
		default:
			if !isEmpty(value) {
				p.Extra = append(p.Extra, extra(key, value))
			}
		}
	})
	var ok bool
	if p.Kind, ok = partKinds[kind]; sound != nil || p.Kind == llm.Audio {
		return audioPart(raw, sound, p.Kind == llm.Audio && media == llm.Media{} && p.Text == "" && p.Extra == nil)
	}
	isMedia := p.Kind == llm.Image || p.Kind == llm.File
	if ok && odd {
		d.Wrong(path+".text", "a string")
	}
	if !ok || isMedia == (media == llm.Media{}) || isMedia && p.Text != "" || p.Kind == llm.Image && ofFile || p.Kind == llm.File && ofImage {
		return llm.Part{Kind: llm.OpaquePart, Extra: llm.Extras{extra("part", raw)}}
	}
	if isMedia {
		p.Media = &media
	}
	return p
}

// audioPart is a part with sound; plain tells that nothing else stands in it.
// What says more than the neutral model can stays whole.
func audioPart(raw, sound []byte, plain bool) llm.Part {
	var m llm.Media
	w := scan.Over(sound)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "data":
			m.Base64, _ = scan.Text(w.Value())
		case "format":
			if format, _ := scan.Text(w.Value()); format != "" {
				m.Type = openai.AudioType(format)
			}
		default:
			plain = false
		}
	}
	if !plain || m.Base64 == "" || m.Type == "" {
		return llm.Part{Kind: llm.OpaquePart, Extra: llm.Extras{extra("part", raw)}}
	}
	return llm.Part{Kind: llm.Audio, Media: &m}
}

// setMedia takes a data URL with base64 apart; every other URL stays one, and
// data of a file that is no URL is base64.
func setMedia(m *llm.Media, key, value string) {
	rest, isData := strings.CutPrefix(value, "data:")
	kind, data, isBase64 := strings.Cut(rest, ";base64,")
	switch {
	case isData && isBase64 && kind != "" && data != "" && !strings.ContainsAny(kind, ";,"):
		m.Type, m.Base64, m.URL = kind, data, ""
	case isData || key != "file_data":
		m.Type, m.Base64, m.URL = "", "", value
	default:
		m.Type, m.Base64, m.URL = "", value, ""
	}
}

func (d *requestDecoder) call(path string, raw []byte, custom bool) {
	c := &llm.ToolCall{FreeText: custom}
	p := llm.Part{Kind: llm.Call, Call: c, Thought: d.signed}
	d.signed = nil
	d.Object(path, raw, func(key string, value []byte) {
		switch key {
		case "type", "id", "status":
		case "call_id":
			c.ID = d.Text(path+".call_id", value)
		case "name":
			c.Name = d.Text(path+".name", value)
		case "arguments", "input":
			if c.Args = string(value); scan.KindOf(value) == scan.String {
				c.Args = d.Text(path, value)
			}
		default:
			if !isEmpty(value) {
				p.Extra = append(p.Extra, extra(key, value))
			}
		}
	})
	if custom {
		c.Args = wrap(c.Args)
	}
	d.say(p)
}

func (d *requestDecoder) result(path string, raw []byte) {
	r := &llm.ToolResult{}
	p := llm.Part{Kind: llm.Result, Result: r}
	d.Object(path, raw, func(key string, value []byte) {
		switch key {
		case "type", "id", "status":
		case "call_id":
			r.ID = d.Text(path+".call_id", value)
		case "name":
			r.Name = d.Text(path+".name", value)
		case "output":
			if r.Parts = d.content(path+".output", value); len(r.Parts) == 1 && isBlank(&r.Parts[0]) {
				r.Parts = nil
			}
		default:
			if !isEmpty(value) {
				p.Extra = append(p.Extra, extra(key, value))
			}
		}
	})
	d.r.Messages = append(d.r.Messages, llm.Message{Role: llm.ToolRole, Parts: []llm.Part{p}})
}

func isBlank(p *llm.Part) bool { return p.Kind == llm.Text && p.Text == "" && len(p.Extra) == 0 }
