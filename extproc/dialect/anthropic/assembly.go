package anthropic

import (
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// assembly puts an answer's events together to blocks in the order in which
// they begin. A block that is not a call is complete when the next one begins;
// calls may get arguments after others have begun.
type assembly struct {
	blocks  []*written
	tools   []*written
	members llm.Extras // of the call that begins next
	usage   llm.Usage
	finish  llm.Event
	ended   bool
	refused bool // the model wrote a refusal
}

// written is a block of the answer and what of it is not written yet.
type written struct {
	kind      blockKind
	index     int32
	text      pile // or arguments
	thought   llm.Thought
	sealed    bool // nothing joins it any more
	id, name  string
	custom    bool
	members   llm.Extras
	citations []llm.Raw
	whole     llm.Raw
	arguments nesting
	// of a stream
	open  bool
	place int
}

// add takes an event in. It is false for events that are no part of the one
// answer that this dialect has.
func (a *assembly) add(ev *llm.Event) bool {
	if ev.Choice > 0 || a.ended && ev.Kind != llm.UsageUpdate {
		return false
	}
	switch ev.Kind {
	case llm.TextDelta:
		a.text(ev.Index, ev)
	case llm.RefusalDelta:
		a.refused = true
		a.text(-1-ev.Index, ev) // a block apart from the texts
	case llm.ReasoningDelta:
		a.think(ev)
	case llm.ToolStart:
		a.sign(ev.Thought)
		b := a.push(&written{kind: toolBlock, id: ev.ID, name: ev.Name, custom: ev.Custom, members: a.members})
		a.tools, a.members = append(a.tools, b), nil
	case llm.ToolArgs:
		if n := int(ev.Index); n >= 0 && n < len(a.tools) {
			a.tools[n].argue(ev.Text)
		}
	case llm.UsageUpdate:
		if ev.Usage != nil {
			a.usage.Merge(*ev.Usage)
		}
	case llm.Finish:
		a.finish, a.ended = *ev, true
	case llm.ExtraEvent:
		return a.extra(ev)
	default:
		return false
	}
	return true
}

func (a *assembly) push(b *written) *written {
	a.blocks = append(a.blocks, b)
	return b
}

// last is the block that can still grow, nil if it is of another kind or index.
func (a *assembly) last(kind blockKind, index int32) *written {
	if n := len(a.blocks); n > 0 {
		if b := a.blocks[n-1]; b.kind == kind && b.index == index && !b.sealed {
			return b
		}
	}
	return nil
}

func (a *assembly) text(index int32, ev *llm.Event) {
	if ev.Text != "" {
		b := a.last(textBlock, index)
		if b == nil {
			b = a.push(&written{kind: textBlock, index: index})
		}
		b.text.add(ev.Text)
	}
	a.sign(ev.Thought)
}

// sign carries a signature of a call or a text, for which this dialect has no
// place, as a block of its own; see signCalls.
func (a *assembly) sign(t *llm.Thought) {
	if !isBare(t) {
		a.push(&written{kind: thinkingBlock, thought: *t, sealed: true})
	}
}

func (a *assembly) think(ev *llm.Event) {
	if ev.Text == "" && isBare(ev.Thought) {
		return
	}
	b := a.last(thinkingBlock, ev.Index)
	if b == nil || ev.Thought != nil && isNative(ev.Thought) && ev.Thought.Encrypted != "" {
		b = a.push(&written{kind: thinkingBlock, index: ev.Index})
	}
	b.text.add(ev.Text)
	merge(&b.thought, ev.Thought)
	b.sealed = b.thought.Signature != "" || b.thought.Encrypted != ""
}

// argue adds arguments to a call. What comes behind a complete object is no
// part of it: some providers repeat the whole at the end.
func (b *written) argue(text string) {
	if !b.custom {
		text = b.arguments.pass(text)
	}
	b.text.add(text)
}

func (a *assembly) extra(ev *llm.Event) bool {
	x := ev.Extra
	if x == nil || x.Dialect != llm.Anthropic || ev.Choice < 0 {
		return false
	}
	if name, ok := strings.CutPrefix(x.Name, inTool); ok {
		a.members = append(a.members, llm.Extra{Dialect: llm.Anthropic, Name: name, Value: x.Value})
		return true
	}
	switch x.Name {
	case wholePart:
		a.push(&written{kind: wholeBlock, whole: x.Value, sealed: true})
	case citation:
		b := a.last(textBlock, ev.Index)
		if b == nil {
			b = a.push(&written{kind: textBlock, index: ev.Index})
		}
		b.citations = append(b.citations, x.Value)
	default:
		return false
	}
	return true
}

// complete tells whether a block that others stand behind can be closed.
func (b *written) complete() bool {
	return b.kind != toolBlock || b.arguments.done && !b.custom
}

// stopReason is why the answer ended, in the API's words, and the stop sequence
// that was met.
func (a *assembly) stopReason() (word, sequence string) {
	ev := &a.finish
	switch ev.Reason {
	case llm.FinishLength:
		if ev.Name == "model_context_window_exceeded" {
			return ev.Name, ""
		}
		return "max_tokens", ""
	case llm.FinishFilter, llm.FinishRefusal:
		return "refusal", ""
	case llm.FinishPause:
		if ev.Name == "compaction" {
			return ev.Name, ""
		}
		return "pause_turn", ""
	case llm.FinishError:
		return wordError, "" // no word of the API's, but none that would lie
	}
	switch {
	case len(a.tools) > 0:
		return "tool_use", ""
	case a.refused:
		return "refusal", ""
	case ev.Text != "" && ev.Reason == llm.FinishStop:
		return "stop_sequence", ev.Text
	}
	return "end_turn", ""
}

// wordError is the stop reason of an answer that failed midway.
const wordError = "error"

// nesting follows JSON text in pieces and tells when its first object ends.
type nesting struct {
	depth   int
	quoted  bool
	escaped bool
	done    bool
}

// pass gives the text up to that end.
func (n *nesting) pass(text string) string {
	if n.done {
		return ""
	}
	for i := range len(text) {
		switch c := text[i]; {
		case n.escaped:
			n.escaped = false
		case n.quoted:
			n.escaped, n.quoted = c == '\\', c != '"'
		case c == '"':
			n.quoted = true
		case c == '{' || c == '[':
			n.depth++
		case c == '}' || c == ']':
			n.depth--
			if n.done = n.depth == 0; n.done {
				return text[:i+1]
			}
		}
	}
	return text
}

// pile is text that comes in pieces. A single piece is not copied.
type pile struct {
	first string
	all   []byte
}

func (p *pile) add(text string) {
	switch {
	case p.first == "" && len(p.all) == 0:
		p.first = text
	case len(p.all) == 0:
		p.all = append(append(p.all, p.first...), text...)
		p.first = ""
	default:
		p.all = append(p.all, text...)
	}
}

func (p *pile) size() int { return len(p.first) + len(p.all) }

func (p *pile) String() string {
	if len(p.all) == 0 {
		return p.first
	}
	return string(p.all)
}

// take empties the pile.
func (p *pile) take() string {
	text := p.String()
	p.first, p.all = "", p.all[:0]
	return text
}
