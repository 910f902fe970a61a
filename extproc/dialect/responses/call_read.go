package responses

import (
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// callMembers are the members of a call.
type callMembers struct{ callID, name, args string }

func (c *callMembers) read(raw []byte) {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "call_id":
			c.callID, _ = scan.Text(w.Value())
		case "name":
			c.name, _ = scan.Text(w.Value())
		case "arguments", "input":
			value := w.Value()
			var ok bool
			if c.args, ok = scan.Text(value); !ok && !scan.IsNull(value) {
				c.args = string(value)
			}
		}
	}
}

func bounded(args string) string {
	if len(args) > maxHeldArgs {
		return ""
	}
	return args
}

// arguments reads a piece of a call's arguments, or all of them if no piece
// came: some providers send them in the done event only.
func (a *answer) arguments(m *packet, kind itemKind) *llm.Problem {
	n, p := a.need(m, kind)
	if p != nil {
		return p
	}
	k := &a.items[n]
	if m.delta == nil {
		if text, _ := scan.Text(m.whole); text != "" && !k.streamed {
			k.held = bounded(text)
		}
		return nil
	}
	text, _ := scan.Text(m.delta)
	switch {
	case text == "" || k.done:
	case k.started:
		k.streamed, k.held = true, ""
		a.emit(llm.Event{Kind: llm.ToolArgs, Index: k.number, Text: text})
	case len(k.held)+len(text) <= maxHeldArgs:
		if !k.streamed {
			k.streamed, k.held = true, ""
		}
		k.held += text
	}
	return nil
}

// startCall sends the start of a call once its name is known, or at the end
// without one, and at the end the arguments that have not passed. A call without
// id gets one that is unique within the answer.
func (a *answer) startCall(k *item, end bool) {
	if k.kind != functionItem && k.kind != customItem || k.name == "" && !end {
		return
	}
	if !k.started {
		k.started, k.number = true, a.calls
		a.calls++
		if k.callID == "" {
			k.callID = "call_" + k.id + "_" + strconv.Itoa(int(k.number))
		}
		a.emit(llm.Event{Kind: llm.ToolStart, Index: k.number, ID: k.callID, Name: k.name, Custom: k.kind == customItem})
	}
	if end && k.held != "" {
		a.emit(llm.Event{Kind: llm.ToolArgs, Index: k.number, Text: k.held})
		k.streamed, k.held = true, ""
	}
}
