package openai

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

var roleNames = [...]string{
	llm.System: "system", llm.Developer: "developer", llm.User: "user", llm.Assistant: "assistant", llm.ToolRole: "tool",
}

// messages writes all messages. Each tool result is a message of its own here
// and must directly follow the calls. Media in a result, which OpenAI's tool
// messages cannot hold, comes in a user message behind the results.
func (e *requestEncoder) messages() {
	e.BeginArray("messages")
	var media []llm.Part
	for i := range e.r.Messages {
		m := &e.r.Messages[i]
		path := "messages." + strconv.Itoa(i)
		rest := *m
		rest.Parts = nil
		for j := range m.Parts {
			p := &m.Parts[j]
			if p.Kind != llm.Result {
				rest.Parts = append(rest.Parts, *p)
				continue
			}
			media = append(media, e.result(path, m, p)...)
		}
		next := i+1 == len(e.r.Messages) || e.r.Messages[i+1].Role != llm.ToolRole
		if len(media) > 0 && next {
			if m.Role == llm.User {
				rest.Parts = append(media, rest.Parts...)
			} else {
				e.message(path, &llm.Message{Role: llm.User, Parts: media})
			}
			media = nil
		}
		if rest.Role == llm.ToolRole {
			rest.Role = llm.User
		}
		if len(rest.Parts) > 0 || len(m.Parts) == 0 {
			e.message(path, &rest)
		}
	}
	e.EndArray()
}

// result writes a tool message and returns the result's media.
func (e *requestEncoder) result(path string, m *llm.Message, p *llm.Part) (media []llm.Part) {
	r, hoist := p.Result, e.t.Genuine || e.r.Dialect != llm.OpenAI
	e.Open()
	e.Text("role", "tool")
	e.Text("tool_call_id", r.ID)
	var texts []llm.Part
	for i := range r.Parts {
		if hoist && isMedia(r.Parts[i].Kind) {
			media = append(media, r.Parts[i])
			continue
		}
		texts = append(texts, r.Parts[i])
	}
	if len(texts) == 0 {
		e.Text("content", "")
	} else {
		e.content(path, texts)
	}
	e.TextIf("name", r.Name)
	if m.Role == llm.ToolRole {
		e.messageExtras(path, m)
	}
	if p.Cache != nil && !e.refused(path+".cache_control") {
		e.Raw("cache_control", p.Cache)
	}
	if r.Error {
		e.drop(path + ".is_error")
	}
	e.End()
	return media
}

// message writes a message without tool results.
func (e *requestEncoder) message(path string, m *llm.Message) {
	var thinking, content, calls []llm.Part
	for _, p := range m.Parts {
		switch p.Kind {
		case llm.Thinking:
			thinking = append(thinking, p)
		case llm.Call:
			calls = append(calls, p)
		default:
			content = append(content, p)
		}
	}
	refusal := ""
	if n := len(content); n > 0 {
		if last := content[n-1]; last.Kind == llm.RefusalText && last.Cache == nil && len(last.Extra) == 0 && last.Text != "" {
			refusal, content = last.Text, content[:n-1]
		}
	}
	role := m.Role
	if role == llm.Developer && e.q.SystemRole {
		role = llm.System
	}
	e.Open()
	e.Text("role", roleNames[role])
	e.TextIf("name", m.Name)
	e.thinking(path, m, thinking)
	switch {
	case len(content) > 0:
		e.content(path, content)
	case m.Role == llm.Assistant: // some providers insist on the member
		e.Raw("content", []byte("null"))
	}
	e.TextIf("refusal", refusal)
	if len(calls) > 0 {
		e.BeginArray("tool_calls")
		for i := range calls {
			e.callPart(path+".tool_calls", &calls[i])
		}
		e.EndArray()
	}
	e.messageExtras(path, m)
	for i := range content {
		if s := content[i].Thought; s != nil && !e.refused(path+".extra_content") {
			e.signed(s)
			break
		}
	}
	if n := len(m.Parts); n > 0 {
		if last := &m.Parts[n-1]; last.Cache != nil && besideParts[last.Kind] && !e.refused(path+".cache_control") {
			e.Raw("cache_control", last.Cache)
		}
	}
	e.End()
}

// besideParts are the kinds whose cache breakpoint stands in the message.
var besideParts = map[llm.PartKind]bool{llm.Call: true, llm.Thinking: true, llm.OpaquePart: true}

func (e *requestEncoder) messageExtras(path string, m *llm.Message) {
	for i := range m.Extra {
		x := &m.Extra[i]
		switch {
		case x.Dialect != llm.OpenAI:
			e.drop(path + "." + x.Name)
		case x.Name == "audio" || x.Name == "function_call" || x.Name == "tool_call_id" || !e.refused(path+"."+x.Name):
			e.Raw(x.Name, x.Value)
		}
	}
}

// thinking writes reasoning that goes back to its provider: with signatures as
// reasoning_details, bare text as reasoning_content, unless the message came
// with that text under names of its own, which follow as extras.
func (e *requestEncoder) thinking(path string, m *llm.Message, parts []llm.Part) {
	if len(parts) == 0 || e.refused(path+".reasoning") {
		return
	}
	if e.q.ReasoningText == asNothing {
		e.drop(path + ".reasoning")
		return
	}
	named := m.Extra.Get(llm.OpenAI, reasoningContent) != nil || m.Extra.Get(llm.OpenAI, reasoningText) != nil
	var plain strings.Builder
	detailed := false
	for i := range parts {
		if parts[i].Thought == nil {
			plain.WriteString(parts[i].Text)
		} else {
			detailed = true
		}
	}
	if !named && (plain.Len() > 0 || !detailed) {
		e.Text(cmp.Or(e.q.ReasoningText, reasoningContent), plain.String())
	}
	if !detailed {
		return
	}
	e.BeginArray("reasoning_details")
	for i := range parts {
		if p := &parts[i]; p.Thought != nil {
			e.detail(p.Text, p.Thought, p.Extra)
		}
	}
	e.EndArray()
}

// content writes one plain text as a string, everything else as parts.
func (e *requestEncoder) content(path string, parts []llm.Part) {
	if len(parts) == 1 {
		if p := &parts[0]; p.Kind == llm.Text && p.Cache == nil && len(p.Extra) == 0 {
			e.Text("content", p.Text)
			return
		}
	}
	if text, ok := joined(parts); ok && e.q.TextOnly {
		e.Text("content", text)
		return
	}
	e.BeginArray("content")
	for i := range parts {
		e.part(path+".content", &parts[i])
	}
	e.EndArray()
}

func (e *requestEncoder) part(path string, p *llm.Part) {
	if p.Kind == llm.OpaquePart {
		if raw := p.Extra.Get(llm.OpenAI, "part"); raw != nil {
			e.Element(raw)
		} else {
			e.drop(path)
		}
		return
	}
	e.Open()
	switch p.Kind {
	case llm.Text:
		e.Text("type", "text")
		e.Text("text", p.Text)
	case llm.RefusalText:
		e.Text("type", "refusal")
		e.Text("refusal", p.Text)
	case llm.Image, llm.Audio, llm.File:
		e.Text("type", mediaTypes[p.Kind])
		e.media(p.Kind, p.Media)
	}
	e.more(p.Extra, "", path)
	if p.Cache != nil && !e.refused(path+".cache_control") {
		e.Raw("cache_control", p.Cache)
	}
	e.End()
}

var mediaTypes = map[llm.PartKind]string{llm.Image: "image_url", llm.Audio: "input_audio", llm.File: "file"}

func (e *requestEncoder) callPart(path string, p *llm.Part) {
	c := p.Call
	kind, args := "function", "arguments"
	if c.Custom {
		kind, args = "custom", "input"
	}
	e.Open()
	e.Text("id", c.ID)
	e.Text("type", kind)
	e.Begin(kind)
	e.Text("name", c.Name)
	e.Text(args, c.Args)
	e.more(p.Extra, inFunction, path)
	e.End()
	e.more(p.Extra, "", path)
	if p.Thought != nil && !e.refused(path+".extra_content") {
		e.signed(p.Thought)
	}
	e.End()
}
