package members

import (
	"iter"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// Find is the value of an object's member, the last one of that name; nil if it
// has none, or is no object.
func Find(raw []byte, name string) (value []byte) {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		if string(w.Key()) == name {
			value = w.Value()
		}
	}
	return value
}

// Values are JSON texts that stand one after the other, up to the first that is
// broken.
func Values(raw []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(raw) > 0 {
			w := scan.Over(raw)
			value := w.Value()
			if value == nil || !yield(value) {
				return
			}
			raw = raw[w.Pos():]
		}
	}
}

// Unquoted is a string without its quotes, escapes and all, for comparing with
// plain words; nil for every other value.
func Unquoted(raw []byte) []byte {
	if scan.KindOf(raw) != scan.String || len(raw) < len(`""`) {
		return nil
	}
	return raw[1 : len(raw)-1]
}

// Count reads a count of tokens; unset if it is no integer, or none that counts.
func Count(raw []byte) llm.Opt[llm.Tokens] {
	n, ok := scan.Int(raw)
	if !ok {
		return llm.Opt[llm.Tokens]{}
	}
	return llm.Count(n)
}

// Clone copies a value out of the text it lies in.
func Clone(raw []byte) llm.Raw { return append(llm.Raw(nil), raw...) }

// OneLine turns the line ends of JSON text, which can only be white space
// between tokens, into spaces: in a stream they would end the line.
func OneLine(text []byte) {
	for i, c := range text {
		if c == '\n' || c == '\r' {
			text[i] = ' '
		}
	}
}
