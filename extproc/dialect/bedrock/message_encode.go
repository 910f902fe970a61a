package bedrock

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

const (
	roleUser      = "user"
	roleAssistant = "assistant"
	// filler is the text of a user's turn that Converse insists on and the
	// client did not write: in front of an assistant who speaks first, and
	// beside a document.
	filler = "."
	// goOn is the user's turn behind an answer that the client has begun, for
	// models that refuse to go on with one.
	goOn = "Continue."
	// noOutput is the text of a tool result without content.
	noOutput = "(no output)"
)

// messages writes the turns: neighbours of one role are one turn, since roles
// must alternate. If nobody but the system says anything, its words are the
// user's turn, since Converse wants one.
func (e *requestEncoder) messages() {
	e.BeginArray("messages")
	e.turns(false)
	if e.role == "" {
		e.systemSpeaks = true
		e.turns(true)
	}
	e.prefill()
	e.closeTurn()
	e.EndArray()
}

// turns writes the messages of the conversation, or those of the system.
func (e *requestEncoder) turns(system bool) {
	for i := range e.r.Messages {
		m := &e.r.Messages[i]
		if isSystem(m) != system {
			continue
		}
		role := roleUser
		if m.Role == llm.Assistant {
			role = roleAssistant
		}
		for j := range m.Parts {
			e.part(role, i, j)
		}
		e.messageRest(i, m)
	}
}

func isSystem(m *llm.Message) bool { return m.Role == llm.System || m.Role == llm.Developer }

// turn opens the turn of a role, unless it is the one that is open.
func (e *requestEncoder) turn(role string) {
	if e.role == role {
		return
	}
	if e.role == "" && role == roleAssistant {
		e.turn(roleUser)
		e.textBlock(filler)
	}
	e.closeTurn()
	e.role, e.hasText, e.needsText = role, false, false
	e.Open()
	e.Text("role", role)
	e.BeginArray("content")
}

func (e *requestEncoder) closeTurn() {
	if e.role == "" {
		return
	}
	if e.needsText && !e.hasText {
		e.textBlock(filler)
	}
	e.EndArray()
	e.End()
}

func (e *requestEncoder) textBlock(text string) {
	e.Open()
	e.Text("text", text)
	e.End()
}

// part writes a part of a message in a turn of the role.
func (e *requestEncoder) part(role string, i, j int) {
	p := &e.r.Messages[i].Parts[j]
	at, from := place{message: i, part: j, inner: -1}, len(e.B)
	switch p.Kind {
	case llm.Text, llm.RefusalText:
		e.words(role, p.Text)
		if p.Thought != nil {
			e.dropThought(i)
		}
	case llm.Image, llm.File, llm.Audio:
		e.mediaPart(role, at, p)
	case llm.Call:
		e.call(role, p.Call)
		if p.Thought != nil {
			e.dropThought(i)
		}
	case llm.Result:
		e.result(at, p.Result)
	case llm.Thinking:
		if !e.thought(role, p) {
			e.dropThought(i)
		}
		return
	default:
		e.opaque(role, at, p)
		return
	}
	cache := p.Cache
	if p.Kind == llm.Result {
		for k := range p.Result.Parts {
			if inner := p.Result.Parts[k].Cache; inner != nil {
				cache = inner // Converse has no cache points within results
			}
		}
	}
	e.cachePoint(at, cache, e.m.caches() && len(e.B) > from)
	e.foreign(at, p.Extra)
}

// dropThought names reasoning that the model could not read or verify.
func (e *requestEncoder) dropThought(i int) { e.drop("messages." + strconv.Itoa(i) + ".reasoning") }

// words writes a text, unless it is blank, which Converse refuses.
func (e *requestEncoder) words(role, text string) {
	if blank(text) {
		return
	}
	e.turn(role)
	from := len(e.B)
	e.textBlock(text)
	e.lastText = written{text: text, from: from, to: len(e.B)}
	e.hasText = true
}

// written is the last text of the conversation so far.
type written struct {
	text     string
	from, to int // its block
}

// prefill trims the beginning of an answer that the client wrote itself:
// models refuse one that ends in white space, and Claude since 4.6 any.
func (e *requestEncoder) prefill() {
	if e.role == roleAssistant && !e.m.goesOn() {
		e.drop("messages." + strconv.Itoa(len(e.r.Messages)-1) + ".prefill")
		e.turn(roleUser)
		e.textBlock(goOn)
		return
	}
	last := e.lastText
	if e.role != roleAssistant || last.to != len(e.B) {
		return
	}
	if text := strings.TrimRight(last.text, " \t\r\n"); text != last.text {
		e.B = e.B[:last.from]
		e.textBlock(text)
	}
}

// opaque writes a content block of this very dialect.
func (e *requestEncoder) opaque(role string, at place, p *llm.Part) {
	if raw := p.Extra.Get(llm.Bedrock, "part"); raw != nil {
		e.turn(role)
		e.Element(raw)
		return
	}
	e.drop(at.path())
	if p.Text != "" {
		e.words(role, p.Text)
	}
}

// thought writes reasoning as it came; false if the model cannot take it.
func (e *requestEncoder) thought(role string, p *llm.Part) bool {
	t := llm.Thought{}
	if p.Thought != nil {
		t = *p.Thought
	}
	if !e.takesThought(role, p) {
		return false
	}
	e.turn(role)
	e.Open()
	e.Begin("reasoningContent")
	if t.Encrypted != "" {
		e.Text("redactedContent", t.Encrypted)
	} else {
		e.Begin("reasoningText")
		e.Text("text", p.Text)
		if t.Signature != "" {
			e.Text("signature", t.Signature)
		}
		e.End()
	}
	e.End()
	e.End()
	return true
}

// takesThought tells whether the model can take reasoning back.
func (e *requestEncoder) takesThought(role string, p *llm.Part) bool {
	t := llm.Thought{}
	if p.Thought != nil {
		t = *p.Thought
	}
	signed, own := t.Signature != "" || t.Encrypted != "", llm.FormatAnthropic
	if t.Encrypted != "" {
		own = llm.FormatBedrock
	}
	return e.m.family == claude && signed && (t.Format == "" || t.Format == own) ||
		e.m.rereads() && !signed && !blank(p.Text) && role == roleAssistant
}

func (e *requestEncoder) call(role string, c *llm.ToolCall) {
	e.turn(role)
	e.Open()
	e.Begin("toolUse")
	e.Text("toolUseId", fitID(c.ID, c.Name))
	e.Text("name", cmp.Or(c.Name, unnamed))
	e.Raw("input", inputObject(c))
	e.End()
	e.End()
}

// inputObject is a call's input, which must be an object: what the model wrote
// otherwise is its member "input".
func inputObject(c *llm.ToolCall) []byte {
	raw := []byte(strings.TrimSpace(c.Args))
	if len(raw) == 0 && !c.Custom {
		return []byte("{}")
	}
	if !c.Custom && scan.KindOf(raw) == scan.Object && scan.Validate(raw) == nil {
		return raw
	}
	return append(scan.AppendQuoted([]byte(`{"input":`), c.Args), '}')
}

func (e *requestEncoder) result(at place, r *llm.ToolResult) {
	e.turn(roleUser)
	e.Open()
	e.Begin("toolResult")
	e.Text("toolUseId", fitID(r.ID, r.Name))
	e.BeginArray("content")
	from := len(e.B)
	for k := range r.Parts {
		p := &r.Parts[k]
		inner := at
		inner.inner = k
		switch p.Kind {
		case llm.Text, llm.RefusalText:
			if !blank(p.Text) {
				e.textBlock(p.Text)
			}
		case llm.Image, llm.File:
			e.media(inner, p)
		case llm.Audio:
			e.unsupported(inner.path(), "a tool result of the target cannot hold audio")
		default:
			e.drop(inner.path())
			if p.Kind == llm.OpaquePart && !blank(p.Text) {
				e.textBlock(p.Text)
			}
			continue
		}
		e.foreign(inner, p.Extra)
	}
	if len(e.B) == from {
		e.textBlock(noOutput)
	}
	e.EndArray()
	switch {
	case r.Error && e.m.marksErrors():
		e.Text("status", "error")
	case r.Error:
		e.drop(at.member("is_error"))
	}
	e.End()
	e.End()
}

// cachePoint writes a cache breakpoint behind what has just been written.
func (e *requestEncoder) cachePoint(at place, cache llm.Raw, able bool) {
	if scan.IsNull(cache) {
		return
	}
	if !able {
		e.drop(at.member("cache_control"))
		return
	}
	e.Open()
	e.Begin("cachePoint")
	e.Text("type", "default")
	if hour(cache) {
		if e.m.cachesHour() {
			e.Text("ttl", "1h")
		} else {
			e.drop(at.member("cache_control.ttl"))
		}
	}
	e.End()
	e.End()
}

func hour(cache llm.Raw) (is bool) {
	w := scan.Over(cache)
	for ok := w.Object(); ok && w.Member(); {
		if string(w.Key()) == "ttl" {
			is = string(w.Value()) == `"1h"`
		}
	}
	return is
}

// foreign names what other dialects say beside a part.
func (e *requestEncoder) foreign(at place, list llm.Extras) {
	for i := range list {
		e.drop(at.member(list[i].Name))
	}
}

// messageRest names what a message says beside its parts. Reasoning text that
// OpenAI's clients repeat beside its details has been read with them.
func (e *requestEncoder) messageRest(i int, m *llm.Message) {
	if m.Name != "" {
		e.drop("messages." + strconv.Itoa(i) + ".name")
	}
	for _, x := range m.Extra {
		if x.Dialect == llm.OpenAI && strings.HasPrefix(x.Name, "reasoning") {
			continue
		}
		e.drop("messages." + strconv.Itoa(i) + "." + x.Path())
	}
}
