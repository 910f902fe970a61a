package gemini

import (
	"bytes"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// beginContent opens a candidate's content up to its parts.
func (o *object) beginContent() {
	o.begin("content")
	o.beginArray("parts")
}

// endContent closes it. Contents without parts have no member for them; SDKs
// take an empty list for a broken answer.
func (o *object) endContent() {
	if rest, empty := bytes.CutSuffix(o.b, []byte(`"parts":[`)); empty {
		o.b = rest
	} else {
		o.endArray()
	}
	o.text("role", byModel)
	o.end()
}

// piece writes an event of content as a part; false if there are no words for
// it or nothing in it.
func (o *object) piece(ev *llm.Event) bool {
	signature := signatureOf(ev.Thought)
	switch ev.Kind {
	case llm.TextDelta, llm.RefusalDelta, llm.ReasoningDelta:
		if ev.Text == "" && signature == "" {
			return false
		}
		o.open()
		o.text("text", ev.Text)
		if ev.Kind == llm.ReasoningDelta {
			o.truth("thought", true)
		}
	case llm.MediaPart:
		if ev.Media == nil || ev.Media.Base64 == "" && ev.Media.URL == "" {
			return false
		}
		o.open()
		o.media(ev.Media)
	default:
		return false
	}
	o.textIf("thoughtSignature", signature)
	o.end()
	return true
}

func (o *object) media(m *llm.Media) {
	name, data := "data", m.Base64
	if data == "" {
		o.begin("fileData")
		name, data = "fileUri", m.URL
	} else {
		o.begin("inlineData")
	}
	o.textIf("mimeType", m.Type)
	o.text(name, data)
	o.textIf("displayName", m.Name)
	o.end()
}

func (o *object) heldCall(k *heldCall) {
	k.Args = string(k.args)
	o.open()
	o.begin("functionCall")
	o.textIf("id", k.ID)
	o.text("name", k.Name)
	o.args(&k.ToolCall)
	o.end()
	o.textIf("thoughtSignature", signatureOf(k.thought))
	o.end()
}

// finishWords are the API's words for reasons.
var finishWords = [llm.NumFinishReasons]string{
	llm.FinishUnknown:   "STOP",
	llm.FinishStop:      "STOP",
	llm.FinishLength:    "MAX_TOKENS",
	llm.FinishToolCalls: "STOP",
	llm.FinishFilter:    "SAFETY",
	llm.FinishRefusal:   "SAFETY",
	llm.FinishPause:     "OTHER",
	llm.FinishError:     "MALFORMED_RESPONSE",
	llm.FinishOther:     "OTHER",
}

// finishWord is the API's word for a reason: the provider's own where it is one
// for that reason.
func finishWord(ev *llm.Event) string {
	if reason, ok := finishReasons[ev.Name]; ok && reason == ev.Reason {
		return ev.Name
	}
	return finishWords[ev.Reason]
}

// brokenWord is the word for an answer with a call that cannot be read: the
// limit, if that cut it.
func brokenWord(ev *llm.Event) string {
	switch ev.Reason {
	case llm.FinishUnknown, llm.FinishStop, llm.FinishToolCalls, llm.FinishOther:
		return "MALFORMED_FUNCTION_CALL"
	}
	return finishWord(ev)
}
