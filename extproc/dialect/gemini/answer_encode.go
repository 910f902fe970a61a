package gemini

import (
	"cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// EncodeAnswer appends the JSON answer that events make. An Extra that comes
// twice holds as it came last. A Failed event has no place in an answer: the
// caller answers with EncodeError instead.
func EncodeAnswer(dst []byte, events []llm.Event, r dialect.Reply) []byte {
	g := gathering{id: r.Generation, created: r.Created}
	for i := range events {
		g.add(&events[i])
	}
	o := newObject(dst)
	o.B = append(o.B, '{')
	if !g.blocked || g.said() {
		o.BeginArray("candidates")
		for _, c := range g.choices {
			c.write(&o)
		}
		o.EndArray()
	}
	if g.usage.Known() {
		o.usage(&g.usage)
	}
	o.extras(g.extra, "")
	o.Element(answerTail(r.Model, g.created, g.id))
	o.B = append(o.B, '}')
	return o.B
}

// gathering collects events by choice.
type gathering struct {
	id      string
	created int64
	choices []*gathered
	usage   llm.Usage
	extra   llm.Extras
	blocked bool
}

// gathered is a candidate in the making.
type gathered struct {
	index  int32
	blocks []block
	probs  []llm.Raw
	extra  llm.Extras
	finish llm.Event
}

// block is a part in the making: the pieces of a text, a call, or a raw part.
type block struct {
	ev   llm.Event
	text []byte
	call *heldCall
	raw  llm.Raw
}

func (g *gathering) add(ev *llm.Event) {
	switch {
	case ev.Kind == llm.Start:
		g.id, g.created = cmp.Or(ev.ID, g.id), cmp.Or(ev.Created, g.created)
	case ev.Kind == llm.UsageUpdate && ev.Usage != nil:
		g.usage.Merge(*ev.Usage)
	case ev.Kind == llm.ExtraEvent && ev.Extra != nil && ev.Choice < 0:
		g.extra = replace(g.extra, *ev.Extra)
		g.blocked = g.blocked || ev.Extra.Dialect == llm.Gemini && ev.Extra.Name == "promptFeedback" &&
			len(members.Find(ev.Extra.Value, "blockReason")) > 2
	case ev.Kind == llm.Ping, ev.Kind == llm.Failed, ev.Kind == llm.UsageUpdate, ev.Choice < 0:
	default:
		g.choice(ev.Choice).add(ev)
	}
}

func (g *gathering) choice(index int32) *gathered {
	for _, c := range g.choices {
		if c.index == index {
			return c
		}
	}
	g.choices = append(g.choices, &gathered{index: index})
	return g.choices[len(g.choices)-1]
}

func (g *gathering) said() bool {
	for _, c := range g.choices {
		if len(c.blocks) > 0 {
			return true
		}
	}
	return false
}

func (c *gathered) add(ev *llm.Event) {
	switch ev.Kind {
	case llm.TextDelta, llm.ReasoningDelta, llm.RefusalDelta:
		c.text(ev)
	case llm.ToolStart:
		c.blocks = append(c.blocks, block{call: &heldCall{
			ToolCall: llm.ToolCall{ID: ev.ID, Name: ev.Name, Custom: ev.Custom}, index: ev.Index, thought: ev.Thought,
		}})
	case llm.ToolArgs:
		for i := range c.blocks {
			if k := c.blocks[i].call; k != nil && k.index == ev.Index {
				k.args = append(k.args, ev.Text...)
			}
		}
	case llm.MediaPart:
		c.blocks = append(c.blocks, block{ev: *ev})
	case llm.Logprobs:
		c.probs = append(c.probs, ev.Raw)
	case llm.Finish:
		c.finish = *ev
	case llm.ExtraEvent:
		switch {
		case ev.Extra == nil || ev.Extra.Dialect != llm.Gemini:
		case ev.Extra.Name == "part":
			c.blocks = append(c.blocks, block{raw: ev.Extra.Value})
		default:
			c.extra = replace(c.extra, *ev.Extra)
		}
	}
}

// text adds to the open block if the piece belongs to it. Its signature comes
// with its last piece.
func (c *gathered) text(ev *llm.Event) {
	if n := len(c.blocks); n > 0 {
		last := &c.blocks[n-1]
		if last.call == nil && last.raw == nil && last.ev.Kind == ev.Kind && last.ev.Index == ev.Index && signatureOf(last.ev.Thought) == "" {
			last.text = append(last.text, ev.Text...)
			if ev.Thought != nil {
				last.ev.Thought = ev.Thought
			}
			return
		}
	}
	c.blocks = append(c.blocks, block{ev: *ev, text: []byte(ev.Text)})
}

func (c *gathered) write(o *object) {
	o.Open()
	o.beginContent()
	word := finishWord(&c.finish)
	for i := range c.blocks {
		switch b := &c.blocks[i]; {
		case b.raw != nil:
			o.Element(b.raw)
		case b.call == nil:
			b.ev.Text = string(b.text)
			o.piece(&b.ev)
		case b.call.broken():
			word = brokenWord(&c.finish)
		default:
			o.heldCall(b.call)
		}
	}
	o.endContent()
	o.Text("finishReason", word)
	o.Integer("index", int64(c.index))
	o.extras(c.extra, inCandidate)
	if len(c.probs) > 0 {
		o.logprobs(c.probs)
	}
	o.End()
}
