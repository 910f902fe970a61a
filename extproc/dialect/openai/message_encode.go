package openai

import (
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

var roleNames = [...]string{
	llm.System: "system", llm.Developer: "developer", llm.User: "user", llm.Assistant: "assistant", llm.ToolRole: "tool",
}

// piece is a part with its place in the client's request.
type piece struct {
	*llm.Part
	message, index int
}

// turn is the path of the message that the piece is in.
func (p *piece) turn() string { return turnPath(p.message) }

func (p *piece) path() string { return turnPath(p.message) + ".content." + strconv.Itoa(p.index) }

func turnPath(i int) string { return "messages." + strconv.Itoa(i) }

// turn is a message whose parts are sorted by where this dialect has them.
type turn struct {
	*llm.Message
	number                            int
	thinking, content, calls, results []piece
}

func (e *requestEncoder) sort(i int) turn {
	t := turn{Message: &e.r.Messages[i], number: i}
	aside := 0
	for j := range t.Parts {
		p := piece{&t.Parts[j], i, j}
		switch p.Kind {
		case llm.Thinking:
			t.thinking = append(t.thinking, p)
			if e.own() {
				aside++ // which is not part of the content there
			}
		case llm.Call:
			t.calls = append(t.calls, p)
		case llm.Result:
			t.results = append(t.results, p)
		default:
			p.index -= aside
			t.content = append(t.content, p)
		}
	}
	return t
}

// messages writes all messages. Each tool result is a message of its own here
// and must directly follow the calls, so what else such turns hold comes in a
// user message behind the last result. So does media in a result, which
// OpenAI's tool messages cannot hold.
func (e *requestEncoder) messages() {
	e.BeginArray("messages")
	e.schemaNote()
	var behind []piece
	for i := range e.r.Messages {
		t := e.sort(i)
		if len(t.results) == 0 {
			e.message(&t)
			continue
		}
		for j := range t.results {
			behind = append(behind, e.result(&t, &t.results[j])...)
		}
		behind = append(behind, t.content...)
		if len(behind) > 0 && !e.answers(i+1) {
			e.message(&turn{Message: &llm.Message{Role: llm.User}, number: i, content: behind})
			behind = nil
		}
	}
	e.EndArray()
}

// answers tells whether message i holds tool results.
func (e *requestEncoder) answers(i int) bool {
	if i >= len(e.r.Messages) {
		return false
	}
	for j := range e.r.Messages[i].Parts {
		if e.r.Messages[i].Parts[j].Kind == llm.Result {
			return true
		}
	}
	return false
}

// result writes a tool message and returns the result's media.
func (e *requestEncoder) result(t *turn, p *piece) (media []piece) {
	r, hoist := p.Result, e.t.Genuine || !e.own()
	var texts []piece
	for i := range r.Parts {
		in := piece{&r.Parts[i], p.message, p.index}
		if hoist && isMedia(in.Kind) {
			media = append(media, in)
			continue
		}
		texts = append(texts, in)
	}
	e.Open()
	e.Text("role", "tool")
	e.Text("tool_call_id", e.callID(r.ID))
	if !e.content(texts) {
		e.Text("content", "")
	}
	if e.own() { // others repeat the name of the call
		e.TextIf("name", r.Name)
	}
	e.messageExtras(t)
	if len(p.Extra) > 0 {
		e.more(p.Extra, "", p.path())
	}
	if p.Cache != nil && !e.refused(p.path()+".cache_control") {
		e.Raw("cache_control", p.Cache)
	}
	if r.Error {
		e.drop(p.turn() + ".is_error")
	}
	e.End()
	return media
}

// message writes a message without tool results. One of another dialect of
// which nothing is left is left out.
func (e *requestEncoder) message(t *turn) {
	content, refusal := t.content, ""
	if n := len(content); n > 0 {
		if last := &content[n-1]; last.Kind == llm.RefusalText && last.Cache == nil && len(last.Extra) == 0 && last.Text != "" {
			refusal, content = last.Text, content[:n-1]
		}
	}
	role := t.Role
	switch {
	case role == llm.Developer && e.q.SystemRole:
		role = llm.System
	case role == llm.ToolRole:
		role = llm.User
	}
	from := len(e.B)
	e.Open()
	e.Text("role", roleNames[role])
	e.TextIf("name", t.Name)
	empty := len(e.B)
	e.thinking(t)
	switch {
	case e.content(content):
	case role == llm.Assistant && (e.own() || len(e.B) > empty || refusal != "" || len(t.calls) > 0):
		e.Raw("content", []byte("null")) // some providers insist on the member
	}
	e.TextIf("refusal", refusal)
	e.calls(t.calls)
	if len(e.B) == empty && !e.own() {
		e.messageExtras(t) // which names them
		e.B = e.B[:from]
		return
	}
	e.messageExtras(t)
	e.signature(content)
	if n := len(t.Parts); n > 0 {
		if last := &t.Parts[n-1]; last.Cache != nil && besideParts[last.Kind] && !e.refused(turnPath(t.number)+".cache_control") {
			e.Raw("cache_control", last.Cache)
		}
	}
	e.End()
}

// besideParts are the kinds whose cache breakpoint stands in the message.
var besideParts = map[llm.PartKind]bool{llm.Call: true, llm.Thinking: true, llm.OpaquePart: true}

// genuineExtras are members of messages that OpenAI's API has.
var genuineExtras = map[string]bool{"audio": true, "function_call": true, "tool_call_id": true}

func (e *requestEncoder) messageExtras(t *turn) {
	for i := range t.Extra {
		x := &t.Extra[i]
		switch {
		case x.Dialect != llm.OpenAI:
			e.drop(turnPath(t.number) + "." + dotted(x.Name))
		case x.Name == reasoningContent || x.Name == reasoningText: // thinking writes them
		case genuineExtras[x.Name] || !e.refused(turnPath(t.number)+"."+x.Name):
			e.Raw(x.Name, x.Value)
		}
	}
}

// signature writes that of a text, of which a message has room for one.
func (e *requestEncoder) signature(content []piece) {
	for i := range content {
		if p := &content[i]; p.Thought != nil && e.takes(p) {
			e.signed(p.Thought)
			return
		}
	}
}

// takes tells whether the target takes the signature of a part, and names it if
// not: only Google's compatible API knows them, and only Gemini's.
func (e *requestEncoder) takes(p *piece) bool {
	foreign := p.Thought.Signature == "" || p.Thought.Format != "" && p.Thought.Format != llm.FormatGemini
	if foreign || e.closed() || e.q.ReasoningText == asNothing {
		e.drop(p.turn() + ".reasoning")
		return false
	}
	return true
}

func (e *requestEncoder) calls(calls []piece) {
	if len(calls) == 0 {
		return
	}
	e.BeginArray("tool_calls")
	for i := range calls {
		e.callPart(&calls[i], i)
	}
	e.EndArray()
}

func (e *requestEncoder) callPart(p *piece, number int) {
	c := p.Call
	kind, name, args := "function", "arguments", c.Args
	if c.Custom {
		kind, name = "custom", "input"
	} else if args == "" {
		args = "{}" // which providers parse
	}
	e.Open()
	e.Text("id", e.callID(c.ID))
	e.Text("type", kind)
	e.Begin(kind)
	e.Text("name", c.Name)
	e.Text(name, args)
	if len(p.Extra) == 0 {
		e.End()
	} else {
		path := p.turn() + ".tool_calls." + strconv.Itoa(number)
		e.more(p.Extra, inFunction, path)
		e.End()
		e.more(p.Extra, "", path)
	}
	if p.Thought != nil && e.takes(p) {
		e.signed(p.Thought)
	}
	e.End()
}
