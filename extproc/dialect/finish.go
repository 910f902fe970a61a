package dialect

import (
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// Finish is why an answer ended, by the provider's word.
func (c *Codec) Finish(word string) llm.FinishReason {
	reason, known := c.Finishes[word]
	if !known {
		reason, known = c.Finishes[strings.ToLower(word)]
	}
	if !known && word != "" {
		return llm.FinishOther
	}
	return reason
}

// FinishOf is why a whole JSON answer ended.
func (c *Codec) FinishOf(body []byte) llm.FinishReason {
	for _, name := range c.FinishAt {
		body = member(body, name)
	}
	word, _ := scan.Text(body) // where none stands, "" means what the dialect says
	return c.Finish(word)
}

// member is a member of an object, or of an array's last element; nil if there
// is none.
func member(raw []byte, name string) (value []byte) {
	w := scan.Over(raw)
	if scan.KindOf(raw) == scan.Array {
		for ok := w.Array(); ok && w.Element(); {
			raw = w.Value()
		}
		w = scan.Over(raw)
	}
	for ok := w.Object(); ok && w.Member(); {
		if string(w.Key()) == name {
			value = w.Value()
		}
	}
	return value
}
