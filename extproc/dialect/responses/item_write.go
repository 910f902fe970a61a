package responses

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// openItem is an output item that is being written.
type openItem struct {
	kind   itemKind
	output int // index
	id     string

	// Of a message or reasoning item: parts that are done, joined by commas, in
	// content and summary, and the open one.
	content, summary    []byte
	contents, summaries int
	part                *openPart

	// Of reasoning.
	block   int32
	thought llm.Thought
	sealed  bool // what must come back is complete

	// Of a call.
	number       int32
	callID, name string
	args         []byte
	wrapped      bool // the custom tool's stand-in was called
}

// openPart is a part that is being written.
type openPart struct {
	kind        string // output_text, refusal, summary_text or reasoning_text
	index       int
	block       int32
	text        []byte
	probs       []byte // elements, joined by commas
	annotations []byte
}

// Prefixes of item ids by kind, as the API has them.
var idPrefixes = [...]string{
	otherItem: "ig_", messageItem: "msg_", reasoningItem: "rs_", functionItem: "fc_", customItem: "ctc_",
}

// open gives the next item its place and id.
func (w *writer) open(kind itemKind) *openItem {
	k := &openItem{kind: kind, output: len(w.output)}
	k.id = idPrefixes[kind] + w.reply.Generation + "_" + strconv.Itoa(k.output)
	w.output = append(w.output, nil)
	return k
}

// added announces an item.
func (w *writer) added(k *openItem) {
	if w.event("response.output_item.added") {
		w.Integer("output_index", int64(k.output))
		w.Key("item")
		k.write(&w.object, "in_progress")
		w.send()
	}
}

// done keeps a whole item and announces it.
func (w *writer) done(k *openItem, status string) {
	var o object
	k.write(&o, status)
	w.keep(k.output, o.B)
}

func (w *writer) keep(output int, item []byte) {
	w.output[output] = item
	w.kept += len(item)
	if w.event("response.output_item.done") {
		w.Integer("output_index", int64(output))
		w.Raw("item", item)
		w.send()
	}
}

// write writes the item as it stands.
func (k *openItem) write(o *object, status string) {
	o.Open()
	o.Text("id", k.id)
	switch k.kind {
	case messageItem:
		o.Text("type", "message")
		o.Text("status", status)
		o.Text("role", "assistant")
		o.Array("content", k.content)
	case reasoningItem:
		o.Text("type", "reasoning")
		o.Array("summary", k.summary)
		if len(k.content) > 0 {
			o.Array("content", k.content)
		}
		if status != "in_progress" {
			o.TextIf("encrypted_content", k.opaque())
		}
	case functionItem:
		o.Text("type", "function_call")
		o.Text("status", status)
		o.Text("arguments", string(k.args))
		o.Text("call_id", k.callID)
		o.Text("name", k.name)
	case customItem:
		o.Text("type", "custom_tool_call")
		o.Text("status", status)
		o.Text("call_id", k.callID)
		o.Text("name", k.name)
		o.Text("input", string(k.args))
	}
	o.End()
}

// opaque is what encrypted_content holds: the provider's own string if it can
// read it in this dialect and under this id, else the thought sealed.
func (k *openItem) opaque() string {
	t := &k.thought
	switch {
	case native(t) && (t.ID == "" || t.ID == k.id) && t.Signature == "":
		return t.Encrypted
	case t.Encrypted == "" && t.Signature == "" && (t.ID == "" || native(t)):
		return ""
	}
	return t.Seal()
}

// closeCurrent closes the open message or reasoning item.
func (w *writer) closeCurrent(status string) {
	if k := w.current; k != nil {
		w.closePart(k)
		w.current = nil
		w.done(k, status)
	}
}

// say writes text or a refusal. A change of kind or block begins a new part.
func (w *writer) say(ev llm.Event) {
	kind, name := "output_text", "response.output_text.delta"
	if ev.Kind == llm.RefusalDelta {
		kind, name = "refusal", "response.refusal.delta"
	}
	if ev.Text != "" {
		k := w.current
		if k == nil || k.kind != messageItem {
			w.closeCurrent("completed")
			k = w.open(messageItem)
			w.current = k
			w.added(k)
		}
		w.piece(k, kind, ev)
		w.delta(k, name, ev.Text)
	}
	if ev.Thought != nil {
		w.signed(ev.Thought, onText)
	}
}

// reasoning writes text as a summary, which clients show and send back: many
// withhold raw reasoning. Only what its provider itself told raw stays so.
func (w *writer) reasoning(ev llm.Event) {
	t := ev.Thought
	if ev.Text == "" && t == nil {
		return
	}
	k := w.current
	if k == nil || k.kind != reasoningItem || !k.continues(ev) {
		w.closeCurrent("completed")
		k = w.open(reasoningItem)
		if native(t) && t.ID != "" {
			k.id = t.ID
		}
		w.current = k
		w.added(k)
	}
	k.block = ev.Index
	if t != nil {
		k.thought.ID = cmp.Or(t.ID, k.thought.ID)
		k.thought.Format = cmp.Or(t.Format, k.thought.Format)
		k.thought.Signature = cmp.Or(t.Signature, k.thought.Signature)
		k.thought.Encrypted = cmp.Or(t.Encrypted, k.thought.Encrypted)
		k.sealed = k.thought.Signature != "" || k.thought.Encrypted != ""
	}
	switch {
	case ev.Text == "":
	case native(t) && !t.Summary:
		w.piece(k, rawText, ev)
		w.delta(k, "response.reasoning_text.delta", ev.Text)
	default:
		w.piece(k, "summary_text", ev)
		w.delta(k, "response.reasoning_summary_text.delta", ev.Text)
	}
}

// continues tells whether an event belongs to the open reasoning item: the
// summaries of one native thought are blocks of one item, other thoughts are
// items by themselves.
func (k *openItem) continues(ev llm.Event) bool {
	t := ev.Thought
	switch {
	case k.sealed:
		return false
	case native(t) && native(&k.thought):
		return t.ID == k.thought.ID || t.ID == "" && k.block == ev.Index
	}
	return k.block == ev.Index
}

// signed writes a thought that a vendor put on a call or a text as a reasoning
// item beside it.
func (w *writer) signed(t *llm.Thought, mark string) {
	w.closeCurrent("completed")
	k := w.open(reasoningItem)
	k.thought = *t
	k.thought.ID = mark + t.ID
	w.added(k)
	w.done(k, "completed")
}

// call begins a call.
func (w *writer) call(ev llm.Event) {
	w.closeCurrent("completed")
	if ev.Thought != nil {
		w.signed(ev.Thought, onCall)
	}
	kind, wrapped := functionItem, slices.Contains(w.reply.FreeText, ev.Name)
	if ev.Custom || wrapped {
		kind = customItem
	}
	k := w.open(kind)
	k.number, k.callID, k.name, k.wrapped = ev.Index, ev.ID, ev.Name, wrapped && !ev.Custom
	w.calls = append(w.calls, k)
	w.added(k)
}

// Kinds of events for the arguments of a call.
func argsEvents(kind itemKind) (delta, done, member string) {
	if kind == customItem {
		return "response.custom_tool_call_input.delta", "response.custom_tool_call_input.done", "input"
	}
	return "response.function_call_arguments.delta", "response.function_call_arguments.done", "arguments"
}

// args writes a piece of a call's arguments. Those of a stand-in are held: they
// are JSON around the text that the client wants.
func (w *writer) args(ev llm.Event) {
	for _, k := range w.calls {
		if k.number != ev.Index || ev.Text == "" {
			continue
		}
		k.args = append(k.args, ev.Text...)
		w.kept += len(ev.Text)
		if delta, _, _ := argsEvents(k.kind); !k.wrapped {
			w.delta(k, delta, ev.Text)
		}
	}
}

func (w *writer) closeCall(k *openItem, status string) {
	delta, done, member := argsEvents(k.kind)
	if k.wrapped {
		k.args = []byte(unwrap(string(k.args)))
		w.delta(k, delta, string(k.args))
	}
	if w.event(done) {
		w.place(k)
		w.Text(member, string(k.args))
		if k.kind == functionItem {
			w.Text("name", k.name)
		}
		w.send()
	}
	w.done(k, status)
}

// media writes an image as the item under which the API gives images; other
// media have no place in an answer.
func (w *writer) media(m *llm.Media) {
	if !image(m) {
		return
	}
	w.closeCurrent("completed")
	k := w.open(otherItem)
	for _, status := range [...]string{"in_progress", "completed"} {
		var o object
		o.Open()
		o.Text("id", k.id)
		o.Text("type", "image_generation_call")
		o.Text("status", status)
		if status == "completed" {
			o.Text("result", m.Base64)
			if len(m.Type) > len("image/") {
				o.Text("output_format", m.Type[len("image/"):])
			}
			o.End()
			w.keep(k.output, o.B)
			continue
		}
		o.Word("result", "null")
		o.End()
		if w.event("response.output_item.added") {
			w.Integer("output_index", int64(k.output))
			w.Raw("item", o.B)
			w.send()
		}
	}
}

// extra writes what only this dialect says: items of tools that the provider
// ran, and annotations of the open text.
func (w *writer) extra(x *llm.Extra) {
	if x == nil || x.Dialect != llm.Responses {
		return
	}
	switch x.Name {
	case "item":
		w.closeCurrent("completed")
		k := w.open(otherItem)
		item := oneLine(x.Value)
		if w.event("response.output_item.added") {
			w.Integer("output_index", int64(k.output))
			w.Raw("item", item)
			w.send()
		}
		w.keep(k.output, item)
	case "annotations":
		if k := w.current; k != nil && k.part != nil && k.part.kind == "output_text" {
			k.part.annotations = oneLine(x.Value)
		}
	}
}

// probs adds log probabilities to the open text.
func (w *writer) probs(raw []byte) {
	if k := w.current; k != nil && k.part != nil && k.part.kind == "output_text" {
		elements := chatProbs(raw)
		if len(k.part.probs) > 0 && len(elements) > 0 {
			k.part.probs = append(k.part.probs, ',')
		}
		k.part.probs = append(k.part.probs, elements...)
		w.kept += len(elements)
	}
}
