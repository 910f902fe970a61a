package openai

import (
	"cmp"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
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
	o.Text("id", g.id)
	o.Text("object", "chat.completion")
	o.Integer("created", g.created)
	o.Text("model", r.Model)
	o.BeginArray("choices")
	for _, c := range g.choices {
		c.write(&o)
	}
	o.EndArray()
	if g.usage.Known() {
		o.usage(&g.usage)
	}
	o.extras(g.extra, "")
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
}

type gathered struct {
	index    int32
	text     []byte
	refusal  []byte
	thoughts []thought
	calls    []llm.ToolCall
	signs    []*llm.Thought // of the calls
	signed   *llm.Thought   // of the text
	media    []*llm.Media
	probs    []llm.Raw
	extra    llm.Extras
	finish   llm.Event
	hasText  bool
}

// thought is a block of reasoning.
type thought struct {
	index int32
	text  []byte
	llm.Thought
	detailed bool
	closed   bool
}

func (g *gathering) add(ev *llm.Event) {
	switch {
	case ev.Kind == llm.Start:
		if ev.ID != "" {
			g.id = ev.ID
		}
		if ev.Created != 0 {
			g.created = ev.Created
		}
	case ev.Kind == llm.UsageUpdate && ev.Usage != nil:
		g.usage.Merge(*ev.Usage)
	case ev.Kind == llm.ExtraEvent && ev.Extra != nil && ev.Choice < 0:
		g.extra = replace(g.extra, *ev.Extra)
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
	g.choices = append(g.choices, &gathered{index: index, finish: llm.Event{Reason: llm.FinishStop}})
	return g.choices[len(g.choices)-1]
}

func (c *gathered) add(ev *llm.Event) {
	switch ev.Kind {
	case llm.TextDelta:
		c.text, c.hasText = append(c.text, ev.Text...), true
		if ev.Thought != nil {
			c.signed = ev.Thought
		}
	case llm.RefusalDelta:
		c.refusal = append(c.refusal, ev.Text...)
	case llm.ReasoningDelta:
		c.think(ev)
	case llm.ToolStart:
		c.calls = append(c.calls, llm.ToolCall{ID: ev.ID, Name: ev.Name, Custom: ev.Custom})
		c.signs = append(c.signs, ev.Thought)
	case llm.ToolArgs:
		if n := int(ev.Index); n >= 0 && n < len(c.calls) {
			c.calls[n].Args += ev.Text
		}
	case llm.MediaPart:
		c.media = append(c.media, ev.Media)
	case llm.Logprobs:
		c.probs = append(c.probs, ev.Raw)
	case llm.Finish:
		c.finish = *ev
	case llm.ExtraEvent:
		if ev.Extra != nil {
			c.extra = replace(c.extra, *ev.Extra)
		}
	}
}

func (c *gathered) think(ev *llm.Event) {
	n := len(c.thoughts)
	if n == 0 || c.thoughts[n-1].index != ev.Index || c.thoughts[n-1].closed {
		c.thoughts = append(c.thoughts, thought{index: ev.Index})
		n++
	}
	t := &c.thoughts[n-1]
	t.text = append(t.text, ev.Text...)
	if k := ev.Thought; k != nil {
		t.detailed = true
		t.ID = cmp.Or(k.ID, t.ID)
		t.Format = cmp.Or(k.Format, t.Format)
		t.Signature = cmp.Or(k.Signature, t.Signature)
		t.Encrypted = cmp.Or(k.Encrypted, t.Encrypted)
		t.Summary = t.Summary || k.Summary
		t.closed = t.Signature != "" || t.Encrypted != ""
	}
}

func (c *gathered) write(o *object) {
	o.Open()
	o.Integer("index", int64(c.index))
	o.Begin("message")
	o.Text("role", "assistant")
	switch {
	case c.hasText || len(c.calls)+len(c.refusal) == 0:
		o.Text("content", string(c.text))
	default:
		o.Raw("content", []byte("null"))
	}
	if len(c.refusal) > 0 {
		o.Text("refusal", string(c.refusal))
	} else {
		o.Raw("refusal", []byte("null"))
	}
	c.writeThoughts(o)
	if len(c.calls) > 0 {
		o.BeginArray("tool_calls")
		for i := range c.calls {
			o.call(&c.calls[i], c.signs[i])
		}
		o.EndArray()
	}
	c.writeMedia(o)
	o.signed(c.signed)
	o.extras(c.extra, inDelta)
	o.End()
	c.writeProbs(o)
	o.Text("finish_reason", finishWord(c.finish))
	o.extras(c.extra, inChoice)
	o.End()
}

func (o *object) call(c *llm.ToolCall, signed *llm.Thought) {
	kind, args := "function", "arguments"
	if c.Custom {
		kind, args = "custom", "input"
	}
	o.Open()
	o.Text("id", c.ID)
	o.Text("type", kind)
	o.Begin(kind)
	o.Text("name", c.Name)
	o.Text(args, c.Args)
	o.End()
	o.signed(signed)
	o.End()
}

func (c *gathered) writeThoughts(o *object) {
	var text []byte
	detailed := false
	for i := range c.thoughts {
		text = append(text, c.thoughts[i].text...)
		detailed = detailed || c.thoughts[i].detailed
	}
	if len(text) > 0 {
		o.Text(reasoningContent, string(text))
	}
	if !detailed {
		return
	}
	o.BeginArray("reasoning_details")
	for i := range c.thoughts {
		t := &c.thoughts[i]
		o.detail(string(t.text), &t.Thought, indexed(t.index))
	}
	o.EndArray()
}

func (c *gathered) writeMedia(o *object) {
	begun := false
	for _, m := range c.media {
		if m == nil || m.Type != "" && !strings.HasPrefix(m.Type, "image/") {
			continue
		}
		if !begun {
			begun = true
			o.BeginArray("images")
		}
		o.image(m)
	}
	if begun {
		o.EndArray()
	}
}

// writeProbs joins the log probabilities of several deltas: each holds arrays
// (content, refusal) for its own tokens.
func (c *gathered) writeProbs(o *object) {
	switch len(c.probs) {
	case 0:
		o.Raw("logprobs", []byte("null"))
		return
	case 1:
		o.Raw("logprobs", c.probs[0])
		return
	}
	o.Begin("logprobs")
	for _, name := range [...]string{"content", "refusal"} {
		o.BeginArray(name)
		for _, raw := range c.probs {
			w := scan.Over(raw)
			for ok := w.Object(); ok && w.Member(); {
				same := string(w.Key()) == name
				for ok := w.Array(); ok && w.Element(); {
					if value := w.Value(); same {
						o.Element(value)
					}
				}
			}
		}
		o.EndArray()
	}
	o.End()
}
