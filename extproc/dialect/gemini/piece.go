package gemini

import (
	"bytes"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// beginContent opens a candidate's content up to its parts.
func (o *object) beginContent() {
	o.Begin("content")
	o.BeginArray("parts")
}

// endContent closes it. Contents without parts have no member for them; SDKs
// take an empty list for a broken answer.
func (o *object) endContent() {
	if rest, empty := bytes.CutSuffix(o.B, []byte(`"parts":[`)); empty {
		o.B = rest
	} else {
		o.EndArray()
	}
	o.Text("role", byModel)
	o.End()
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
		o.Open()
		o.Text("text", ev.Text)
		if ev.Kind == llm.ReasoningDelta {
			o.Truth("thought", true)
		}
	case llm.MediaPart:
		if ev.Media == nil || ev.Media.Base64 == "" && ev.Media.URL == "" {
			return false
		}
		o.Open()
		o.media(ev.Media)
	default:
		return false
	}
	o.TextIf("thoughtSignature", signature)
	o.End()
	return true
}

func (o *object) media(m *llm.Media) {
	name, data := "data", m.Base64
	if data == "" {
		o.Begin("fileData")
		name, data = "fileUri", m.URL
	} else {
		o.Begin("inlineData")
	}
	o.TextIf("mimeType", m.Type)
	o.Text(name, data)
	o.TextIf("displayName", m.Name)
	o.End()
}

func (o *object) heldCall(k *heldCall) {
	k.Args = string(k.args)
	o.Open()
	o.Begin("functionCall")
	o.TextIf("id", k.ID)
	o.Text("name", k.Name)
	o.args(&k.ToolCall)
	o.End()
	o.TextIf("thoughtSignature", signatureOf(k.thought))
	o.End()
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
