package gemini

import (
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

func (a *answer) candidates(raw []byte) *llm.Problem {
	w := scan.Over(raw)
	for ok := w.Array(); ok && w.Element(); {
		if p := a.candidate(w.Value()); p != nil {
			return p
		}
	}
	return nil
}

func (a *answer) candidate(raw []byte) *llm.Problem {
	var (
		number                 int64
		content, reason, probs []byte
		kept                   [6]llm.Member
		w                      = scan.Over(raw)
	)
	rest := kept[:0]
	for ok := w.Object(); ok && w.Member(); {
		switch key := w.Key(); string(key) {
		case "index":
			number, _ = integerOf(w.Value())
		case "content":
			content = w.Value()
		case "finishReason":
			reason = w.Value()
		case "logprobsResult":
			probs = w.Value()
		default:
			if value := w.Value(); !scan.IsNull(value) {
				rest = append(rest, llm.Member{Name: string(key), Value: value})
			}
		}
	}
	if number < 0 || number >= maxChoices {
		return dialect.BadAnswer("the provider sent a candidate with an index out of bounds")
	}
	c := a.choice(int32(number))
	if !c.finished {
		a.content(c, content)
		if scan.KindOf(probs) == scan.Object {
			a.emit(llm.Event{Kind: llm.Logprobs, Choice: c.index, Raw: fromLogprobs(probs)})
		}
	}
	for _, m := range rest {
		a.beside(c, extra(inCandidate+m.Name, m.Value))
	}
	if word, _ := scan.Text(reason); word != "" && word != "FINISH_REASON_UNSPECIFIED" && !c.finished {
		a.finish(c, word)
	}
	return nil
}

// beside sends what stands beside a candidate's content, such as grounding and
// citations, when it is new.
func (a *answer) beside(c *choice, x llm.Extra) {
	var changed, added bool
	if c.extras, changed, added = note(c.extras, x); changed || added {
		a.emit(llm.Event{Kind: llm.ExtraEvent, Choice: c.index, Extra: &x})
	}
}

func (a *answer) content(c *choice, raw []byte) {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		if string(w.Key()) != "parts" {
			continue
		}
		for ok := w.Array(); ok && w.Element(); {
			a.part(c, w.Value())
		}
	}
}

func (a *answer) part(c *choice, raw []byte) {
	var text, call, blob, file, signature []byte
	thought, opaque := false, false
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "text":
			text = w.Value()
		case "thought":
			thought, _ = scan.Truth(w.Value())
		case "thoughtSignature":
			signature = w.Value()
		case "functionCall":
			call = w.Value()
		case "inlineData":
			blob = w.Value()
		case "fileData":
			file = w.Value()
		default:
			opaque = !scan.IsNull(w.Value()) || opaque
		}
	}
	sign, _ := scan.Text(signature)
	t := thoughtOf(sign)
	switch {
	case opaque:
		x := extra("part", raw)
		a.emit(llm.Event{Kind: llm.ExtraEvent, Choice: c.index, Extra: &x})
	case scan.KindOf(call) == scan.Object:
		a.call(c, call, t)
	case scan.KindOf(blob) == scan.Object:
		a.media(c, blob, t)
	case scan.KindOf(file) == scan.Object:
		a.media(c, file, t)
	default:
		a.text(c, text, llm.Event{Kind: kindOf(thought), Thought: t})
	}
}

func kindOf(thought bool) llm.EventKind {
	if thought {
		return llm.ReasoningDelta
	}
	return llm.TextDelta
}

// text sends a piece of text or reasoning. A signature ends its block: signed
// pieces that follow each other are blocks of their own.
func (a *answer) text(c *choice, raw []byte, ev llm.Event) {
	ev.Text, _ = scan.Text(raw)
	if ev.Text == "" && ev.Thought == nil {
		return
	}
	block := &c.texts
	if ev.Kind == llm.ReasoningDelta {
		block = &c.thoughts
	}
	ev.Choice, ev.Index = c.index, *block
	if ev.Thought != nil {
		*block++
	}
	a.emit(ev)
}

// call sends a call, whose arguments come whole. The tool that stands for
// structured output gives text.
func (a *answer) call(c *choice, raw []byte, t *llm.Thought) {
	var id, name string
	args := []byte("{}")
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "id":
			id, _ = scan.Text(w.Value())
		case "name":
			name, _ = scan.Text(w.Value())
		case "args":
			if value := w.Value(); scan.KindOf(value) == scan.Object {
				args = value
			}
		}
	}
	if name == dialect.SchemaTool {
		a.emit(llm.Event{Kind: llm.TextDelta, Choice: c.index, Index: c.texts, Text: string(args)})
		return
	}
	if id == "" {
		id = madeID("answer", a.id, strconv.Itoa(int(c.index)), strconv.Itoa(int(c.calls)), name, string(args))
	}
	a.emit(llm.Event{Kind: llm.ToolStart, Choice: c.index, Index: c.calls, ID: id, Name: name, Thought: t})
	a.emit(llm.Event{Kind: llm.ToolArgs, Choice: c.index, Index: c.calls, Text: string(args)})
	c.calls++
}

func (a *answer) media(c *choice, raw []byte, t *llm.Thought) {
	m := &llm.Media{}
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		switch key := string(w.Key()); key {
		case "mimeType":
			m.Type, _ = scan.Text(w.Value())
		case "data":
			m.Base64, _ = scan.Text(w.Value())
		case "fileUri":
			m.URL, _ = scan.Text(w.Value())
		case "displayName":
			m.Name, _ = scan.Text(w.Value())
		}
	}
	a.emit(llm.Event{Kind: llm.MediaPart, Choice: c.index, Media: m, Thought: t})
}

// finishReasons are the API's words (FinishReason of Candidate).
var finishReasons = map[string]llm.FinishReason{
	"STOP": llm.FinishStop, "MAX_TOKENS": llm.FinishLength,
	"SAFETY": llm.FinishFilter, "RECITATION": llm.FinishFilter, "BLOCKLIST": llm.FinishFilter,
	"PROHIBITED_CONTENT": llm.FinishFilter, "SPII": llm.FinishFilter, "MODEL_ARMOR": llm.FinishFilter,
	"IMAGE_SAFETY": llm.FinishFilter, "IMAGE_PROHIBITED_CONTENT": llm.FinishFilter, "IMAGE_RECITATION": llm.FinishFilter,
	"MALFORMED_FUNCTION_CALL": llm.FinishError, "UNEXPECTED_TOOL_CALL": llm.FinishError, "TOO_MANY_TOOL_CALLS": llm.FinishError,
	"MISSING_THOUGHT_SIGNATURE": llm.FinishError, "MALFORMED_RESPONSE": llm.FinishError,
	"LANGUAGE": llm.FinishOther, "OTHER": llm.FinishOther, "NO_IMAGE": llm.FinishOther, "IMAGE_OTHER": llm.FinishOther,
}

// finish ends a choice. The API says STOP behind calls, too.
func (a *answer) finish(c *choice, word string) {
	c.finished = true
	reason, ok := finishReasons[word]
	switch {
	case c.calls > 0 && (word == "" || reason == llm.FinishStop):
		reason = llm.FinishToolCalls
	case word == "":
		reason = llm.FinishStop
	case !ok:
		reason = llm.FinishOther
	}
	a.emit(llm.Event{Kind: llm.Finish, Choice: c.index, Reason: reason, Name: word})
}
