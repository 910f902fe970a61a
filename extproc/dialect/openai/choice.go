package openai

import (
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// maxChoiceIndex bounds the choices of an answer, as n is bounded.
const maxChoiceIndex = maxChoices - 1

func (a *answer) readChoices(raw []byte) *llm.Problem {
	w := scan.Over(raw)
	for ok := w.Array(); ok && w.Element(); {
		if p := a.readChoice(w.Value()); p != nil {
			return p
		}
	}
	return nil
}

func (a *answer) readChoice(raw []byte) *llm.Problem {
	var (
		index                                int64
		delta, message, reason, probs, usage []byte
		kept                                 [4]llm.Member
		w                                    = scan.Over(raw)
	)
	rest := kept[:0]
	for ok := w.Object(); ok && w.Member(); {
		switch key := w.Key(); string(key) {
		case "index":
			index, _ = scan.Int(w.Value())
		case "delta":
			delta = w.Value()
		case "message":
			message = w.Value()
		case "finish_reason":
			reason = w.Value()
		case "logprobs":
			probs = w.Value()
		case "usage":
			usage = w.Value()
		default:
			if value := w.Value(); !scan.IsNull(value) {
				rest = append(rest, llm.Member{Name: string(key), Value: value})
			}
		}
	}
	if index < 0 || index > maxChoiceIndex {
		return dialect.BadAnswer("the provider sent a choice with an index out of bounds")
	}
	c := a.choice(int32(index))
	if scan.IsNull(delta) {
		delta = message
	}
	if !c.finished {
		if p := a.delta(c, delta); p != nil {
			return p
		}
		if filled(probs) {
			a.emit(llm.Event{Kind: llm.Logprobs, Choice: c.index, Raw: members.Clone(probs)})
		}
	}
	for _, m := range rest {
		a.emitExtra(extra(inChoice+m.Name, m.Value), c.index)
	}
	if word, _ := scan.Text(reason); word != "" && !c.finished {
		a.finish(c, word)
	}
	a.usage(usage) // Moonshot's place for it
	return nil
}

// delta reads a chunk's delta or an answer's message: reasoning, text, refusal,
// images, calls, then what has no neutral word.
func (a *answer) delta(c *choice, raw []byte) *llm.Problem {
	var content, details, refusal, images, calls []byte
	var signed *llm.Thought
	var plain [2][]byte
	var kept [4]llm.Member
	rest := kept[:0]
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		switch key := w.Key(); string(key) {
		case "role":
		case "content":
			content = w.Value()
		case reasoningContent:
			plain[0] = w.Value()
		case reasoningText:
			plain[1] = w.Value()
		case "reasoning_details":
			details = w.Value()
		case "refusal":
			refusal = w.Value()
		case "images":
			images = w.Value()
		case "tool_calls":
			calls = w.Value()
		case "extra_content":
			value := w.Value()
			if s, ok := signature(value); ok {
				signed = s
			} else if !scan.IsNull(value) {
				rest = append(rest, llm.Member{Name: "extra_content", Value: value})
			}
		default:
			if value := w.Value(); !scan.IsNull(value) {
				rest = append(rest, llm.Member{Name: string(key), Value: value})
			}
		}
	}
	a.reasoning(c, details, plain[:])
	a.content(c, content)
	if signed != nil { // which comes with the text or behind it
		c.carried = true
		a.emit(llm.Event{Kind: llm.TextDelta, Choice: c.index, Thought: signed})
	}
	if text, _ := scan.Text(refusal); text != "" {
		a.text(c, llm.RefusalDelta, text)
	}
	a.images(c, images)
	if p := a.calls(c, calls); p != nil {
		return p
	}
	for _, m := range rest {
		c.calledBy = c.calledBy || m.Name == "function_call" && filled(m.Value)
		c.carried = c.carried || c.calledBy || m.Name == "audio" && filled(m.Value)
		a.emitExtra(extra(inDelta+m.Name, m.Value), c.index)
	}
	return nil
}

func (a *answer) text(c *choice, kind llm.EventKind, text string) {
	c.carried = true
	a.emit(llm.Event{Kind: kind, Choice: c.index, Text: text})
}

// content is a string, or parts: Mistral's reasoning models send their thinking
// as parts of the content.
func (a *answer) content(c *choice, raw []byte) {
	if text, ok := scan.Text(raw); ok {
		if text != "" {
			a.text(c, llm.TextDelta, text)
		}
		return
	}
	w := scan.Over(raw)
	for ok := w.Array(); ok && w.Element(); {
		var kind, text, thinking []byte
		for ok := w.Object(); ok && w.Member(); {
			switch string(w.Key()) {
			case "type":
				kind = w.Value()
			case "text":
				text = w.Value()
			case "thinking":
				thinking = w.Value()
			}
		}
		switch string(kind) {
		case `"text"`:
			a.content(c, text)
		case `"thinking"`:
			if text := thinkingText(thinking); text != "" {
				a.text(c, llm.ReasoningDelta, text)
			}
		}
	}
}

func thinkingText(raw []byte) string {
	if text, ok := scan.Text(raw); ok {
		return text
	}
	var b strings.Builder
	w := scan.Over(raw)
	for ok := w.Array(); ok && w.Element(); {
		for ok := w.Object(); ok && w.Member(); {
			if string(w.Key()) == "text" {
				text, _ := scan.Text(w.Value())
				b.WriteString(text)
			}
		}
	}
	return b.String()
}

// reasoning reads details and the plain text that most providers repeat beside
// them: the text counts once.
func (a *answer) reasoning(c *choice, details []byte, plain [][]byte) {
	var parts []llm.Part
	told := false
	w := scan.Over(details)
	for ok := w.Array(); ok && w.Element(); {
		var f fields
		p := f.reasoningDetail("reasoning_details", w.Value())
		told = told || p.Text != ""
		parts = append(parts, p)
	}
	for _, raw := range plain {
		if text, _ := scan.Text(raw); text != "" && !told {
			told = true
			a.text(c, llm.ReasoningDelta, text)
		}
	}
	for i := range parts {
		p := &parts[i]
		if p.Text == "" && *p.Thought == (llm.Thought{}) {
			continue
		}
		c.carried = true
		n, _ := scan.Int(p.Extra.Get(llm.OpenAI, "index"))
		index := int32(max(0, min(n, maxBlocks)))
		a.emit(llm.Event{Kind: llm.ReasoningDelta, Choice: c.index, Index: index, Text: p.Text, Thought: p.Thought})
	}
}

// maxBlocks bounds the numbers of blocks of one choice.
const maxBlocks = 1 << 16

func (a *answer) images(c *choice, raw []byte) {
	w := scan.Over(raw)
	for ok := w.Array(); ok && w.Element(); {
		for ok := w.Object(); ok && w.Member(); {
			if string(w.Key()) == "image_url" {
				var f fields
				if m := f.media("images", "image_url", w.Value()); m != nil && f.Problem == nil {
					c.carried = true
					a.emit(llm.Event{Kind: llm.MediaPart, Choice: c.index, Media: m})
				}
			}
		}
	}
}

// finishReasons are the words of OpenAI and its compatible providers.
var finishReasons = map[string]llm.FinishReason{
	"stop": llm.FinishStop, "eos": llm.FinishStop, "end_turn": llm.FinishStop, "stop_sequence": llm.FinishStop,
	"length": llm.FinishLength, "max_tokens": llm.FinishLength, "model_length": llm.FinishLength,
	"tool_calls": llm.FinishToolCalls, "function_call": llm.FinishToolCalls, "tool_use": llm.FinishToolCalls,
	"content_filter": llm.FinishFilter, "safety": llm.FinishFilter, "sensitive": llm.FinishFilter,
	"error": llm.FinishError, "insufficient_system_resource": llm.FinishError, "network_error": llm.FinishError, "abort": llm.FinishError,
}

// finish ends a choice. Whether tools were called is known from the calls
// themselves: several providers say "stop" behind calls or "tool_calls" behind
// an empty list of them.
func (a *answer) finish(c *choice, word string) {
	a.flushCalls(c)
	c.finished = true
	reason, ok := finishReasons[strings.ToLower(word)]
	switch called := c.started > 0 || c.calledBy; {
	case word == "":
		if reason = llm.FinishStop; called {
			reason = llm.FinishToolCalls
		}
	case called && (!ok || reason == llm.FinishStop):
		reason = llm.FinishToolCalls
	case !ok:
		reason = llm.FinishOther
	case reason == llm.FinishToolCalls && !called:
		reason = llm.FinishStop
	}
	if reason == llm.FinishToolCalls { // any other may have cut them short
		a.emptyArguments(c)
	}
	a.emit(llm.Event{Kind: llm.Finish, Choice: c.index, Reason: reason, Name: word})
}
