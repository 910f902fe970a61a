package simulator

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"unicode/utf8"
)

// maxDepth is how deep JSON may nest; deeper texts count as malformed.
const maxDepth = 512

// members calls visit with each member of a JSON object until it returns false.
// It tells whether data is one well-formed object, as far as it was read.
// Values alias data.
func members(data []byte, visit func(name string, value []byte) bool) bool {
	c := cursor{data: data}
	c.space()
	if !c.take('{') {
		return false
	}
	for c.space(); !c.take('}'); {
		from := c.at
		if !c.text() {
			return false
		}
		name, ok := unquote(data[from:c.at])
		if c.space(); !ok || !c.take(':') {
			return false
		}
		c.space()
		from = c.at
		if !c.value(1) {
			return false
		}
		if !visit(name, data[from:c.at]) {
			return true
		}
		if c.space(); !c.next('}') {
			return false
		}
	}
	return c.end()
}

// elements calls visit with each element of a JSON array. It tells whether data
// is one well-formed array. Values alias data.
func elements(data []byte, visit func(value []byte)) bool {
	c := cursor{data: data}
	c.space()
	if !c.take('[') {
		return false
	}
	for c.space(); !c.take(']'); {
		from := c.at
		if !c.value(1) {
			return false
		}
		visit(data[from:c.at])
		if c.space(); !c.next(']') {
			return false
		}
	}
	return c.end()
}

// cursor walks over JSON text (RFC 8259). Its verbs tell whether they could.
type cursor struct {
	data []byte
	at   int
}

func (c *cursor) space() {
	for c.at < len(c.data) && (c.data[c.at] == ' ' || c.data[c.at] == '\n' || c.data[c.at] == '\t' || c.data[c.at] == '\r') {
		c.at++
	}
}

func (c *cursor) take(b byte) bool {
	if c.at >= len(c.data) || c.data[c.at] != b {
		return false
	}
	c.at++
	return true
}

// next steps over a comma that is followed by something, or stays at the
// closing bracket.
func (c *cursor) next(closing byte) bool {
	if c.take(',') {
		c.space()
		return c.at < len(c.data) && c.data[c.at] != closing
	}
	return c.at < len(c.data) && c.data[c.at] == closing
}

func (c *cursor) end() bool {
	c.space()
	return c.at == len(c.data)
}

func (c *cursor) value(depth int) bool {
	if c.at >= len(c.data) || depth > maxDepth {
		return false
	}
	switch c.data[c.at] {
	case '"':
		return c.text()
	case '{':
		c.at++
		return c.nested('}', depth)
	case '[':
		c.at++
		return c.nested(']', depth)
	case 't':
		return c.word("true")
	case 'f':
		return c.word("false")
	case 'n':
		return c.word("null")
	}
	return c.number()
}

// nested walks over an object or array whose opening bracket is taken.
func (c *cursor) nested(closing byte, depth int) bool {
	for c.space(); !c.take(closing); {
		if closing == '}' {
			if !c.text() {
				return false
			}
			if c.space(); !c.take(':') {
				return false
			}
			c.space()
		}
		if !c.value(depth + 1) {
			return false
		}
		if c.space(); !c.next(closing) {
			return false
		}
	}
	return true
}

func (c *cursor) word(w string) bool {
	if !bytes.HasPrefix(c.data[c.at:], []byte(w)) {
		return false
	}
	c.at += len(w)
	return true
}

// text walks over a string, from escape to escape.
func (c *cursor) text() bool {
	if !c.take('"') {
		return false
	}
	for quote := -1; ; {
		if quote < c.at { // none known, or it was escaped
			i := bytes.IndexByte(c.data[c.at:], '"')
			if i < 0 {
				return false
			}
			quote = c.at + i
		}
		end, escaped := quote, false
		if i := bytes.IndexByte(c.data[c.at:quote], '\\'); i >= 0 {
			end, escaped = c.at+i, true
		}
		if hasControl(c.data[c.at:end]) {
			return false
		}
		c.at = end + 1
		if !escaped {
			return true
		}
		if !c.escape() {
			return false
		}
		c.at++
	}
}

// hasControl tells whether a byte below space is in b, eight bytes at a time.
func hasControl(b []byte) bool {
	const spaces, tops = 0x2020202020202020, 0x8080808080808080
	for ; len(b) >= 8; b = b[8:] {
		if x := binary.LittleEndian.Uint64(b); (x-spaces)&^x&tops != 0 {
			return true
		}
	}
	for _, c := range b {
		if c < ' ' {
			return true
		}
	}
	return false
}

// escape stands behind a backslash and stops at the last byte of the escape.
func (c *cursor) escape() bool {
	if c.at >= len(c.data) {
		return false
	}
	switch c.data[c.at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		for range 4 {
			if c.at++; c.at >= len(c.data) || !isHex(c.data[c.at]) {
				return false
			}
		}
		return true
	}
	return false
}

func isHex(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b|0x20 && b|0x20 <= 'f'
}

func (c *cursor) digits() bool {
	from := c.at
	for c.at < len(c.data) && '0' <= c.data[c.at] && c.data[c.at] <= '9' {
		c.at++
	}
	return c.at > from
}

func (c *cursor) number() bool {
	c.take('-')
	if !c.take('0') && !c.digits() {
		return false
	}
	if c.take('.') && !c.digits() {
		return false
	}
	if c.take('e') || c.take('E') {
		if !c.take('+') {
			c.take('-')
		}
		return c.digits()
	}
	return true
}

// unquote reads a JSON string.
func unquote(text []byte) (string, bool) {
	if len(text) >= 2 && text[0] == '"' && bytes.IndexByte(text, '\\') < 0 && utf8.Valid(text) {
		return string(text[1 : len(text)-1]), true
	}
	var s string
	err := json.Unmarshal(text, &s)
	return s, err == nil
}

// opening reads the beginning of a JSON string, about limit bytes of it.
func opening(text []byte, limit int) string {
	if len(text) < 2 || text[0] != '"' {
		return ""
	}
	if len(text)-2 <= limit {
		s, _ := unquote(text)
		return s
	}
	// An escape or pair of them is at most twelve bytes long: one of the cuts
	// is not inside.
	for cut := limit + 1; cut > limit-12 && cut > 0; cut-- {
		if s, ok := unquote(append(bytes.Clone(text[:cut]), '"')); ok {
			return s
		}
	}
	return ""
}

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string, valid UTF-8 as it is.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	return append(appendEscaped(dst, s), '"')
}

// appendEscaped appends the inside of a JSON string.
func appendEscaped(dst []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); i++ {
		b := s[i]
		if b >= ' ' && b != '"' && b != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch b {
		case '"', '\\':
			dst = append(dst, '\\', b)
		case '\n':
			dst = append(dst, '\\', 'n')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[b>>4], hexDigits[b&15])
		}
	}
	return append(dst, s[from:]...)
}
