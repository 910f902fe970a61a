package responses

import (
	"bytes"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// DecodeAnswer reads a JSON answer as the events that a stream of it carries.
func DecodeAnswer(body []byte) ([]llm.Event, *llm.Problem) {
	if p := CheckAnswer(body, true); p != nil {
		return nil, p
	}
	var a answer
	body = bytes.TrimSpace(body)
	a.start(body)
	if p := a.response(body, false); p != nil {
		return nil, p
	}
	return a.out, nil
}

// answer turns the events of a stream, or one whole response, into events. Both
// say items: a stream says them piece by piece and then whole, so whatever did
// not come in pieces is taken from the whole.
type answer struct {
	out     []llm.Event
	started bool
	items   []item
	blocks  int32 // of text, reasoning and media so far
	calls   int32
}

// item is an output item in the making.
type item struct {
	output int64  // output_index, -1 = unsaid
	id     string // as it stands in the text
	kind   itemKind
	parts  []part
	done   bool

	thought *llm.Thought // of reasoning pieces

	callID, name string
	number       int32 // of the call, once started
	started      bool
	streamed     bool   // arguments have passed
	held         string // arguments that wait for a name
}

type itemKind uint8

const (
	otherItem itemKind = iota
	messageItem
	reasoningItem
	functionItem
	customItem
)

var itemKinds = map[string]itemKind{
	"message": messageItem, "reasoning": reasoningItem, "function_call": functionItem, "custom_tool_call": customItem,
}

// part is a part of an item's content or summary.
type part struct {
	kind  llm.EventKind
	raw   bool // reasoning_text, not a summary
	index int64
	block int32
	// streamed: its text has passed.
	streamed bool
}

// Bounds of an answer: items, parts of one, and arguments that wait for a name.
const (
	maxItems    = 4096
	maxParts    = 4096
	maxHeldArgs = 1 << 20
)

func (a *answer) emit(ev llm.Event) { a.out = append(a.out, ev) }

// start reads the response object of the first event.
func (a *answer) start(response []byte) {
	if a.started || scan.KindOf(response) != scan.Object {
		return
	}
	ev := llm.Event{Kind: llm.Start}
	w := scan.Over(response)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "id":
			ev.ID, _ = scan.Text(w.Value())
		case "model":
			ev.Name, _ = scan.Text(w.Value())
		case "created_at":
			created, _ := scan.Float(w.Value())
			if created > 0 && created < 1e15 {
				ev.Created = int64(created)
			}
		}
	}
	a.started = true
	a.emit(ev)
}

// response reads a whole response: what of its output has not passed yet, usage
// and the reason why it ended.
func (a *answer) response(raw []byte, incomplete bool) *llm.Problem {
	var output, usage, details, status, tier []byte
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "output":
			output = w.Value()
		case "usage":
			usage = w.Value()
		case "incomplete_details":
			details = w.Value()
		case "status":
			status = members.Unquoted(w.Value())
		case "service_tier":
			tier = w.Value()
		}
	}
	if len(a.items) == 0 {
		a.start(raw)
	}
	if p := a.rest(output); p != nil {
		return p
	}
	for n := range a.items {
		a.startCall(&a.items[n], true)
	}
	if !scan.IsNull(tier) {
		x := extra("service_tier", tier)
		a.emit(llm.Event{Kind: llm.ExtraEvent, Choice: -1, Extra: &x})
	}
	a.usage(usage)
	a.finish(details, incomplete || string(status) == "incomplete")
	return nil
}

// rest reads the items of a response that did not come as items of the stream,
// and calls of which no arguments came.
func (a *answer) rest(output []byte) *llm.Problem {
	passed := len(a.items)
	w := scan.Over(output)
	if !w.Array() {
		return nil
	}
	for i := 0; w.Element(); i++ {
		raw := w.Value()
		if scan.KindOf(raw) != scan.Object {
			continue
		}
		if n := a.findCall(raw); n >= 0 {
			a.complete(n, raw)
			continue
		}
		if i < passed {
			continue
		}
		n, p := a.add(raw, int64(i))
		if p != nil {
			return p
		}
		a.complete(n, raw)
	}
	return nil
}

// findCall finds the call that a whole item repeats, by the id of the call;
// -1 if the item is none.
func (a *answer) findCall(raw []byte) int {
	if !isCall(raw) {
		return -1
	}
	var m callMembers
	m.read(raw)
	for n := range a.items {
		if k := &a.items[n]; k.callID != "" && k.callID == m.callID {
			return n
		}
	}
	return -1
}

func (a *answer) usage(raw []byte) {
	if u := DecodeUsage(raw); u != nil {
		a.emit(llm.Event{Kind: llm.UsageUpdate, Usage: u})
	}
}

// finishes are the reasons of incomplete_details; a completed answer has none.
var finishes = map[string]llm.FinishReason{
	"": llm.FinishStop, "max_output_tokens": llm.FinishLength, "content_filter": llm.FinishFilter,
}

// finish ends the answer. The API tells of calls only by their items. An
// incomplete answer of which the reason is not known counts as cut short.
func (a *answer) finish(details []byte, incomplete bool) {
	ev := llm.Event{Kind: llm.Finish, Reason: llm.FinishStop, Name: "completed"}
	switch {
	case incomplete:
		ev.Reason, ev.Name = llm.FinishLength, "incomplete"
		w := scan.Over(details)
		for ok := w.Object(); ok && w.Member(); {
			if string(w.Key()) == "reason" {
				ev.Name, _ = scan.Text(w.Value())
			}
		}
		if ev.Name == "content_filter" {
			ev.Reason = llm.FinishFilter
		}
	case a.calls > 0:
		ev.Reason = llm.FinishToolCalls
	}
	if !incomplete {
		a.emptyArguments()
	}
	a.emit(ev)
}

// emptyArguments supplies those that calls of functions without parameters may
// come without: clients parse them.
func (a *answer) emptyArguments() {
	for i := range a.items {
		if k := &a.items[i]; k.kind == functionItem && k.started && !k.streamed {
			k.streamed = true
			a.emit(llm.Event{Kind: llm.ToolArgs, Index: k.number, Text: "{}"})
		}
	}
}

// add begins an item.
func (a *answer) add(raw []byte, output int64) (int, *llm.Problem) {
	if len(a.items) == maxItems {
		return 0, dialect.BadAnswer("the provider sent too many output items")
	}
	k := item{output: output}
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "type":
			k.kind = itemKinds[string(members.Unquoted(w.Value()))]
		case "id":
			k.id = string(members.Unquoted(w.Value()))
		}
	}
	a.items = append(a.items, k)
	return len(a.items) - 1, nil
}

// find gives the item that an event belongs to, -1 for a new one: by its id, or,
// since some providers change ids within a stream, by its place, or else the
// last of its kind.
func (a *answer) find(m *packet, kind itemKind) int {
	place := -1
	for n := len(a.items) - 1; n >= 0; n-- {
		k := &a.items[n]
		if k.kind != kind {
			continue
		}
		if len(m.id) > 0 && k.id == string(m.id) {
			return n
		}
		if place < 0 && (m.output < 0 || m.output == k.output) {
			place = n
		}
	}
	return place
}

// need is find, and begins the item if its start was left out.
func (a *answer) need(m *packet, kind itemKind) (int, *llm.Problem) {
	if n := a.find(m, kind); n >= 0 {
		return n, nil
	}
	n, p := a.add(nil, m.output)
	if p != nil {
		return n, p
	}
	a.items[n].kind, a.items[n].id = kind, string(m.id)
	return n, nil
}

// packet reads an event of a stream, other than terminal ones.
func (a *answer) packet(m *packet) *llm.Problem {
	switch string(m.kind) {
	case "response.created", "response.in_progress", "response.queued":
		if len(a.items) == 0 {
			a.start(m.response)
		}
	case "response.output_item.added":
		return a.added(m)
	case "response.output_item.done":
		return a.itemDone(m)
	case "response.content_part.done", "response.reasoning_summary_part.done":
		return a.partDone(m)
	case "response.output_text.delta", "response.output_text.done":
		return a.text(m, messageItem, part{kind: llm.TextDelta})
	case "response.refusal.delta", "response.refusal.done":
		return a.text(m, messageItem, part{kind: llm.RefusalDelta})
	case "response.reasoning_summary_text.delta", "response.reasoning_summary_text.done":
		return a.text(m, reasoningItem, part{kind: llm.ReasoningDelta})
	case "response.reasoning_text.delta", "response.reasoning_text.done":
		return a.text(m, reasoningItem, part{kind: llm.ReasoningDelta, raw: true})
	case "response.function_call_arguments.delta", "response.function_call_arguments.done":
		return a.arguments(m, functionItem)
	case "response.custom_tool_call_input.delta", "response.custom_tool_call_input.done":
		return a.arguments(m, customItem)
	}
	return nil
}
