package responses

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// added begins an item. What it already holds counts if nothing follows.
func (a *answer) added(m *packet) *llm.Problem {
	n, p := a.add(m.item, m.output)
	if p != nil {
		return p
	}
	k := &a.items[n]
	switch k.kind {
	case functionItem, customItem:
		var c callMembers
		c.read(m.item)
		k.callID, k.name, k.held = c.callID, c.name, bounded(c.args)
		a.startCall(k, false)
	case reasoningItem:
		if t := encrypted(m.item); t != nil { // grows until the item is done
			k.thought = &llm.Thought{ID: t.ID, Format: t.Format}
		}
	}
	return nil
}

func (a *answer) itemDone(m *packet) *llm.Problem {
	if scan.KindOf(m.item) != scan.Object {
		return nil
	}
	var kind itemKind
	w := scan.Over(m.item)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "type":
			kind = itemKinds[string(members.Unquoted(w.Value()))]
		case "id":
			m.id = members.Unquoted(w.Value())
		}
	}
	n := a.find(m, kind)
	if n < 0 || a.items[n].done {
		var p *llm.Problem
		if n, p = a.add(m.item, m.output); p != nil {
			return p
		}
	}
	a.complete(n, m.item)
	return nil
}

// complete takes from a whole item what has not passed yet.
func (a *answer) complete(n int, raw []byte) {
	k := &a.items[n]
	switch k.kind {
	case messageItem:
		a.completeMessage(n, raw)
	case reasoningItem:
		a.completeReasoning(n, raw)
	case functionItem, customItem:
		var c callMembers
		c.read(raw)
		if k.callID == "" {
			k.callID = c.callID
		}
		if k.name == "" {
			k.name = c.name
		}
		if c.args != "" && !k.streamed {
			k.held = c.args
		}
		a.startCall(k, true)
	default:
		a.other(raw)
	}
	a.items[n].done = true
}

// other is an item of a tool that the provider ran. Images are content, the
// rest is of use to clients of this dialect only.
func (a *answer) other(raw []byte) {
	var kind, result, format []byte
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "type":
			kind = w.Value()
		case "result":
			result = w.Value()
		case "output_format":
			format = w.Value()
		}
	}
	if data, _ := scan.Text(result); data != "" && string(kind) == `"image_generation_call"` {
		m := &llm.Media{Type: "image/png", Base64: data}
		if word, _ := scan.Text(format); word != "" {
			m.Type = "image/" + word
		}
		a.emit(llm.Event{Kind: llm.MediaPart, Index: a.block(), Media: m})
		return
	}
	x := extra("item", raw)
	a.emit(llm.Event{Kind: llm.ExtraEvent, Extra: &x})
}

func (a *answer) block() int32 {
	a.blocks++
	return a.blocks - 1
}

// part finds or begins a part of an item; nil if there are too many.
func (a *answer) part(n int, want part) *part {
	k := &a.items[n]
	for i := range k.parts {
		if p := &k.parts[i]; p.kind == want.kind && p.raw == want.raw && p.index == want.index {
			return p
		}
	}
	if len(k.parts) == maxParts {
		return nil
	}
	want.block = a.block()
	k.parts = append(k.parts, want)
	return &k.parts[len(k.parts)-1]
}

// text reads a delta of a part, or the whole of it if no delta came.
func (a *answer) text(m *packet, kind itemKind, want part) *llm.Problem {
	n, problem := a.need(m, kind)
	if problem != nil {
		return problem
	}
	want.index = max(0, m.part)
	p := a.part(n, want)
	if p == nil {
		return dialect.BadAnswer("the provider sent too many parts")
	}
	raw := m.delta
	if raw == nil {
		raw = m.whole
		if p.streamed {
			return nil
		}
	}
	text, _ := scan.Text(raw)
	a.piece(&a.items[n], p, text)
	if text != "" {
		a.probs(m.probs)
	}
	return nil
}

// piece sends text of a part.
func (a *answer) piece(k *item, p *part, text string) {
	if text == "" {
		return
	}
	p.streamed = true
	ev := llm.Event{Kind: p.kind, Index: p.block, Text: text}
	if p.kind == llm.ReasoningDelta {
		ev.Thought = k.piece(p.raw)
	}
	a.emit(ev)
}

// piece is what goes along with a piece of reasoning: summaries are always of
// reasoning that stays with its provider, raw text only if it is encrypted, too.
func (k *item) piece(raw bool) *llm.Thought {
	if k.thought == nil && raw {
		return nil
	}
	if k.thought == nil {
		id, _ := scan.Text([]byte(`"` + k.id + `"`))
		k.thought = &llm.Thought{ID: id, Format: llm.FormatOpenAI}
	}
	if k.thought.Summary == raw {
		t := *k.thought // the events before keep theirs
		t.Summary = !raw
		k.thought = &t
	}
	return k.thought
}

func (a *answer) probs(raw []byte) {
	if isEmpty(raw) || scan.KindOf(raw) != scan.Array {
		return
	}
	text := append(append([]byte(`{"content":`), raw...), `,"refusal":null}`...)
	a.emit(llm.Event{Kind: llm.Logprobs, Raw: text})
}

// contentPart is a part of a whole item.
type contentPart struct{ kind, text, refusal, probs, annotations []byte }

func readPart(raw []byte) (c contentPart) {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "type":
			c.kind = members.Unquoted(w.Value())
		case "text":
			c.text = w.Value()
		case "refusal":
			c.refusal = w.Value()
		case "logprobs":
			c.probs = w.Value()
		case "annotations":
			c.annotations = w.Value()
		}
	}
	return c
}

// partDone reads a whole part as the event of its text's end.
func (a *answer) partDone(m *packet) *llm.Problem {
	c := readPart(m.content)
	m.whole, m.probs = c.text, c.probs
	switch string(c.kind) {
	case "output_text":
		return a.text(m, messageItem, part{kind: llm.TextDelta})
	case "refusal":
		m.whole = c.refusal
		return a.text(m, messageItem, part{kind: llm.RefusalDelta})
	case "summary_text":
		return a.text(m, reasoningItem, part{kind: llm.ReasoningDelta})
	case rawText:
		return a.text(m, reasoningItem, part{kind: llm.ReasoningDelta, raw: true})
	}
	return nil
}

func (a *answer) completeMessage(n int, raw []byte) {
	for i, c := range partsOf(raw, "content") {
		want, text := part{kind: llm.TextDelta, index: int64(i)}, c.text
		if string(c.kind) == "refusal" {
			want.kind, text = llm.RefusalDelta, c.refusal
		}
		if !a.completePart(n, want, text) {
			continue
		}
		a.probs(c.probs)
	}
	for _, c := range partsOf(raw, "content") {
		if !isEmpty(c.annotations) {
			x := extra("annotations", c.annotations)
			a.emit(llm.Event{Kind: llm.ExtraEvent, Extra: &x})
		}
	}
}

// completePart sends a part that did not stream; false if it did.
func (a *answer) completePart(n int, want part, raw []byte) bool {
	text, _ := scan.Text(raw)
	if text == "" {
		return false
	}
	p := a.part(n, want)
	if p == nil || p.streamed {
		return false
	}
	a.piece(&a.items[n], p, text)
	return true
}

// completeReasoning ends a reasoning item with what must come back unchanged.
func (a *answer) completeReasoning(n int, raw []byte) {
	k := &a.items[n]
	t := encrypted(raw)
	if t != nil && k.thought == nil {
		k.thought = &llm.Thought{ID: t.ID, Format: t.Format}
	}
	for i, c := range partsOf(raw, "summary") {
		a.completePart(n, part{kind: llm.ReasoningDelta, index: int64(i)}, c.text)
	}
	for i, c := range partsOf(raw, "content") {
		a.completePart(n, part{kind: llm.ReasoningDelta, raw: true, index: int64(i)}, c.text)
	}
	if t == nil {
		return
	}
	ev := llm.Event{Kind: llm.ReasoningDelta, Thought: t}
	if parts := a.items[n].parts; len(parts) > 0 {
		last := &parts[len(parts)-1]
		ev.Index, t.Summary = last.block, !last.raw
	} else {
		ev.Index = a.block()
	}
	a.emit(ev)
}

// encrypted is the thought of a reasoning item, nil if only its text is known.
func encrypted(raw []byte) *llm.Thought {
	t := llm.Thought{Format: llm.FormatOpenAI}
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "id":
			t.ID, _ = scan.Text(w.Value())
		case "encrypted_content":
			t.Encrypted, _ = scan.Text(w.Value())
		}
	}
	if t.Encrypted == "" {
		return nil
	}
	return &t
}

func partsOf(raw []byte, name string) (list []contentPart) {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		if string(w.Key()) != name {
			continue
		}
		list = nil
		for ok := w.Array(); ok && w.Element() && len(list) < maxParts; {
			list = append(list, readPart(w.Value()))
		}
	}
	return list
}
