package process

import "strings"

// simpleEscapes are the one-letter escapes of --log-format-escaped (C style).
var simpleEscapes = map[byte]byte{
	'n': '\n', 'r': '\r', 't': '\t', '"': '"', '\'': '\'', '\\': '\\',
}

// unescape undoes --log-format-escaped: one-letter escapes, and three octal
// digits for every other byte that is not printable ASCII. What is no escape
// stays as it is; bytes that are not UTF-8 become U+FFFD.
func unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			out = append(out, text[i])
			continue
		}
		if plain, ok := simpleEscapes[text[i+1]]; ok {
			out = append(out, plain)
			i++
			continue
		}
		if value, ok := octal(text[i+1:]); ok {
			out = append(out, value)
			i += 3
			continue
		}
		out = append(out, '\\')
	}
	return strings.ToValidUTF8(string(out), "\uFFFD")
}

// octal reads three octal digits that fit a byte.
func octal(text string) (byte, bool) {
	if len(text) < 3 || text[0] > '3' {
		return 0, false
	}
	var value byte
	for i := range 3 {
		if text[i] < '0' || text[i] > '7' {
			return 0, false
		}
		value = value<<3 | (text[i] - '0')
	}
	return value, true
}
