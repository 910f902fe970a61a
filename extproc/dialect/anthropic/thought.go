package anthropic

import (
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// signed is the thought of a thinking block's signature: a sealed one of
// another vendor, else Anthropic's own.
func signed(signature string) *llm.Thought {
	if t, ok := llm.OpenThought(signature); ok {
		return &t
	}
	return &llm.Thought{Signature: signature, Format: llm.FormatAnthropic}
}

// redacted is the same for the data of a redacted_thinking block.
func redacted(data string) *llm.Thought {
	if t, ok := llm.OpenThought(data); ok {
		return &t
	}
	return &llm.Thought{Encrypted: data, Format: llm.FormatAnthropic}
}

// isNative tells whether Anthropic can read a thought.
func isNative(t *llm.Thought) bool { return t.Format == llm.FormatAnthropic }

// isBare tells whether nothing of a thought must come back but its text.
func isBare(t *llm.Thought) bool {
	return t == nil || t.Signature == "" && t.Encrypted == "" && (t.ID == "" || isNative(t))
}

// merge adds a later piece of the same block. Signatures may come in pieces.
func merge(into *llm.Thought, t *llm.Thought) {
	if t == nil {
		return
	}
	if t.ID != "" {
		into.ID = t.ID
	}
	if t.Format != "" {
		into.Format = t.Format
	}
	if t.Encrypted != "" {
		into.Encrypted = t.Encrypted
	}
	into.Signature += t.Signature
	into.Summary = into.Summary || t.Summary
}

// slots are the two strings in which a block carries a thought to the client:
// the signature of a thinking block, or the data of a redacted_thinking block,
// which has no text. Thoughts of other vendors are sealed.
func slots(text string, t *llm.Thought) (signature, data string) {
	switch {
	case isBare(t):
		return "", ""
	case isNative(t) && t.Encrypted != "" && text == "":
		return "", t.Encrypted
	case isNative(t) && t.Signature != "":
		return t.Signature, ""
	case text == "":
		return "", t.Seal()
	}
	return t.Seal(), ""
}
