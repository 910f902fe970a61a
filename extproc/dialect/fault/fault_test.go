package fault_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/fault"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// read is the problem that an answer makes in a dialect whose type "gone" is a
// status.
func read(status int, body string) *llm.Problem {
	r := fault.Reader{Statuses: map[string]int{"gone": http.StatusNotFound}}
	r.Read([]byte(body))
	report := r.Report(status, http.Header{"Retry-After": {"2"}})
	return report.Problem()
}

func TestAnErrorIsReadInEveryFormThatVendorsHave(t *testing.T) {
	const none = "the provider reported an error without a message"
	for _, tc := range []struct {
		name, body     string
		status         int
		kind           llm.Kind
		message, param string
		vendor         string
	}{
		{
			"an error object", `{"error":{"message":"m","type":"t","param":"p"}}`, 400,
			llm.InvalidRequest, "m", "p", `{"message":"m","type":"t","param":"p"}`,
		},
		{"an error string", `{"error":"m"}`, 400, llm.InvalidRequest, "m", "", `{"error":"m"}`},
		{"an array", `[{"error":{"message":"m"}},{"error":"n"}]`, 400, llm.InvalidRequest, "m", "", `{"message":"m"}`},
		{"the error itself", `{"object":"error","message":"m","code":429}`, 200, llm.RateLimited, "m", "", `{"object":"error","message":"m","code":429}`},
		{"errors", `{"errors":[{"message":"m"}]}`, 400, llm.InvalidRequest, "m", "", `{"message":"m"}`},
		{"a detail", `{"detail":[{"msg":"m"}]}`, 400, llm.InvalidRequest, "m", "", `{"detail":[{"msg":"m"}]}`},
		{"a type that stands for a status", `{"type":"error","error":{"type":"gone"}}`, 0, llm.NotFound, "the provider answered with status 404", "", `{"type":"gone"}`},
		{"the answer's status before the error's own", `{"error":{"message":"m","code":404}}`, 429, llm.RateLimited, "m", "", `{"message":"m","code":404}`},
		{"words", `{"error":{"code":"context_length_exceeded"}}`, 400, llm.ContextLength, "the provider answered with status 400", "", `{"code":"context_length_exceeded"}`},
		{"text", " upstream is gone\n", 502, llm.Unavailable, "upstream is gone", "", ""},
		{"a page", "<html>", 502, llm.Unavailable, "the provider answered with status 502", "", ""},
		{"half an object", `{"error":`, 500, llm.Unavailable, "the provider answered with status 500", "", ""},
		{"nothing within a stream", "", 0, llm.Unavailable, none, "", ""},
		{"deep nesting", strings.Repeat(`{"error":`, 9) + `"m"` + strings.Repeat("}", 9), 0, llm.Unavailable, none, "", `{"error":{"error":{"error":{"error":{"error":"m"}}}}}`},
		{"a secret", `{"error":{"message":"key sk-1 is wrong"}}`, 401, llm.Unauthenticated, "the provider refused the gateway's credential", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := read(tc.status, tc.body)
			want := &llm.Problem{Kind: tc.kind, Message: tc.message, Param: tc.param, RetryAfter: 2 * time.Second}
			if tc.vendor != "" {
				want.Vendor = llm.Raw(tc.vendor)
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(llm.Problem{}, "Cause")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatIsKeptOfAnErrorIsBounded(t *testing.T) {
	p := read(400, `{"error":{"message":"`+strings.Repeat("é", 9<<10)+`"}}`)
	if !strings.HasSuffix(p.Message, "é…") || len(p.Message) > 3<<10 {
		t.Errorf("a message of %d bytes", len(p.Message))
	}
	if p.Vendor != nil {
		t.Errorf("%d bytes of the vendor's", len(p.Vendor))
	}
	if json, text := fault.Body([]byte(`"` + strings.Repeat("x", 64<<10) + `"`)); json != nil || text != "" {
		t.Errorf("%d bytes of JSON, %d of text", len(json), len(text))
	}
}

func TestTheWordsOfARefusedCredentialAreTheOperators(t *testing.T) {
	report := fault.Report{Kind: llm.Forbidden, Status: 403, Name: "AccessDenied", Message: "role r", Object: []byte(`{"role":"r"}`)}
	p := report.Problem()
	if strings.Contains(p.Message, "role") || p.Vendor != nil {
		t.Errorf("the client is told %q, %s", p.Message, p.Vendor)
	}
	if cause := errors.Unwrap(p); cause == nil || cause.Error() != "provider: AccessDenied role r" {
		t.Errorf("cause %v", cause)
	}
}

func TestAnExceptionsNameStandsInForItsMessage(t *testing.T) {
	report := fault.Report{Kind: llm.Unavailable, Status: 500, Name: "InternalFailure"}
	if p := report.Problem(); p.Message != "the provider reported InternalFailure" {
		t.Error(p.Message)
	}
}

func FuzzReader(f *testing.F) {
	f.Add(200, `[{"error":{"message":"m","type":"gone","param":"p"}}]`)
	f.Add(400, `{"detail":[{"msg":"m"}],"errors":[1]}`)
	f.Add(502, "bad gateway")
	f.Fuzz(func(t *testing.T, status int, body string) {
		if p := read(status, body); p.Message == "" || len(p.Message) > 2<<10+len("…") || len(p.Vendor) > 16<<10 {
			t.Errorf("%d bytes of message, %d of the vendor's", len(p.Message), len(p.Vendor))
		}
	})
}
