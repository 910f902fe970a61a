package openai

import (
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// call is a tool call in the making.
type call struct {
	index   int64 // the provider's; -1 = it gave none
	id      string
	name    string
	custom  bool
	started bool
	argued  bool   // arguments have passed
	number  int32  // once started: its place among the started ones
	args    string // held until the name is known
	signed  *llm.Thought
}

// fragment is an element of tool_calls.
type fragment struct {
	index          int64 // -1 = none
	id, name, args string
	custom         bool
	signed         *llm.Thought
}

// calls assembles tool calls from fragments. The standard form has index in
// each fragment, id and name in the first. Known deviations: no index, or one
// index for all calls (told apart by their ids); no id in continuations, or no
// id at all; an index that counts fragments; name or id repeated; all arguments
// at once, as text or as an object.
func (a *answer) calls(c *choice, raw []byte) *llm.Problem {
	w := scan.Over(raw)
	for ok := w.Array(); ok && w.Element(); {
		f, ok := readFragment(w.Value())
		if !ok {
			continue
		}
		n := c.find(f)
		if n < 0 {
			if n = len(c.calls); n == maxCalls {
				return dialect.BadAnswer("the provider sent too many tool calls")
			}
			c.calls = append(c.calls, call{index: f.index, custom: f.custom})
		}
		a.fragment(c, n, f)
	}
	return nil
}

func readFragment(raw []byte) (f fragment, ok bool) {
	f.index = -1
	w := scan.Over(raw)
	if !w.Object() {
		return f, false
	}
	for w.Member() {
		switch string(w.Key()) {
		case "index":
			if n, ok := scan.Int(w.Value()); ok && n >= 0 {
				f.index = n
			}
		case "id":
			f.id, _ = scan.Text(w.Value())
		case "type":
			f.custom = string(w.Value()) == `"custom"`
		case "extra_content":
			if s, ok := signature(w.Value()); ok {
				f.signed = s
			}
		case "function", "custom":
			for ok := w.Object(); ok && w.Member(); {
				switch string(w.Key()) {
				case "name":
					f.name, _ = scan.Text(w.Value())
				case "arguments", "input":
					f.args = argumentText(w.Value())
				}
			}
		}
	}
	return f, true
}

func argumentText(raw []byte) string {
	if scan.IsNull(raw) {
		return ""
	}
	if text, ok := scan.Text(raw); ok {
		return text
	}
	return string(raw)
}

// Bounds of one choice: its calls, and the arguments that wait for a name.
const (
	maxCalls    = 1024
	maxHeldArgs = 1 << 20
)

// fragment adds to call n.
func (a *answer) fragment(c *choice, n int, f fragment) {
	k := &c.calls[n]
	c.carried = true
	if k.id == "" {
		k.id = f.id
	}
	if k.name == "" {
		k.name = f.name
	}
	if k.signed == nil {
		k.signed = f.signed
	}
	if k.name == "" && len(k.args)+len(f.args) <= maxHeldArgs {
		k.args += f.args
		return
	}
	a.startCall(c, n)
	a.argue(c, k, f.args)
}

// argue sends arguments. Those of the tool that stands for structured output
// are the answer's text.
func (a *answer) argue(c *choice, k *call, args string) {
	k.argued = k.argued || args != ""
	switch {
	case args == "":
	case k.name == dialect.SchemaTool:
		a.text(c, llm.TextDelta, args)
	default:
		a.emit(llm.Event{Kind: llm.ToolArgs, Choice: c.index, Index: k.number, Text: args})
	}
}

// find gives the call that a fragment belongs to, -1 for a new one.
func (c *choice) find(f fragment) int {
	last := len(c.calls) - 1
	if f.id != "" {
		for i := range c.calls {
			if c.calls[i].id == f.id {
				return i
			}
		}
	}
	if f.index >= 0 {
		for i := last; i >= 0; i-- {
			k := &c.calls[i]
			if k.index != f.index {
				continue
			}
			if f.id != "" && k.id != "" {
				return -1 // another call under the same index
			}
			return i
		}
	}
	if f.id == "" && f.name == "" {
		return last
	}
	return -1
}

// startCall sends the start of a call once, and the arguments held for it. A
// call without id gets one that is unique within the conversation.
func (a *answer) startCall(c *choice, n int) {
	k := &c.calls[n]
	if k.started {
		return
	}
	k.started = true
	if k.name == dialect.SchemaTool {
		a.argue(c, k, k.args)
		k.args = ""
		return
	}
	k.number = c.started
	c.started++
	if k.id == "" {
		k.id = ShortID("call_"+a.id+"_"+strconv.Itoa(int(c.index))+"_"+strconv.Itoa(n), maxID)
	}
	a.emit(llm.Event{Kind: llm.ToolStart, Choice: c.index, Index: k.number, ID: k.id, Name: k.name, Custom: k.custom, Thought: k.signed})
	a.argue(c, k, k.args)
	k.args = ""
}

// flushCalls starts the calls that never got a name.
func (a *answer) flushCalls(c *choice) {
	for n := range c.calls {
		a.startCall(c, n)
	}
}

// emptyArguments supplies those that calls of functions without parameters may
// come without: clients parse them.
func (a *answer) emptyArguments(c *choice) {
	for n := range c.calls {
		if k := &c.calls[n]; !k.argued && !k.custom && k.name != dialect.SchemaTool {
			a.argue(c, k, "{}")
		}
	}
}
