package anthropic

import (
	"bytes"
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// Bounds of an answer.
const (
	maxOpenBlocks = 1024
	maxHeld       = 8 << 20 // bytes of one block that must be whole
)

// source turns an answer's pieces into events, whether they come as a stream
// or as one document.
type source struct {
	out      []llm.Event
	native   *llm.Thought // what every piece of Anthropic's thinking carries
	id       string
	started  bool
	finished bool
	carried  bool // content has passed
	counts   counts
	open     []openBlock
	blocks   int32 // numbers of text and thinking blocks given away
	tools    int32 // numbers of tools given away
}

// blockKind is what a block is to the neutral model.
type blockKind uint8

const (
	wholeBlock blockKind = iota // only this dialect knows it
	textBlock
	thinkingBlock
	toolBlock
	formBlock // the tool whose input is the answer
)

// openBlock is a block whose end has not come yet.
type openBlock struct {
	index     int64 // the provider's
	kind      blockKind
	number    int32
	raw       llm.Raw // of a whole block, as its start had it
	args      []byte  // of a whole block
	later     []llm.Member
	signature []byte
	input     string // what the start had
	told      bool   // arguments have come in deltas
	arguments nesting
}

func (s *source) emit(ev llm.Event) {
	if ev.Carries() {
		s.carried = true
	}
	s.out = append(s.out, ev)
}

func (s *source) emitExtra(name string, raw []byte, choice, index int32) {
	x := extra(name, raw)
	s.emit(llm.Event{Kind: llm.ExtraEvent, Choice: choice, Index: index, Extra: &x})
}

// message reads message_start's message, or a whole answer but its content.
func (s *source) message(raw []byte) {
	var id, model, usage []byte
	var kept [4]llm.Member
	rest := kept[:0]
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		switch key := w.Key(); string(key) {
		case "id":
			id = w.Value()
		case "model":
			model = w.Value()
		case "usage":
			usage = w.Value()
		case "type", "role", "content", "stop_reason", "stop_sequence":
		default:
			if value := w.Value(); !scan.IsNull(value) {
				rest = append(rest, llm.Member{Name: string(key), Value: value})
			}
		}
	}
	if !s.started {
		s.started = true
		ev := llm.Event{Kind: llm.Start}
		ev.ID, _ = scan.Text(id)
		ev.Name, _ = scan.Text(model)
		s.id = ev.ID
		s.emit(ev)
	}
	for _, m := range rest {
		s.emitExtra(m.Name, m.Value, -1, 0)
	}
	s.usage(usage)
}

func (s *source) usage(raw []byte) {
	if !s.counts.add(raw) {
		return
	}
	if u := s.counts.usage(); u != nil {
		s.emit(llm.Event{Kind: llm.UsageUpdate, Usage: u})
	}
}

// begin makes up a start that the provider left out.
func (s *source) begin() {
	if !s.started {
		s.started = true
		s.emit(llm.Event{Kind: llm.Start})
	}
}

// blockMembers are what blocks of the kinds known here consist of.
type blockMembers struct {
	kind, text, thinking, signature, data, id, name, input, citations []byte
	rest                                                              []llm.Member
}

func readBlock(raw []byte) (m blockMembers) {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		key := w.Key()
		into := m.slot(string(key))
		if into != nil {
			*into = w.Value()
			continue
		}
		name := string(key)
		if value := w.Value(); !scan.IsNull(value) {
			m.rest = append(m.rest, llm.Member{Name: name, Value: value})
		}
	}
	return m
}

func (m *blockMembers) slot(name string) *[]byte {
	switch name {
	case "type":
		return &m.kind
	case "text":
		return &m.text
	case "thinking":
		return &m.thinking
	case "signature":
		return &m.signature
	case "data":
		return &m.data
	case "id":
		return &m.id
	case "name":
		return &m.name
	case "input":
		return &m.input
	case "citations":
		return &m.citations
	}
	return nil
}

// start begins a block. Compatible providers put all of a block into its start.
func (s *source) start(index int64, raw []byte) *llm.Problem {
	s.begin()
	s.stop(index)
	if len(s.open) == maxOpenBlocks {
		return dialect.BadAnswer("the provider opened too many blocks at once")
	}
	m := readBlock(raw)
	b := openBlock{index: index}
	switch string(m.kind) {
	case `"text"`:
		s.startText(&b, &m)
	case `"thinking"`:
		b.kind, b.number = thinkingBlock, s.number()
		s.think(&b, m.thinking)
		if text, _ := scan.Text(m.signature); text != "" {
			b.signature = []byte(text)
		}
	case `"redacted_thinking"`:
		b.kind, b.number = thinkingBlock, s.number()
		if data, _ := scan.Text(m.data); data != "" {
			s.emit(llm.Event{Kind: llm.ReasoningDelta, Index: b.number, Thought: redacted(data)})
		}
	case `"tool_use"`:
		s.startTool(&b, &m)
	default:
		b.raw = members.Clone(raw)
		s.carried = true
	}
	s.open = append(s.open, b)
	return nil
}

func (s *source) number() int32 {
	s.blocks++
	return s.blocks - 1
}

func (s *source) startText(b *openBlock, m *blockMembers) {
	b.kind, b.number = textBlock, s.number()
	s.text(b, m.text)
	w := scan.Over(m.citations)
	for ok := w.Array(); ok && w.Element(); {
		s.emitExtra(citation, w.Value(), 0, b.number)
	}
}

// startTool begins a call. A call without id gets one that is unique within the
// conversation. What only this dialect says of it comes in front of it, so that
// a writer has it when the call begins.
func (s *source) startTool(b *openBlock, m *blockMembers) {
	if b.input = inputText(m.input); b.input == "{}" {
		b.input = ""
	}
	name, _ := scan.Text(m.name)
	if name == dialect.SchemaTool {
		b.kind, b.number = formBlock, s.number()
		return
	}
	id, _ := scan.Text(m.id)
	b.kind, b.number = toolBlock, s.tools
	if id == "" {
		id = toolID("toolu_" + s.id + "_" + strconv.Itoa(int(s.tools)))
	}
	s.tools++
	for _, x := range m.rest {
		s.emitExtra(inTool+x.Name, x.Value, 0, b.number)
	}
	s.emit(llm.Event{Kind: llm.ToolStart, Index: b.number, ID: id, Name: name})
}

func (s *source) text(b *openBlock, raw []byte) {
	if text, _ := scan.Text(raw); text != "" {
		s.emit(llm.Event{Kind: llm.TextDelta, Index: b.number, Text: text})
	}
}

func (s *source) think(b *openBlock, raw []byte) {
	if text, _ := scan.Text(raw); text != "" {
		s.emit(llm.Event{Kind: llm.ReasoningDelta, Index: b.number, Text: text, Thought: s.native})
	}
}

// stop ends a block: what had to wait for its end is sent.
func (s *source) stop(index int64) {
	for i := range s.open {
		if s.open[i].index == index {
			b := s.open[i]
			s.open = append(s.open[:i], s.open[i+1:]...)
			s.end(&b)
			return
		}
	}
}

func (s *source) end(b *openBlock) {
	switch b.kind {
	case thinkingBlock:
		if len(b.signature) > 0 {
			s.emit(llm.Event{Kind: llm.ReasoningDelta, Index: b.number, Thought: signed(string(b.signature))})
		}
	case toolBlock, formBlock:
		if b.told {
			return
		}
		if b.input == "" {
			b.input = "{}"
		}
		s.arguments(b, b.input)
	case wholeBlock:
		s.emitExtra(wholePart, b.assembled(), 0, 0)
	}
}

func (s *source) arguments(b *openBlock, text string) {
	if b.kind == formBlock {
		s.emit(llm.Event{Kind: llm.TextDelta, Index: b.number, Text: text})
		return
	}
	s.emit(llm.Event{Kind: llm.ToolArgs, Index: b.number, Text: text})
}

// assembled is a whole block with what its deltas brought.
func (b *openBlock) assembled() []byte {
	later := b.later
	if args := bytes.TrimSpace(b.args); len(args) > 0 && scan.Validate(args) == nil {
		later = append(later, llm.Member{Name: "input", Value: args})
	}
	if len(later) == 0 {
		return b.raw
	}
	var o object
	o.Open()
	w := scan.Over(b.raw)
	for ok := w.Object(); ok && w.Member(); {
		name := string(w.Key())
		value := w.Value()
		for i := range later {
			if later[i].Name == name {
				value, later[i].Name = later[i].Value, ""
			}
		}
		o.Raw(name, value)
	}
	for _, m := range later {
		if m.Name != "" {
			o.Raw(m.Name, m.Value)
		}
	}
	o.End()
	return o.B
}

// finish ends the answer. Whether tools were called is known from the calls
// themselves; the tool of the answer's form is none to the client.
func (s *source) finish(word, sequence string) {
	for len(s.open) > 0 {
		s.stop(s.open[0].index)
	}
	s.begin()
	s.finished = true
	s.emit(llm.Event{Kind: llm.Finish, Reason: reasonOf(word, s.tools > 0), Name: word, Text: sequence})
}

// stopReasons are the API's words, and those of others that compatible
// providers let through.
var stopReasons = map[string]llm.FinishReason{
	"end_turn": llm.FinishStop, "stop_sequence": llm.FinishStop, "tool_use": llm.FinishToolCalls,
	"max_tokens": llm.FinishLength, "model_context_window_exceeded": llm.FinishLength,
	"pause_turn": llm.FinishPause, "compaction": llm.FinishPause, "refusal": llm.FinishRefusal,
	"stop": llm.FinishStop, "length": llm.FinishLength, "tool_calls": llm.FinishToolCalls,
	"content_filter": llm.FinishRefusal, "sensitive": llm.FinishRefusal,
}

func reasonOf(word string, called bool) llm.FinishReason {
	reason, ok := stopReasons[word]
	switch {
	case called && (!ok || reason == llm.FinishStop):
		return llm.FinishToolCalls
	case word == "", reason == llm.FinishToolCalls && !called:
		return llm.FinishStop
	case !ok:
		return llm.FinishOther
	}
	return reason
}
