package gemini

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
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
)

// DecodeError reads a provider's error: google.rpc.Status under "error"
// (google.aip.dev/193), alone or in an array, as streams without alt=sse answer
// it; text and HTML come from what stands in front of the API. An error within a
// stream has status 200: its own code tells.
//
// The credential and its rights are the operator's affair: the text of such
// errors goes into Cause only.
func DecodeError(status int, header http.Header, body []byte) *llm.Problem {
	if len(body) > maxErrorBody {
		body = body[:maxErrorBody]
	}
	var s rpcStatus
	if body = bytes.TrimSpace(body); scan.Validate(body) == nil {
		s.read(body)
	} else if plainText(body) {
		s.message = string(body)
	}
	if status < 400 && s.code >= 400 {
		status = s.code
	}
	p := &llm.Problem{Kind: s.kind(status), Message: shorten(s.message), Param: s.param, RetryAfter: dialect.RetryAfter(header)}
	if p.RetryAfter == 0 {
		p.RetryAfter = delay(s.retryDelay)
	}
	if len(s.object) > len("{}") && len(s.object) <= maxVendor {
		p.Vendor = bytes.Clone(s.object)
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

// rpcStatus is what an error says.
type rpcStatus struct {
	code       int
	message    string
	status     string // canonical code, such as RESOURCE_EXHAUSTED
	reason     string // of ErrorInfo
	param      string // of the first field violation of BadRequest
	retryDelay string // of RetryInfo
	object     []byte
}

func (s *rpcStatus) read(raw []byte) {
	w := scan.Over(raw)
	if w.Array() {
		raw = nil
		if w.Element() {
			raw = w.Value()
		}
	}
	inner := find(raw, "error")
	switch scan.KindOf(inner) {
	case scan.Object:
		s.object = inner
	case scan.String:
		s.message, _ = scan.Text(inner)
		fallthrough
	default:
		if scan.KindOf(raw) != scan.Object {
			return
		}
		s.object = raw
	}
	code, _ := integerOf(find(s.object, "code"))
	if code >= 400 && code < 600 {
		s.code = int(code)
	}
	if text, ok := scan.Text(find(s.object, "message")); ok {
		s.message = text
	}
	s.status, _ = scan.Text(find(s.object, "status"))
	for _, detail := range elements(find(s.object, "details")) {
		s.detail(detail)
	}
}

// detail reads one of google.rpc's error details.
func (s *rpcStatus) detail(raw []byte) {
	kind, _ := scan.Text(find(raw, "@type"))
	switch kind[strings.LastIndexByte(kind, '.')+1:] {
	case "RetryInfo":
		s.retryDelay, _ = scan.Text(find(raw, "retryDelay"))
	case "ErrorInfo":
		s.reason, _ = scan.Text(find(raw, "reason"))
	case "BadRequest":
		for _, v := range elements(find(raw, "fieldViolations")) {
			if field, _ := scan.Text(find(v, "field")); s.param == "" {
				s.param = field
			}
		}
	}
}

// kind refines what the fault's words say by what this vendor means. A bad key
// comes with status 400, and so does a place it does not serve; its message
// about the current quota stands on limits by the minute, too, which tell when
// to come back.
func (s *rpcStatus) kind(status int) llm.Kind {
	switch {
	case s.reason == "API_KEY_INVALID" || strings.HasPrefix(s.message, "API key not valid") || s.reason == "API_KEY_EXPIRED":
		return llm.Unauthenticated
	case strings.HasPrefix(s.message, "User location is not supported"):
		return llm.Forbidden
	case status == http.StatusTooManyRequests && s.retryDelay != "":
		return llm.RateLimited
	}
	if kind, ok := statusKinds[s.status]; ok && status < 400 {
		return kind
	}
	return dialect.Fault{Status: status, Type: s.status + " " + s.reason, Message: s.message}.Kind()
}

// statusKinds are canonical codes for errors without an HTTP status.
var statusKinds = map[string]llm.Kind{
	"UNAUTHENTICATED": llm.Unauthenticated, "PERMISSION_DENIED": llm.Forbidden, "NOT_FOUND": llm.NotFound,
	"RESOURCE_EXHAUSTED": llm.RateLimited, "UNAVAILABLE": llm.Overloaded, "DEADLINE_EXCEEDED": llm.Timeout,
}

// delay reads a protobuf duration such as "19s" or "3.5s" within the bounds of
// a Retry-After header.
func delay(text string) time.Duration {
	seconds, ok := strings.CutSuffix(text, "s")
	if !ok {
		return 0
	}
	return dialect.RetryAfter(http.Header{"Retry-After": {seconds}})
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
	case scan.Object:
		return true
	case scan.String:
		return len(raw) > 2
	}
	return false
}

// isErrorDocument tells whether an object, or the first of an array, has an
// error.
func isErrorDocument(raw []byte) bool {
	w := scan.Over(raw)
	if w.Array() {
		return w.Element() && isError(find(w.Value(), "error"))
	}
	return isError(find(raw, "error"))
}
