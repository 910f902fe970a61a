package bedrock

import (
	"encoding/base64"
	"slices"
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// block is a content block in the making.
type block struct {
	index int32
	kind  blockKind
	call  int32 // number of the call, -1 = none
	fed   bool  // arguments have come
	// held is the signature, the redacted reasoning or the image so far; of the
	// latter two the first piece as it came, joined ones decoded.
	held   []byte
	pieces int
	format string // of an image
}

type blockKind uint8

const (
	plain    blockKind = iota // text, signed reasoning
	tool                      // a call of the client's
	answered                  // the call of dialect.SchemaTool
	served                    // a call that the provider runs itself
	redacted
	image
)

// maxHeld bounds what a block holds until its end: an image.
const maxHeld = 16 << 20

// opening reads the start of a contentBlockStart.
func (a *answer) opening(raw []byte) *llm.Problem {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "toolUse":
			if p := a.startCall(w.Value()); p != nil {
				return p
			}
		case "toolResult": // of a tool that the provider ran
			a.block.kind = served
		case "image":
			a.block.kind = image
			a.block.format, _ = scan.Text(members.Find(w.Value(), "format"))
		}
	}
	return nil
}

// startCall begins a call. One without id gets one that is unique within the
// answer.
func (a *answer) startCall(raw []byte) *llm.Problem {
	id, _ := scan.Text(members.Find(raw, "toolUseId"))
	name, _ := scan.Text(members.Find(raw, "name"))
	switch {
	case string(members.Find(raw, "type")) == `"server_tool_use"`:
		a.block.kind = served
		return nil
	case isSchemaTool(name):
		a.block.kind = answered
		return nil
	case a.calls == maxCalls:
		return dialect.BadAnswer("the provider sent too many tool calls")
	case id == "":
		id = "call_" + strconv.Itoa(int(a.calls))
	}
	a.block.kind, a.block.call = tool, a.calls
	a.calls++
	a.emit(llm.Event{Kind: llm.ToolStart, Index: a.block.call, ID: id, Name: name})
	return nil
}

// delta reads the delta of a contentBlockDelta.
func (a *answer) delta(raw []byte) *llm.Problem {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "text":
			a.text(w.Value())
		case "toolUse":
			if p := a.input(members.Find(w.Value(), "input")); p != nil {
				return p
			}
		case "reasoningContent":
			if p := a.reasoning(w.Value()); p != nil {
				return p
			}
		case "image":
			a.block.kind = image
			if p := a.hold(members.Find(members.Find(w.Value(), "source"), "bytes")); p != nil {
				return p
			}
		case "citation":
			a.emit(llm.Event{Kind: llm.ExtraEvent, Extra: extra("citation", w.Value())})
		}
	}
	return nil
}

func (a *answer) text(raw []byte) {
	if text, _ := scan.Text(raw); text != "" && a.block.kind != served {
		a.emit(llm.Event{Kind: llm.TextDelta, Index: a.block.index, Text: text})
	}
}

// input reads a piece of a call's arguments: text of JSON that is cut anywhere.
// A value that is no string is the whole input.
func (a *answer) input(raw []byte) *llm.Problem {
	if scan.IsNull(raw) || a.block.kind == served {
		return nil
	}
	piece, ok := scan.Text(raw)
	if !ok {
		piece = string(raw)
	}
	if piece == "" {
		return nil
	}
	if a.block.kind != tool && a.block.kind != answered {
		if p := a.startCall(nil); p != nil { // its start got lost
			return p
		}
	}
	a.args(a.block, piece)
	return nil
}

// args gives a piece of arguments on: to the client as a call's, or as text if
// the call is the emulation's.
func (a *answer) args(b *block, piece string) {
	b.fed = true
	if b.kind == answered {
		a.emit(llm.Event{Kind: llm.TextDelta, Index: b.index, Text: piece})
		return
	}
	a.emit(llm.Event{Kind: llm.ToolArgs, Index: b.call, Text: piece})
}

// signedBy tags reasoning. Of the models behind Bedrock only Claude signs it,
// and no event tells the model: what others say carries the tag without a
// signature, which holds for nothing.
const signedBy = llm.FormatAnthropic

func (a *answer) reasoning(raw []byte) *llm.Problem {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "text":
			if text, _ := scan.Text(w.Value()); text != "" {
				a.emit(llm.Event{Kind: llm.ReasoningDelta, Index: a.block.index, Text: text, Thought: &llm.Thought{Format: signedBy}})
			}
		case "signature":
			if text, _ := scan.Text(w.Value()); text != "" {
				if len(a.block.held)+len(text) > maxHeld {
					return tooLarge()
				}
				a.block.held = append(a.block.held, text...)
			}
		case "redactedContent":
			a.block.kind = redacted
			if p := a.hold(w.Value()); p != nil {
				return p
			}
		}
	}
	return nil
}

// hold keeps a piece of bytes. Each is base64 of its own, so that pieces cannot
// be joined as they are; a single one stays as it came.
func (a *answer) hold(raw []byte) *llm.Problem {
	piece, _ := scan.Text(raw)
	if piece == "" {
		return nil
	}
	b := a.block
	if len(b.held)+len(piece) > maxHeld {
		return tooLarge()
	}
	var err error
	switch b.pieces++; b.pieces {
	case 1:
		b.held = append(b.held[:0], piece...)
		return nil
	case 2:
		b.held, err = base64.StdEncoding.AppendDecode(nil, b.held)
	}
	if err == nil {
		b.held, err = base64.StdEncoding.AppendDecode(b.held, []byte(piece))
	}
	if err != nil {
		return dialect.BadAnswer("the provider sent bytes that are not base64")
	}
	return nil
}

// base64 is what hold has kept.
func (b *block) base64() string {
	if b.pieces > 1 {
		return base64.StdEncoding.EncodeToString(b.held)
	}
	return string(b.held)
}

func tooLarge() *llm.Problem {
	return dialect.BadAnswer("the provider sent a content block that is too large")
}

// at makes the block of an index the current one; fresh if it begins here. Calls
// may stay open beside each other, every other block ends where the next begins,
// though its stop be missing.
func (a *answer) at(index int32, fresh bool) *llm.Problem {
	for i := range a.blocks {
		if b := &a.blocks[i]; b.index == index && !fresh {
			a.block = b
			return nil
		}
	}
	a.closeBlocks(func(b *block) bool { return b.index == index || b.kind != tool && b.kind != served })
	if len(a.blocks) == maxCalls {
		return dialect.BadAnswer("the provider sent too many tool calls")
	}
	a.blocks = append(a.blocks, block{index: index, call: -1})
	a.block = &a.blocks[len(a.blocks)-1]
	return nil
}

// closeBlocks ends the open blocks that are meant and sends what they held.
func (a *answer) closeBlocks(meant func(*block) bool) {
	a.block = nil
	a.blocks = slices.DeleteFunc(a.blocks, func(b block) bool {
		if !meant(&b) {
			return false
		}
		a.closeBlock(&b)
		return true
	})
}

func every(*block) bool { return true }

func (a *answer) closeBlock(b *block) {
	switch b.kind {
	case plain:
		if len(b.held) > 0 {
			a.emitThought(b, llm.Thought{Signature: string(b.held)})
		}
	case redacted:
		if len(b.held) > 0 {
			a.emitThought(b, llm.Thought{Encrypted: b.base64(), Format: llm.FormatBedrock})
		}
	case tool, answered:
		if !b.fed { // a call without arguments has an empty object
			a.args(b, "{}")
		}
	case image:
		if len(b.held) > 0 {
			m := &llm.Media{Base64: b.base64()}
			if b.format != "" {
				m.Type = "image/" + b.format
			}
			a.emit(llm.Event{Kind: llm.MediaPart, Index: b.index, Media: m})
		}
	}
}

func (a *answer) emitThought(b *block, t llm.Thought) {
	if t.Format == "" {
		t.Format = signedBy
	}
	a.emit(llm.Event{Kind: llm.ReasoningDelta, Index: b.index, Thought: &t})
}

// wholeBlock reads a content block of a JSON answer.
func (a *answer) wholeBlock(raw []byte) *llm.Problem {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "text":
			a.text(w.Value())
		case "toolUse":
			value := w.Value()
			if p := a.startCall(value); p != nil {
				return p
			}
			if p := a.input(members.Find(value, "input")); p != nil {
				return p
			}
		case "reasoningContent":
			if p := a.wholeReasoning(w.Value()); p != nil {
				return p
			}
		case "image":
			value := w.Value()
			a.block.kind = image
			a.block.format, _ = scan.Text(members.Find(value, "format"))
			if p := a.hold(members.Find(members.Find(value, "source"), "bytes")); p != nil {
				return p
			}
		case "citationsContent":
			a.citations(w.Value())
		}
	}
	return nil
}

func (a *answer) wholeReasoning(raw []byte) *llm.Problem {
	if p := a.reasoning(members.Find(raw, "reasoningText")); p != nil {
		return p
	}
	return a.reasoning(raw)
}

// citations reads a text with its sources.
func (a *answer) citations(raw []byte) {
	content := scan.Over(members.Find(raw, "content"))
	for ok := content.Array(); ok && content.Element(); {
		a.text(members.Find(content.Value(), "text"))
	}
	sources := scan.Over(members.Find(raw, "citations"))
	for ok := sources.Array(); ok && sources.Element(); {
		a.emit(llm.Event{Kind: llm.ExtraEvent, Extra: extra("citation", sources.Value())})
	}
}
