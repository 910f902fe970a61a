package gemini

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/fault"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// DecodeError reads a provider's error: google.rpc.Status under "error"
// (google.aip.dev/193), alone or in an array, as streams without alt=sse answer
// it; text and HTML come from what stands in front of the API. An error within a
// stream has status 200: its own code tells.
//
// The credential and its rights are the operator's affair: the text of such
// errors goes into Cause only.
func DecodeError(status int, header http.Header, body []byte) *llm.Problem {
	var s rpcStatus
	if json, text := fault.Body(body); json != nil {
		s.read(json)
	} else {
		s.message = text
	}
	if status < 400 && s.code >= 400 {
		status = s.code
	}
	report := fault.Report{
		Kind: s.kind(status), Status: status, Message: s.message, Param: s.param,
		RetryAfter: cmp.Or(dialect.RetryAfter(header), delay(s.retryDelay)), Object: s.object,
	}
	return report.Problem()
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
	inner := members.Find(raw, "error")
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
	code, _ := integerOf(members.Find(s.object, "code"))
	if code >= 400 && code < 600 {
		s.code = int(code)
	}
	if text, ok := scan.Text(members.Find(s.object, "message")); ok {
		s.message = text
	}
	s.status, _ = scan.Text(members.Find(s.object, "status"))
	for _, detail := range elements(members.Find(s.object, "details")) {
		s.detail(detail)
	}
}

// detail reads one of google.rpc's error details.
func (s *rpcStatus) detail(raw []byte) {
	kind, _ := scan.Text(members.Find(raw, "@type"))
	switch kind[strings.LastIndexByte(kind, '.')+1:] {
	case "RetryInfo":
		s.retryDelay, _ = scan.Text(members.Find(raw, "retryDelay"))
	case "ErrorInfo":
		s.reason, _ = scan.Text(members.Find(raw, "reason"))
	case "BadRequest":
		for _, v := range elements(members.Find(raw, "fieldViolations")) {
			if field, _ := scan.Text(members.Find(v, "field")); s.param == "" {
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
