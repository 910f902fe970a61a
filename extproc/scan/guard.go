package scan

import (
	"strconv"
	"unicode/utf8"
)

// Names are member names on which two parsers of one text must agree: at most
// 64 ASCII names.
type Names []string

// Seen is which of the Names an object has had so far.
type Seen uint64

// Guard judges the current member's name, escapes decoded: a guarded name may
// appear once and only in its exact spelling. Parsers disagree on which of two
// equal members counts, and some (encoding/json among them) match names
// without regard to case, the letters ſ (U+017F) and K (U+212A) included; so a
// second or a differently spelled one stops the walk and Guard returns false.
func (w *Walk) Guard(names Names, seen *Seen) bool {
	for i, name := range names {
		switch {
		case string(w.key) == name:
			if *seen&(1<<i) != 0 {
				w.err = &Error{Offset: w.keyFrom, Name: name, Text: "member " + strconv.Quote(name) + " appears twice"}
				return false
			}
			*seen |= 1 << i
			return true
		case foldEqual(w.key, name):
			w.err = &Error{Offset: w.keyFrom, Name: name, Text: "member " + strconv.Quote(string(w.key)) +
				" must be spelled " + strconv.Quote(name)}
			return false
		}
	}
	return true
}

// foldEqual compares without regard to case as Unicode's simple folding does;
// name is ASCII.
func foldEqual(key []byte, name string) bool {
	for i := range len(name) {
		if len(key) == 0 {
			return false
		}
		r, n := rune(key[0]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(key)
		}
		if fold(r) != fold(rune(name[i])) {
			return false
		}
		key = key[n:]
	}
	return len(key) == 0
}

func fold(r rune) rune {
	switch {
	case r >= 'A' && r <= 'Z':
		return r + 'a' - 'A'
	case r == 'ſ':
		return 's'
	case r == '\u212A':
		return 'k'
	}
	return r
}
