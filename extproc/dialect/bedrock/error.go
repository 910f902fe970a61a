package bedrock

import (
	"net/http"
	"strings"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/fault"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// errorKinds are the exceptions of the runtime and of Amazon's front door that
// mean one thing whatever their status and text. Names are compared without
// regard to case: streams write them in lower camel case.
var errorKinds = map[string]llm.Kind{
	"throttlingexception":                 llm.RateLimited,
	"toomanyrequestsexception":            llm.RateLimited,
	"servicequotaexceededexception":       llm.QuotaExceeded,
	"modelnotreadyexception":              llm.Overloaded,
	"serviceunavailableexception":         llm.Overloaded,
	"serviceunavailable":                  llm.Overloaded,
	"modeltimeoutexception":               llm.Timeout,
	"modelerrorexception":                 llm.Unavailable,
	"modelstreamerrorexception":           llm.Unavailable,
	"internalserverexception":             llm.Unavailable,
	"internalfailure":                     llm.Unavailable,
	"resourcenotfoundexception":           llm.NotFound,
	"accessdeniedexception":               llm.Forbidden,
	"accessdenied":                        llm.Forbidden,
	"unrecognizedclientexception":         llm.Unauthenticated,
	"expiredtokenexception":               llm.Unauthenticated,
	"expiredtoken":                        llm.Unauthenticated,
	"invalidsignatureexception":           llm.Unauthenticated,
	"incompletesignatureexception":        llm.Unauthenticated,
	"incompletesignature":                 llm.Unauthenticated,
	"missingauthenticationtoken":          llm.Unauthenticated,
	"missingauthenticationtokenexception": llm.Unauthenticated,
	"invalidclienttokenid":                llm.Unauthenticated,
	"signaturedoesnotmatch":               llm.Unauthenticated,
}

// missingModel are the words in which a validation says that there is no such
// model here.
var missingModel = []string{
	"model identifier is invalid", "on-demand throughput isn", "inference profile that contains this model",
	"model with the given name is not found", "end of its life",
}

// DecodeError reads an error answer: the type in the header x-amzn-errortype or
// the member __type, the text in message or Message. An exception of a stream
// has status 0.
//
// The credential and its rights are the operator's affair: the text of such
// errors goes into Cause only.
func DecodeError(status int, header http.Header, body []byte) *llm.Problem {
	e := awsError{status: status, name: header.Get("X-Amzn-Errortype")}
	json, text := fault.Body(body)
	switch scan.KindOf(json) {
	case scan.Object:
		e.read(json)
	case scan.String:
		e.message, _ = scan.Text(json)
	default:
		e.message = text
	}
	return e.problem(dialect.RetryAfter(header))
}

// exception is the problem of an exception within a stream.
func exception(name string, payload []byte) *llm.Problem {
	e := awsError{name: name}
	if json, _ := fault.Body(payload); scan.KindOf(json) == scan.Object {
		e.read(json)
	}
	return e.problem(0)
}

// awsError is what an error says, whatever its form.
type awsError struct {
	status  int
	name    string // of the exception, perhaps with a namespace or a URL
	message string
	object  []byte
}

func (e *awsError) read(body []byte) {
	w := scan.Over(body)
	for ok := w.Object(); ok && w.Member(); {
		key, value := string(w.Key()), w.Value()
		text, _ := scan.Text(value)
		switch key {
		case "message", "Message", "errorMessage", "originalMessage":
			if e.message == "" {
				e.message = text
			}
		case "__type", "code":
			if e.name == "" {
				e.name = text
			}
		case "originalStatusCode": // of modelStreamErrorException
			if n, ok := scan.Int(value); ok && e.status == 0 && n == http.StatusTooManyRequests {
				e.status = int(n)
			}
		case "Output": // what the front door answers for paths it does not know
			e.read(value)
		}
	}
	e.object = body
}

func (e *awsError) problem(wait time.Duration) *llm.Problem {
	name := shortName(e.name)
	report := fault.Report{
		Kind: e.kind(name), Status: e.status, Name: name, Message: e.message, RetryAfter: wait, Object: e.object,
	}
	return report.Problem()
}

func (e *awsError) kind(name string) llm.Kind {
	lower := strings.ToLower(name)
	if kind, ok := errorKinds[lower]; ok {
		return kind
	}
	status := e.status
	if status < 400 && lower == "validationexception" {
		status = http.StatusBadRequest
	}
	if status == http.StatusBadRequest {
		text := strings.ToLower(e.message)
		for _, words := range missingModel {
			if strings.Contains(text, words) {
				return llm.NotFound
			}
		}
	}
	return dialect.Fault{Status: status, Type: name, Message: e.message}.Kind()
}

// shortName takes the namespace and the URL off an exception's name:
// "com.amazon.coral.service#AccessDeniedException" and
// "ThrottlingException:http://internal.amazon.com/…".
func shortName(name string) string {
	name, _, _ = strings.Cut(name, ":")
	if i := strings.LastIndexByte(name, '#'); i >= 0 {
		name = name[i+1:]
	}
	return strings.TrimSpace(name)
}

// isError tells whether a JSON object in place of an answer is an error.
func isError(raw []byte) (is bool) {
	if scan.Validate(raw) != nil {
		return false
	}
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "message", "Message", "__type":
			is = is || scan.KindOf(w.Value()) == scan.String
		case "Output":
			is = is || isError(w.Value())
		}
	}
	return is
}
