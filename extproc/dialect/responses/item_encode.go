package responses

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// messages writes instructions, if the first message is plain, and the items of
// all others: a message of the assistant becomes several, in its order.
func (e *requestEncoder) messages() {
	list, first := e.r.Messages, 0
	if len(list) > 0 && list[0].Role == llm.System && isPlain(list[0].Parts) && list[0].Parts[0].Text != "" && len(list[0].Extra) == 0 {
		first = 1
		e.Text("instructions", list[0].Parts[0].Text)
		e.named("messages.0", &list[0])
	}
	e.BeginArray("input")
	for i := first; i < len(list); i++ {
		e.message("messages."+strconv.Itoa(i), &list[i])
	}
	e.EndArray()
}

// isPlain tells whether a message is one text and nothing else.
func isPlain(parts []llm.Part) bool {
	return len(parts) == 1 && parts[0].Kind == llm.Text && parts[0].Cache == nil && len(parts[0].Extra) == 0
}

// named says that a name cannot be told.
func (e *requestEncoder) named(path string, m *llm.Message) {
	if m.Name != "" {
		e.drop(path + ".name")
	}
	for i := range m.Extra {
		if m.Extra[i].Dialect != llm.Responses {
			e.drop(path + "." + m.Extra[i].Name)
		}
	}
}

// message writes a message part by part: runs of content are a message item,
// runs of one thought a reasoning item.
func (e *requestEncoder) message(path string, m *llm.Message) {
	e.named(path, m)
	if len(m.Parts) == 0 && m.Role != llm.ToolRole {
		e.content(path, m, nil)
		return
	}
	for parts := m.Parts; len(parts) > 0; {
		n := 1
		switch p := &parts[0]; p.Kind {
		case llm.Thinking:
			n = thoughtRun(parts)
			e.thought(path, parts[:n])
		case llm.Call:
			e.call(path, p)
		case llm.Result:
			e.result(path, p)
		default:
			if raw := p.Extra.Get(llm.Responses, "item"); raw != nil {
				e.Element(raw)
				break
			}
			n = contentRun(parts)
			e.content(path, m, parts[:n])
		}
		parts = parts[n:]
	}
}

// contentRun counts the parts that belong to one message item.
func contentRun(parts []llm.Part) int {
	n := 1
	for n < len(parts) && isContent(&parts[n]) && sameItem(parts[0].Extra, parts[n].Extra) {
		n++
	}
	return n
}

func isContent(p *llm.Part) bool {
	switch p.Kind {
	case llm.Thinking, llm.Call, llm.Result:
		return false
	}
	return p.Extra.Get(llm.Responses, "item") == nil
}

// sameItem tells whether two parts say the same of the item around them.
func sameItem(a, b llm.Extras) bool { return bytes.Equal(around(a), around(b)) }

func around(list llm.Extras) []byte {
	var o object
	o.extras(list, inMessage)
	return o.B
}

var roleNames = [...]string{
	llm.System: "system", llm.Developer: "developer", llm.User: "user", llm.Assistant: "assistant", llm.ToolRole: "user",
}

// content writes a message item; one plain text is written as a string. A
// message of which nothing can be said, or of other dialects that says nothing,
// is left out.
func (e *requestEncoder) content(path string, m *llm.Message, parts []llm.Part) {
	if !e.own() && (len(parts) == 0 || len(parts) == 1 && m.Role == llm.Assistant && isBlank(&parts[0])) {
		return
	}
	from := len(e.B)
	role := m.Role
	if role == llm.Developer && e.q.SystemRole {
		role = llm.System
	}
	e.Open()
	e.Text("type", "message")
	e.Text("role", roleNames[role])
	if len(parts) > 0 {
		e.extras(parts[0].Extra, inMessage)
	}
	if role != llm.Assistant {
		e.extras(m.Extra, inMessage)
	}
	if len(parts) == 1 && parts[0].Kind == llm.Text && parts[0].Cache == nil && len(around(parts[0].Extra)) == 0 && len(parts[0].Extra) == 0 {
		e.Text("content", parts[0].Text)
		e.End()
		return
	}
	e.BeginArray("content")
	empty := len(e.B)
	for i := range parts {
		e.part(path+".content", role, &parts[i])
	}
	if len(parts) > 0 && len(e.B) == empty {
		e.B = e.B[:from]
		return
	}
	e.EndArray()
	e.End()
}

// part writes a part of a message or a tool's output.
func (e *requestEncoder) part(path string, role llm.Role, p *llm.Part) {
	switch p.Kind {
	case llm.OpaquePart:
		if raw := p.Extra.Get(llm.Responses, "part"); raw != nil {
			e.Element(raw)
			return
		}
		e.drop(path)
		if p.Text != "" {
			e.part(path, role, &llm.Part{Kind: llm.Text, Text: p.Text})
		}
		return
	case llm.Image, llm.File, llm.Audio:
		if !e.takes(path, role, p) {
			return
		}
	}
	e.Open()
	switch p.Kind {
	case llm.Text:
		if role == llm.Assistant {
			e.Text("type", "output_text")
		} else {
			e.Text("type", "input_text")
		}
		e.Text("text", p.Text)
		if role == llm.Assistant && p.Extra.Get(llm.Responses, "annotations") == nil {
			e.Word("annotations", "[]")
		}
	case llm.RefusalText:
		e.Text("type", "refusal")
		e.Text("refusal", p.Text)
	case llm.Image:
		e.image(p.Media)
	case llm.File:
		e.file(p.Media)
	case llm.Audio:
		e.Text("type", "input_audio")
		e.Begin("input_audio")
		e.Text("data", p.Media.Base64)
		e.Text("format", openai.AudioFormat(p.Media.Type))
		e.End()
	}
	e.more(p.Extra, path)
	if p.Cache != nil {
		e.drop(path + ".cache_control")
	}
	e.End()
}

// takes tells whether media can be written. Without it the request would mean
// something else, so it is a problem for this target; only what the assistant
// once showed, whose turns hold nothing but text here, is left out and named.
// What clients of this dialect write goes as it came.
func (e *requestEncoder) takes(path string, role llm.Role, p *llm.Part) bool {
	m := p.Media
	switch {
	case e.own():
	case e.t.Genuine && role == llm.Assistant:
		e.drop(path)
		return false
	case p.Kind == llm.Audio:
		e.cannot(path, "audio input is not supported by this target")
	case m.FileID != "" && !e.vendors():
		e.cannot(path, "a file known by its id at another vendor cannot be read by this target")
	case m.Base64 == "" && m.URL == "" && m.FileID == "":
		e.cannot(path, "media without bytes and URL")
	case e.t.Genuine && strings.HasPrefix(m.Type, "video/"):
		e.cannot(path, "video is not supported by this target")
	}
	return true
}

// callID is the id of a call for the target.
func (e *requestEncoder) callID(id string) string {
	if e.own() {
		return id
	}
	return openai.ShortID(id, maxID)
}

func (e *requestEncoder) image(m *llm.Media) {
	e.Text("type", "input_image")
	e.TextIf("file_id", m.FileID)
	switch {
	case m.Base64 != "" && m.Type == "":
		e.Text("image_url", "data:image/png;base64,"+m.Base64) // vendors look at the bytes
	default:
		e.TextIf("image_url", mediaURL(m))
	}
	e.TextIf("detail", m.Detail)
}

// file writes a file; this API wants a name with its bytes.
func (e *requestEncoder) file(m *llm.Media) {
	e.Text("type", "input_file")
	e.TextIf("file_id", m.FileID)
	name := m.Name
	if name == "" && m.Base64 != "" && e.r.Dialect != llm.Responses {
		if name = "document"; m.Type == "application/pdf" {
			name = "document.pdf"
		}
	}
	e.TextIf("filename", name)
	switch {
	case m.Base64 != "" || strings.HasPrefix(m.URL, "data:"):
		e.Text("file_data", mediaURL(m))
	default:
		e.TextIf("file_url", m.URL)
	}
	e.TextIf("detail", m.Detail)
}

// mediaURL is the reverse of setMedia.
func mediaURL(m *llm.Media) string {
	switch {
	case m.Base64 != "" && m.Type != "":
		return "data:" + m.Type + ";base64," + m.Base64
	case m.Base64 != "":
		return m.Base64
	}
	return m.URL
}

func (e *requestEncoder) call(path string, p *llm.Part) {
	c, args := p.Call, p.Call.Args
	if args == "" && !e.own() {
		args = "{}" // which providers parse
	}
	e.Open()
	if c.Custom || c.FreeText {
		e.custom = append(e.custom, c.ID)
		input := c.Args
		if c.FreeText {
			input = unwrap(c.Args)
		}
		e.Text("type", "custom_tool_call")
		e.Text("call_id", e.callID(c.ID))
		e.Text("name", c.Name)
		e.Text("input", input)
	} else {
		e.Text("type", "function_call")
		e.Text("call_id", e.callID(c.ID))
		e.Text("name", c.Name)
		e.Text("arguments", args)
	}
	e.more(p.Extra, path+".tool_calls")
	e.End()
	if p.Thought != nil {
		e.drop(path + ".reasoning")
	}
	if p.Cache != nil {
		e.drop(path + ".cache_control")
	}
}

func (e *requestEncoder) result(path string, p *llm.Part) {
	r := p.Result
	kind := "function_call_output"
	if slices.Contains(e.custom, r.ID) {
		kind = "custom_tool_call_output"
	}
	e.Open()
	e.Text("type", kind)
	e.Text("call_id", e.callID(r.ID))
	if e.r.Dialect == llm.Responses { // others repeat the name of the call
		e.TextIf("name", r.Name)
	}
	switch {
	case len(r.Parts) == 0:
		e.Text("output", "")
	case isPlain(r.Parts):
		e.Text("output", r.Parts[0].Text)
	default:
		from := len(e.B)
		e.BeginArray("output")
		empty := len(e.B)
		for i := range r.Parts {
			e.part(path+".content", llm.User, &r.Parts[i])
		}
		if e.EndArray(); len(e.B) == empty+1 && !e.own() {
			e.B = e.B[:from]
			e.Text("output", "")
		}
	}
	e.more(p.Extra, path)
	e.End()
	if p.Cache != nil {
		e.drop(path + ".cache_control")
	}
	if r.Error {
		e.drop(path + ".is_error")
	}
}
