package anthropic

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

// typeStatus are the statuses of the API's error types ("Errors" in Anthropic's
// documentation): within a stream only the type tells.
var typeStatus = map[string]int{
	"invalid_request_error": http.StatusBadRequest, "authentication_error": http.StatusUnauthorized,
	"billing_error": http.StatusPaymentRequired, "permission_error": http.StatusForbidden,
	"not_found_error": http.StatusNotFound, "request_too_large": http.StatusRequestEntityTooLarge,
	"rate_limit_error": http.StatusTooManyRequests, "api_error": http.StatusInternalServerError,
	"timeout_error": http.StatusGatewayTimeout, "overloaded_error": statusOverloaded,
}

const statusOverloaded = 529 // the API's own

// DecodeError reads a provider's error: Anthropic's {"type":"error","error":{
// "type","message"}}, Google's of Vertex ({"error":{"code","message","status"}},
// also in an array), and those of compatible providers: an error string, an
// object that is the error itself, text.
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
	} else if plainBody(body) {
		f.message = string(body)
	}
	if status < 400 {
		status = f.status
	}
	fault := dialect.Fault{Status: status, Type: strings.Join(f.words, " "), Message: f.message}
	p := &llm.Problem{Kind: fault.Kind(), Message: shorten(f.message), RetryAfter: dialect.RetryAfter(header)}
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
	words   []string // types and codes
	status  int      // what a type or code stands for
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
		if inner := memberOf(raw, "error"); !scan.IsNull(inner) {
			f.read(inner, depth+1)
		}
		f.members(raw)
	}
}

func (f *errorReader) members(raw []byte) {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		key := string(w.Key())
		value := w.Value()
		switch key {
		case "message", "detail", "msg":
			if text, _ := scan.Text(value); f.message == "" {
				f.message = text
			}
		case "type", "code", "status":
			word, ok := scan.Text(value)
			if !ok {
				word = string(value)
			} else if word != "error" {
				f.words = append(f.words, word)
			}
			n, err := strconv.Atoi(word)
			if err != nil {
				n = typeStatus[word]
			}
			if n >= 400 && n < 600 && f.status == 0 {
				f.status = n
			}
		}
	}
}

// plainBody tells whether a body that is not JSON can serve as a message:
// short, readable and no HTML.
func plainBody(body []byte) bool {
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

// isErrorDocument tells whether a document, or the first of an array, has an
// error.
func isErrorDocument(raw []byte) bool {
	if w := scan.Over(raw); scan.KindOf(raw) == scan.Array && w.Array() && w.Element() {
		raw = w.Value()
	}
	return isError(memberOf(raw, "error"))
}
