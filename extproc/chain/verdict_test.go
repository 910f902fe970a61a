package chain

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func TestVerdictNamesEachTargetAndWhy(t *testing.T) {
	fail := func(provider string, r Reason, status int) Failure {
		return Failure{Provider: provider, Model: "acme/big", Reason: r, Status: status}
	}
	limited := func(provider string, d time.Duration) Failure {
		f := fail(provider, RateLimited, 429)
		f.RetryAfter = d
		return f
	}
	said := func(f Failure, p llm.Problem) Failure {
		f.Problem = &p
		return f
	}
	long := llm.Problem{Kind: llm.ContextLength, Message: "The prompt has 9 tokens, at most 8 fit.", Param: "messages", Code: "too_long", Vendor: []byte(`{"a":1}`)}
	tests := []struct {
		name     string
		attempts []Failure
		want     llm.Problem // without Attempts
	}{
		{
			name: "nothing was tried",
			want: llm.Problem{Kind: llm.Unavailable, Message: "No target was tried."},
		},
		{
			name:     "different failures are a 502",
			attempts: []Failure{fail("openai", ProviderError, 500), fail("azure", ConnectFailure, 0), limited("groq", time.Second)},
			want: llm.Problem{
				Kind:    llm.Unavailable,
				Message: "All 3 attempts failed: openai: 500 provider_error; azure: connect_failure; groq: 429 rate_limited.",
			},
		},
		{
			name:     "rate limits stay a 429 with the soonest Retry-After",
			attempts: []Failure{limited("openai", 20*time.Second), limited("azure", 0), limited("groq", 5*time.Second)},
			want: llm.Problem{
				Kind: llm.RateLimited, RetryAfter: 5 * time.Second,
				Message: "All 3 attempts failed: openai: 429 rate_limited; azure: 429 rate_limited; groq: 429 rate_limited.",
			},
		},
		{
			name:     "rate limits without a Retry-After stay a 429 without one",
			attempts: []Failure{limited("openai", 0)},
			want:     llm.Problem{Kind: llm.RateLimited, Message: "The only attempt failed: openai: 429 rate_limited."},
		},
		{
			name:     "overloads are a 503",
			attempts: []Failure{fail("openai", Overloaded, 503), fail("anthropic", Overloaded, 529)},
			want:     llm.Problem{Kind: llm.Overloaded, Message: "All 2 attempts failed: openai: 503 overloaded; anthropic: 529 overloaded."},
		},
		{
			name:     "no room anywhere is a 503",
			attempts: []Failure{fail("openai", Overloaded, 503), limited("groq", time.Second)},
			want: llm.Problem{
				Kind: llm.Overloaded, RetryAfter: time.Second,
				Message: "All 2 attempts failed: openai: 503 overloaded; groq: 429 rate_limited.",
			},
		},
		{
			name: "timeouts are a 504",
			attempts: []Failure{
				{Provider: "openai", Model: "acme/big", Reason: FirstTokenTimeout, Took: 60*time.Second + 400*time.Microsecond},
				fail("azure", AnswerTimeout, 0), fail("groq", RequestTimeout, 408), fail("together", ProviderError, 504),
			},
			want: llm.Problem{
				Kind:    llm.Timeout,
				Message: "All 4 attempts failed: openai: timeout_first_token after 1m0s; azure: timeout_answer; groq: 408 request_timeout; together: 504 provider_error.",
			},
		},
		{
			name:     "bad answers are a 502 of their own",
			attempts: []Failure{fail("openai", EmptyAnswer, 200), fail("azure", MalformedAnswer, 200)},
			want:     llm.Problem{Kind: llm.BadAnswer, Message: "All 2 attempts failed: openai: 200 empty_answer; azure: 200 malformed_answer."},
		},
		{
			name: "what the operator must mend is a 502 that says so",
			attempts: []Failure{
				said(fail("openai", Auth, 401), llm.Problem{Kind: llm.Unauthenticated, Message: "Incorrect API key provided: sk-canary"}),
				fail("azure", NotFound, 404), fail("groq", Payment, 402), fail("xai", Redirect, 301),
			},
			want: llm.Problem{
				Kind: llm.Unavailable,
				Message: "All 4 attempts failed: openai: 401 auth (the gateway's credential for it is refused, which its operator must mend); " +
					"azure: 404 not_found (it does not know the gateway's model id for it, which its operator must mend); " +
					"groq: 402 payment (the gateway's account there is out of credit, which its operator must mend); " +
					"xai: 301 redirect (the gateway's base URL for it is wrong, which its operator must mend).",
			},
		},
		{
			name:     "a context that is too long everywhere stays a 400, in the last provider's words",
			attempts: []Failure{said(fail("openai", ContextLength, 400), llm.Problem{Message: "first"}), said(fail("azure", ContextLength, 400), long)},
			want: llm.Problem{
				Kind: llm.ContextLength, Param: "messages", Code: "too_long", Vendor: []byte(`{"a":1}`),
				Message: "The prompt has 9 tokens, at most 8 fit. (All 2 attempts failed: openai: 400 context_length; azure: 400 context_length.)",
			},
		},
		{
			name:     "400s of several kinds are the last one's",
			attempts: []Failure{said(fail("openai", ContextLength, 400), long), said(fail("azure", UnsupportedFeature, 400), llm.Problem{Message: "No tools here."})},
			want: llm.Problem{
				Kind:    llm.Unsupported,
				Message: "No tools here. (All 2 attempts failed: openai: 400 context_length; azure: 400 unsupported_feature.)",
			},
		},
		{
			name:     "a refusal everywhere stays one",
			attempts: []Failure{said(fail("openai", Refused, 400), llm.Problem{Message: "Not that."})},
			want:     llm.Problem{Kind: llm.Refused, Message: "Not that. (The only attempt failed: openai: 400 refused.)"},
		},
		{
			name:     "a 400 nobody explained stays one",
			attempts: []Failure{fail("openai", ContextLength, 400)},
			want:     llm.Problem{Kind: llm.ContextLength, Message: "The only attempt failed: openai: 400 context_length."},
		},
		{
			name:     "a 400 among other failures is a 502 without its words",
			attempts: []Failure{fail("openai", Overloaded, 503), said(fail("azure", ContextLength, 400), long)},
			want:     llm.Problem{Kind: llm.Unavailable, Message: "All 2 attempts failed: openai: 503 overloaded; azure: 400 context_length."},
		},
		{
			name: "several models are named",
			attempts: []Failure{
				{Provider: "openai", Model: "acme/big", Reason: Reset}, {Provider: "openai", Model: "acme/small", Reason: Reset},
			},
			want: llm.Problem{
				Kind:    llm.Unavailable,
				Message: "All 2 attempts failed: acme/big at openai: reset; acme/small at openai: reset.",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Verdict(tt.attempts)
			if len(got.Attempts) != len(tt.attempts) {
				t.Errorf("the verdict lists %d of %d attempts", len(got.Attempts), len(tt.attempts))
			}
			got.Attempts = nil
			if diff := diffProblem(&tt.want, got); diff != "" {
				t.Errorf("verdict differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVerdictListsTheAttempts(t *testing.T) {
	got := Verdict([]Failure{
		{Provider: "openai", Model: "acme/big", Reason: Auth, Status: 401},
		{Provider: "azure", Model: "acme/small", Reason: ConnectFailure},
	})
	want := []llm.Attempt{
		{Provider: "openai", Model: "acme/big", Reason: "auth", Status: 401},
		{Provider: "azure", Model: "acme/small", Reason: "connect_failure"},
	}
	if diff := cmp.Diff(want, got.Attempts); diff != "" {
		t.Errorf("attempts differ (-want +got):\n%s", diff)
	}
}

func TestAVerdictOfOneReasonIsNeverAProvidersOwnStatus(t *testing.T) {
	stays := map[Reason]int{
		RateLimited: 429, Overloaded: 503, FirstTokenTimeout: 504, AnswerTimeout: 504, RequestTimeout: 504,
		ContextLength: 400, UnsupportedFeature: 400, InvalidRequest: 400, Refused: 400,
	}
	for r := range NumReasons {
		want := stays[r]
		if want == 0 {
			want = 502
		}
		f := Failure{Provider: "a", Model: "m", Reason: r, Problem: &llm.Problem{Message: "canary", Vendor: []byte("canary"), Code: "canary", Param: "canary"}}
		p := Verdict([]Failure{f, f})
		if got := p.Kind.Status(); got != want {
			t.Errorf("%v everywhere gives %d, want %d", r, got, want)
		}
		told := strings.Contains(p.Message+p.Code+p.Param+string(p.Vendor), "canary")
		if mendable := r == ContextLength || r == UnsupportedFeature || r == Refused; told != mendable {
			t.Errorf("%v everywhere passes the provider's words on: %v", r, told)
		}
	}
}

func TestAProvidersWordsAreCutShort(t *testing.T) {
	f := Failure{Provider: "a", Reason: ContextLength, Problem: &llm.Problem{
		Message: strings.Repeat("x", maxWords-1) + "é", Code: strings.Repeat("y", 500), Param: strings.Repeat("z", 500),
	}}
	p := Verdict([]Failure{f})
	if want := strings.Repeat("x", maxWords-1) + " (The only"; !strings.HasPrefix(p.Message, want) {
		t.Errorf("the message begins %q", p.Message[maxWords-10:])
	}
	if len(p.Code) != maxWord || len(p.Param) != maxWord {
		t.Errorf("code and param have %d and %d bytes", len(p.Code), len(p.Param))
	}
}
