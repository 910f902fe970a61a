package openai

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// Bounds of what is read and kept of an error.
const (
	maxErrorBody    = 64 << 10
	maxErrorMessage = 2 << 10
	maxVendor       = 16 << 10
	maxErrorDepth   = 4
)

// DecodeError reads a provider's error. Known forms, all of them seen behind
// "OpenAI-compatible": an error object (OpenAI, Together, Groq, DeepSeek), an
// error string, an array around either (Gemini), an object that is the error
// itself (vLLM, Mistral), FastAPI's detail (Mistral, vLLM), text and HTML. An
// error within a stream has status 200, unless its code is a status.
//
// The credential and its rights are the operator's affair: the text of 401 and
// 403 goes into Cause only.
func DecodeError(status int, header http.Header, body []byte) *llm.Problem {
	if len(body) > maxErrorBody {
		body = body[:maxErrorBody]
	}
	var f errorReader
	if body = bytes.TrimSpace(body); scan.Validate(body) == nil {
		f.read(body, 0)
	} else if plainText(body) {
		f.message = string(body)
	}
	if status < 400 && f.status >= 400 {
		status = f.status
	}
	fault := dialect.Fault{Status: status, Type: strings.Join(f.words, " "), Message: f.message}
	p := &llm.Problem{Kind: fault.Kind(), Message: shorten(f.message), Param: f.param, RetryAfter: dialect.RetryAfter(header)}
	if len(f.object) > len("{}") && len(f.object) <= maxVendor {
		p.Vendor = bytes.Clone(f.object)
	}
	switch {
	case p.Kind == llm.Unauthenticated || p.Kind == llm.Forbidden:
		p.Cause = errors.New("provider: " + p.Message)
		p.Message, p.Vendor = "the provider refused the gateway's credential", nil
	case p.Message == "" && status >= 400:
		p.Message = "the provider answered with status " + strconv.Itoa(status)
	case p.Message == "":
		p.Message = "the provider reported an error without a message"
	}
	return p
}

// errorReader collects what an error says, whatever its form.
type errorReader struct {
	message string
	param   string
	words   []string // types and codes
	status  int      // a code that is an HTTP status
	object  []byte   // the innermost error object
}

func (f *errorReader) read(raw []byte, depth int) {
	if depth > maxErrorDepth {
		return
	}
	w := scan.Over(raw)
	switch scan.KindOf(raw) {
	case scan.String:
		if text, _ := scan.Text(raw); f.message == "" {
			f.message = text
		}
	case scan.Array:
		for i := 0; i == 0 && w.Array() && w.Element(); i++ {
			f.read(w.Value(), depth+1)
		}
	case scan.Object:
		f.object = raw
		var inner []byte
		for ok := w.Object(); ok && w.Member(); {
			switch string(w.Key()) {
			case "error":
				inner = w.Value()
			case "errors":
				if inner == nil {
					inner = w.Value()
				}
			}
		}
		if !scan.IsNull(inner) {
			f.read(inner, depth+1)
		}
		f.members(raw, depth)
	}
}

func (f *errorReader) members(raw []byte, depth int) {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		key := string(w.Key())
		value := w.Value()
		switch key {
		case "message", "detail", "msg", "error_description":
			if f.message == "" {
				object := f.object
				f.read(value, depth+1)
				f.object = object
			}
		case "type", "code", "status":
			if word, ok := scan.Text(value); ok {
				f.words = append(f.words, word)
				value = []byte(word)
			}
			if n, err := strconv.Atoi(string(value)); err == nil && n >= 400 && n < 600 && f.status == 0 {
				f.status = n
			}
		case "param":
			if text, ok := scan.Text(value); ok && f.param == "" {
				f.param = text
			}
		}
	}
}

// plainText tells whether a body that is not JSON can serve as a message:
// short, readable and no HTML.
func plainText(body []byte) bool {
	return len(body) > 0 && len(body) <= maxErrorMessage && body[0] != '<' && body[0] != '{' && utf8.Valid(body) &&
		bytes.IndexFunc(body, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' && r != '\r' }) < 0
}

func shorten(s string) string {
	if len(s) <= maxErrorMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxErrorMessage], "") + "…"
}

// isError tells whether the value of a member called error is one.
func isError(raw []byte) bool {
	switch scan.KindOf(raw) {
	case scan.Object, scan.Array:
		return true
	case scan.String:
		return len(raw) > 2
	}
	return false
}

// isErrorDocument tells whether an object has an error.
func isErrorDocument(raw []byte) (failed bool) {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		if string(w.Key()) == "error" {
			failed = isError(w.Value()) || failed
		}
	}
	return failed
}
