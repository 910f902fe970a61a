package scan

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// value validates the value at pos and moves behind it. It recurses at most
// Depth levels.
func (w *Walk) value() {
	switch c := w.peek(); {
	case c == '"':
		w.quoted()
	case c == '{':
		w.object()
	case c == '[':
		w.array()
	case c == '-' || c >= '0' && c <= '9':
		w.number()
	case c == 't':
		w.literal("true")
	case c == 'f':
		w.literal("false")
	case c == 'n':
		w.literal("null")
	default:
		w.fail(w.pos, "expected a JSON value")
	}
}

func (w *Walk) object() {
	if w.depth++; w.depth > Depth {
		w.tooDeep()
		return
	}
	w.pos++
	if w.space(); w.peek() == '}' {
		w.pos++
		w.depth--
		return
	}
	for w.err == nil {
		if w.peek() != '"' {
			w.fail(w.pos, "expected a member name in double quotes")
			return
		}
		w.quoted()
		w.colon()
		w.value()
		w.space()
		switch w.peek() {
		case ',':
			w.pos++
			w.space()
		case '}':
			w.pos++
			w.depth--
			return
		default:
			w.fail(w.pos, "expected ',' or '}' after a member")
		}
	}
}

func (w *Walk) array() {
	if w.depth++; w.depth > Depth {
		w.tooDeep()
		return
	}
	w.pos++
	if w.space(); w.peek() == ']' {
		w.pos++
		w.depth--
		return
	}
	for w.err == nil {
		w.value()
		w.space()
		switch w.peek() {
		case ',':
			w.pos++
			w.space()
		case ']':
			w.pos++
			w.depth--
			return
		default:
			w.fail(w.pos, "expected ',' or ']' after an element")
		}
	}
}

func (w *Walk) literal(word string) {
	if !bytes.HasPrefix(w.text[w.pos:], []byte(word)) {
		w.fail(w.pos, "expected "+word)
		return
	}
	w.pos += len(word)
}

// number follows RFC 8259, section 6: no leading zeros, no bare point or
// exponent.
func (w *Walk) number() {
	if w.peek() == '-' {
		w.pos++
	}
	if w.peek() == '0' {
		w.pos++
	} else {
		w.digits()
	}
	if w.peek() == '.' {
		w.pos++
		w.digits()
	}
	if c := w.peek(); c == 'e' || c == 'E' {
		w.pos++
		if c := w.peek(); c == '+' || c == '-' {
			w.pos++
		}
		w.digits()
	}
}

func (w *Walk) digits() {
	from := w.pos
	for c := w.peek(); c >= '0' && c <= '9'; c = w.peek() {
		w.pos++
	}
	if w.pos == from {
		w.fail(w.pos, "expected a digit")
	}
}

const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// quoted validates the string at pos and tells whether it has escapes. Eight
// bytes at a time are looked at for a quote, a backslash and control
// characters; bytes above ASCII are only noted and judged together.
func (w *Walk) quoted() (escaped bool) {
	text, i := w.text, w.pos+1
	var high uint64
	for {
		for i+8 <= len(text) {
			x := binary.LittleEndian.Uint64(text[i:])
			quote, slash := x^'"'*ones, x^'\\'*ones
			high |= x
			if hit := ((quote-ones)&^quote | (slash-ones)&^slash | (x-' '*ones)&^x) & tops; hit != 0 {
				i += bits.TrailingZeros64(hit) >> 3
				break
			}
			i += 8
		}
		for i < len(text) && text[i] >= ' ' && text[i] != '"' && text[i] != '\\' {
			high |= uint64(text[i])
			i++
		}
		if i+1 >= len(text) || text[i] != '\\' {
			break
		}
		if escaped = true; short[text[i+1]] {
			i += 2
			continue
		}
		if _, ok := hex4(text[i+2:]); !ok || text[i+1] != 'u' {
			w.fail(i, `expected one of \" \\ \/ \b \f \n \r \t \uXXXX after a backslash`)
			return escaped
		}
		i += 6
	}
	switch {
	case i >= len(text) || text[i] == '\\':
		w.fail(len(text), "expected the closing quote of a string")
	case text[i] != '"':
		w.fail(i, "expected an escape instead of a control character in a string")
	case high&tops != 0 && !utf8.Valid(text[w.pos:i]):
		w.fail(invalidUTF8(text, w.pos), "expected UTF-8 in a string")
	}
	w.pos = min(i+1, len(text))
	return escaped
}

// short are the characters that make an escape of two bytes.
var short = [256]bool{'"': true, '\\': true, '/': true, 'b': true, 'f': true, 'n': true, 'r': true, 't': true}

func hex4(text []byte) (r rune, ok bool) {
	if len(text) < 4 {
		return 0, false
	}
	for _, c := range text[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// invalidUTF8 is the offset of the first byte from at on that is not UTF-8.
func invalidUTF8(text []byte, at int) int {
	for at < len(text) {
		r, n := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	return at
}
