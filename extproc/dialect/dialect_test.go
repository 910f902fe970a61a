package dialect_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func TestGatewayOptionsAreRead(t *testing.T) {
	var o dialect.Options
	p := o.ReadGateway([]byte(`{"order":["a","b/eu"],"only":["a"],"models":["x/y"],"sort":"ttft","onRefusal":true,"user":"u","tags":["t"]}`))
	if p != nil {
		t.Fatal(p)
	}
	want := dialect.Options{
		Order: []string{"a", "b/eu"}, Only: []string{"a"}, Models: []string{"x/y"}, Sort: "ttft",
		OnRefusal: true, User: "u", Tags: []string{"t"},
	}
	if diff := cmp.Diff(want, o); diff != "" {
		t.Error(diff)
	}
	if o.Empty() {
		t.Error("the options are empty")
	}
	var none dialect.Options
	for _, raw := range []string{`null`, `{}`, `{"order":null,"sort":null}`} {
		if p := none.ReadGateway([]byte(raw)); p != nil || !none.Empty() {
			t.Errorf("%s: %v %+v", raw, p, none)
		}
	}
}

func TestGatewayOptionsThatCannotBeHonouredAreRefused(t *testing.T) {
	for raw, param := range map[string]string{
		`{"zeroDataRetention":true}`:    "providerOptions.gateway.zeroDataRetention",
		`{"Order":["a"]}`:               "providerOptions.gateway",
		`{"order":["a"],"order":["b"]}`: "providerOptions.gateway",
		`{"sort":"random"}`:             "providerOptions.gateway.sort",
		`{"onRefusal":"yes"}`:           "providerOptions.gateway.onRefusal",
		`{"only":[7]}`:                  "providerOptions.gateway.only",
		`"order"`:                       "providerOptions.gateway",
	} {
		var o dialect.Options
		if p := o.ReadGateway([]byte(raw)); p == nil || p.Param != param || p.Kind != llm.InvalidRequest {
			t.Errorf("%s: got %+v", raw, p)
		}
	}
}

func TestFallbackModelsInTwoPlacesMustAgree(t *testing.T) {
	var o dialect.Options
	for _, raw := range []string{`null`, `["a","b"]`, `["a","b"]`} {
		if p := o.ReadModels([]byte(raw)); p != nil {
			t.Fatal(p)
		}
	}
	if p := o.ReadModels([]byte(`["b","a"]`)); p == nil || !strings.Contains(p.Message, "contradict") {
		t.Errorf("got %v", p)
	}
}

func TestFaultsAreClassified(t *testing.T) {
	for _, c := range []struct {
		fault dialect.Fault
		want  llm.Kind
	}{
		{dialect.Fault{Status: 400, Message: "prompt is too long: 1 > 0"}, llm.ContextLength},
		{dialect.Fault{Status: 400, Type: "context_length_exceeded"}, llm.ContextLength},
		{dialect.Fault{Status: 500, Message: "context window"}, llm.Unavailable},
		{dialect.Fault{Status: 429, Message: "too many tokens per minute"}, llm.RateLimited},
		{dialect.Fault{Status: 429, Type: "insufficient_quota"}, llm.QuotaExceeded},
		{dialect.Fault{Status: 403, Message: "flagged by our moderation"}, llm.Refused},
		{dialect.Fault{Status: 403, Message: "this key does not support chat"}, llm.Forbidden},
		{dialect.Fault{Status: 400, Message: "model does not support tools"}, llm.Unsupported},
		{dialect.Fault{Status: 400, Message: "Your credit balance is too low"}, llm.QuotaExceeded},
		{dialect.Fault{Type: "overloaded_error"}, llm.Overloaded},
		{dialect.Fault{Status: 200, Type: "rate_limit_error"}, llm.RateLimited},
		{dialect.Fault{Type: "server_error"}, llm.Unavailable},
		{dialect.Fault{}, llm.Unavailable},
		{dialect.Fault{Status: 599}, llm.Unavailable},
	} {
		if got := c.fault.Kind(); got != c.want {
			t.Errorf("%+v: got %s, want %s", c.fault, got, c.want)
		}
	}
}

func TestRetryAfterIsRead(t *testing.T) {
	const date = "Wed, 21 Oct 2026 07:28:00 GMT"
	for _, c := range []struct {
		header map[string]string
		want   time.Duration
	}{
		{nil, 0},
		{map[string]string{"Retry-After": "3"}, 3 * time.Second},
		{map[string]string{"Retry-After": " 0.25 "}, 250 * time.Millisecond},
		{map[string]string{"Retry-After": "3", "Retry-After-Ms": "20"}, 20 * time.Millisecond},
		{map[string]string{"Retry-After": "-3"}, 0},
		{map[string]string{"Retry-After": "NaN"}, 0},
		{map[string]string{"Retry-After": "Inf"}, 24 * time.Hour},
		{map[string]string{"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT", "Date": date}, 30 * time.Second},
		{map[string]string{"Retry-After": "Wed, 21 Oct 2026 07:27:30 GMT", "Date": date}, 0},
		{map[string]string{"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT"}, 0},
	} {
		h := http.Header{}
		for name, value := range c.header {
			h.Set(name, value)
		}
		if got := dialect.RetryAfter(h); got != c.want {
			t.Errorf("%v: got %v, want %v", c.header, got, c.want)
		}
	}
}
