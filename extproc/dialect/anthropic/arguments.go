package anthropic

import (
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// wrapped is the one argument under which text that is no JSON object goes as
// arguments: the free text of custom tools, as llm.Tool.FreeText has it, and
// arguments that a model wrote badly.
const wrapped = "input"

// objectText gives arguments as the JSON object that the API demands: "" is
// {}, an object is itself, anything else becomes {"input": text}, so that the
// model sees what it wrote and the conversation can go on.
func objectText(args string) string {
	text := strings.TrimSpace(args)
	switch {
	case text == "":
		return "{}"
	case text[0] == '{' && scan.Validate([]byte(text)) == nil:
		return text
	}
	return wrapText(args)
}

func wrapText(text string) string {
	var o object
	o.Open()
	o.Text(wrapped, text)
	o.End()
	return string(o.B)
}

// toolID makes an id of the API's pattern ^[a-zA-Z0-9_-]+$ out of any vendor's:
// bytes outside it become _xx in hexadecimal, so that different ids stay
// different and calls and results agree.
func toolID(id string) string {
	fits := func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
	}
	at := 0
	for at < len(id) && fits(id[at]) {
		at++
	}
	switch {
	case id == "":
		return "toolu_empty"
	case at == len(id):
		return id
	}
	const digits = "0123456789abcdef"
	b := append([]byte(nil), id[:at]...)
	for _, c := range []byte(id[at:]) {
		if fits(c) {
			b = append(b, c)
		} else {
			b = append(b, '_', digits[c>>4], digits[c&15])
		}
	}
	return string(b)
}
