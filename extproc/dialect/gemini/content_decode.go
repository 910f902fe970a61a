package gemini

import (
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// roles of contents; an absent one is the user's. "function" is an older word
// for who answers calls.
var roles = map[string]llm.Role{"": llm.User, "user": llm.User, "model": llm.Assistant, "function": llm.ToolRole}

func (d *requestDecoder) content(path string, raw []byte) {
	var m llm.Message
	m.Role = llm.User
	var parts []byte
	d.message(path, raw, func(key string, value []byte) {
		switch key {
		case "role":
			role, ok := roles[d.Text(path+".role", value)]
			if m.Role = role; !ok {
				d.Wrong(path+".role", `"user" or "model"`)
			}
		case "parts":
			parts = value
		default:
			m.Extra = append(m.Extra, extra(key, value))
		}
	})
	d.list(path+".parts", parts, func(path string, value []byte) { m.Parts = d.part(path, value, m.Parts) })
	d.r.Messages = append(d.r.Messages, m)
}

// partDraft is a part in the making.
type partDraft struct {
	kinds     int // data members met
	key       string
	data      []byte
	thought   bool
	signature string
	extra     llm.Extras // what stands beside the data
}

// beside are members that say something of a part's data.
var beside = map[string]bool{"videoMetadata": true, "mediaResolution": true, "partMetadata": true}

func (d *requestDecoder) part(path string, raw []byte, parts []llm.Part) []llm.Part {
	var b partDraft
	opaque := false
	d.message(path, raw, func(key string, value []byte) {
		switch key {
		case "text":
			if string(value) == `""` && b.kinds > 0 {
				return // written by SDKs that leave nothing out
			}
			if b.key == "text" && string(b.data) == `""` {
				b.kinds--
			}
			b.kinds, b.key, b.data = b.kinds+1, key, value
		case "inlineData", "fileData", "functionCall", "functionResponse":
			if b.key == "text" && string(b.data) == `""` {
				b.kinds--
			}
			b.kinds, b.key, b.data = b.kinds+1, key, value
		case "thought":
			b.thought = d.Truth(path+".thought", value).Or(false)
		case "thoughtSignature":
			b.signature = d.Text(path+".thoughtSignature", value)
		default:
			opaque = opaque || !beside[key]
			b.extra = append(b.extra, extra(key, value))
		}
	})
	if opaque || b.kinds > 1 || b.thought && b.key != "text" && b.key != "" {
		return append(parts, llm.Part{Kind: llm.OpaquePart, Extra: llm.Extras{extra("part", raw)}})
	}
	p := llm.Part{Thought: thoughtOf(b.signature), Extra: b.extra}
	switch b.key {
	case "inlineData", "fileData":
		d.media(path+"."+b.key, b, &p)
	case "functionCall":
		d.call(path+"."+b.key, b.data, &p)
	case "functionResponse":
		d.result(path+"."+b.key, b.data, &p)
	default:
		p.Text = d.Text(path+".text", b.data)
		if b.thought {
			p.Kind = llm.Thinking
		}
		if p.Text == "" && p.Thought == nil && len(p.Extra) == 0 || joinBlank(parts, &p) {
			return parts
		}
	}
	return append(parts, p)
}

// joinBlank adds a text to the one before it if either is blank: clients send
// the pieces of a stream back as they came, and other vendors refuse blank ones.
func joinBlank(parts []llm.Part, p *llm.Part) bool {
	if len(parts) == 0 {
		return false
	}
	last := &parts[len(parts)-1]
	for _, q := range [...]*llm.Part{last, p} {
		if q.Kind != llm.Text || q.Thought != nil || len(q.Extra) > 0 {
			return false
		}
	}
	if strings.TrimSpace(last.Text) != "" && strings.TrimSpace(p.Text) != "" {
		return false
	}
	last.Text += p.Text
	return true
}

// media reads a blob or a reference. Bytes in base64's URL alphabet, which
// Python's SDK writes, come out in the usual one.
func (d *requestDecoder) media(path string, b partDraft, p *llm.Part) {
	m := &llm.Media{}
	d.message(path, b.data, func(key string, value []byte) {
		switch key {
		case "mimeType":
			m.Type = d.Text(path+".mimeType", value)
		case "data":
			m.Base64 = usualBase64(d.Text(path+".data", value))
		case "fileUri":
			m.URL = d.Text(path+".fileUri", value)
		case "displayName":
			m.Name = d.Text(path+".displayName", value)
		default:
			p.Extra = append(p.Extra, extra(b.key+"/"+key, value))
		}
	})
	p.Kind, p.Media = mediaKind(m.Type), m
}

func mediaKind(mimeType string) llm.PartKind {
	switch {
	case strings.HasPrefix(mimeType, "image/"):
		return llm.Image
	case strings.HasPrefix(mimeType, "audio/"):
		return llm.Audio
	}
	return llm.File
}

func usualBase64(s string) string {
	if strings.ContainsAny(s, "-_") {
		s = strings.NewReplacer("-", "+", "_", "/").Replace(s)
	}
	if n := len(s) % 4; n > 1 {
		s += "=="[n-2:]
	}
	return s
}

// asked are the calls of a conversation, so that results find theirs. The API
// has results follow their calls by name and order; ids are optional.
type asked struct {
	number   int
	open     map[string][]string // ids by name, in the order of the calls
	answered map[string]bool     // by id of a call
}

func (a *asked) call(c *llm.ToolCall) {
	if a.number++; c.ID == "" {
		c.ID = madeID("call", strconv.Itoa(a.number), c.Name)
	}
	if a.open == nil {
		a.open, a.answered = map[string][]string{}, map[string]bool{}
	}
	a.open[c.Name] = append(a.open[c.Name], c.ID)
	a.answered[c.ID] = false
}

func (a *asked) result(r *llm.ToolResult) {
	if _, known := a.answered[r.ID]; known {
		a.answered[r.ID] = true
		return
	}
	for queue := a.open[r.Name]; len(queue) > 0; {
		first := queue[0]
		queue = queue[1:]
		a.open[r.Name] = queue
		if !a.answered[first] {
			a.answered[first] = true
			r.ID = first
			return
		}
	}
	if a.number++; r.ID == "" {
		r.ID = madeID("result", strconv.Itoa(a.number), r.Name)
	}
}

func (d *requestDecoder) call(path string, raw []byte, p *llm.Part) {
	c := &llm.ToolCall{Args: "{}"}
	d.message(path, raw, func(key string, value []byte) {
		switch key {
		case "id":
			c.ID = d.Text(path+".id", value)
		case "name":
			c.Name = d.Text(path+".name", value)
		case "args":
			c.Args = string(value)
		default:
			p.Extra = append(p.Extra, extra(inCall+key, value))
		}
	})
	if c.Name == "" {
		d.Wrong(path+".name", "a non-empty string")
	}
	d.calls.call(c)
	p.Kind, p.Call = llm.Call, c
}

func (d *requestDecoder) result(path string, raw []byte, p *llm.Part) {
	r := &llm.ToolResult{}
	var media []llm.Part
	d.message(path, raw, func(key string, value []byte) {
		switch key {
		case "id":
			r.ID = d.Text(path+".id", value)
		case "name":
			r.Name = d.Text(path+".name", value)
		case "response":
			if scan.KindOf(value) != scan.Object {
				d.Wrong(path+".response", "an object")
				return
			}
			r.Parts, r.Error = responseParts(value)
		case "parts":
			d.list(path+".parts", value, func(path string, value []byte) { media = d.part(path, value, media) })
		default:
			p.Extra = append(p.Extra, extra(inResult+key, value))
		}
	})
	r.Parts = append(r.Parts, media...)
	d.calls.result(r)
	p.Kind, p.Result = llm.Result, r
}

// responseParts reads a result's object: "output" and "error" alone hold the
// text or value itself, as the API defines them; any other object is the
// result.
func responseParts(raw []byte) (parts []llm.Part, failed bool) {
	members, name := 0, ""
	value := raw
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		members++
		name = string(w.Key())
		value = w.Value()
	}
	text, isText := scan.Text(value)
	switch {
	case members == 0:
		return nil, false
	case members == 1 && name == "output" && isText:
		return []llm.Part{{Kind: llm.Text, Text: text}}, false
	case members == 1 && name == "error" && isText:
		return []llm.Part{{Kind: llm.Text, Text: text}}, true
	case members == 1 && name == "error" && scan.KindOf(value) == scan.Object:
		return []llm.Part{{Kind: llm.Text, Text: string(value)}}, true
	}
	return []llm.Part{{Kind: llm.Text, Text: string(raw)}}, false
}
