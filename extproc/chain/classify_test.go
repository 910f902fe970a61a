package chain

import (
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func TestReasonsHaveDistinctNames(t *testing.T) {
	seen := map[string]bool{}
	for r := range NumReasons {
		if name := r.String(); name == "" || seen[name] {
			t.Errorf("reason %d is called %q", r, name)
		}
		seen[r.String()] = true
	}
	if got := NumReasons.String(); got != "internal" {
		t.Errorf("a reason out of range is called %q", got)
	}
}

// The table of the design, status by status: what is not named here is
// provider_error from 500 and invalid_request from 400.
func TestEveryStatusHasItsReason(t *testing.T) {
	named := map[int]Reason{
		401: Auth, 402: Payment, 403: Auth, 404: NotFound, 408: RequestTimeout, 429: RateLimited,
		503: Overloaded, 529: Overloaded,
	}
	for status := 300; status <= 599; status++ {
		want, wantNext := Redirect, true
		switch r, ok := named[status]; {
		case ok:
			want = r
		case status >= 500:
			want = ProviderError
		case status >= 400:
			want, wantNext = InvalidRequest, false
		}
		for _, p := range []*llm.Problem{nil, {Kind: llm.Unavailable}, {Kind: llm.InvalidRequest}} {
			if got, next := Classify(Outcome{Status: status, Problem: p}); got != want || next != wantNext {
				t.Errorf("%d with %v: %v, %v; want %v, %v", status, p, got, next, want, wantNext)
			}
		}
	}
	for _, status := range []int{-1, 1, 100, 101, 199, 600, 999} {
		if got, next := Classify(Outcome{Status: status}); got != MalformedAnswer || !next {
			t.Errorf("%d: %v, %v; want malformed_answer", status, got, next)
		}
	}
}

func TestTheDecodedErrorRefinesTheStatus(t *testing.T) {
	tests := []struct {
		name   string
		status int
		kind   llm.Kind
		want   Reason
		next   bool
	}{
		{"a context that is too long", 400, llm.ContextLength, ContextLength, true},
		{"a context that is too long, as 413", 413, llm.ContextLength, ContextLength, true},
		{"a context that is too long, as 500", 500, llm.ContextLength, ContextLength, true},
		{"an unsupported feature", 422, llm.Unsupported, UnsupportedFeature, true},
		{"an unsupported feature, as 404", 404, llm.Unsupported, UnsupportedFeature, true},
		{"a refusal", 400, llm.Refused, Refused, false},
		{"a refusal, as 403", 403, llm.Refused, Refused, false},
		{"a bad key, as 400", 400, llm.Unauthenticated, Auth, true},
		{"no credit, as 400", 400, llm.QuotaExceeded, Payment, true},
		{"an unknown model, as 400", 400, llm.NotFound, NotFound, true},
		{"a rate limit, as 400", 400, llm.RateLimited, RateLimited, true},
		{"an exhausted quota stays a 429", 429, llm.QuotaExceeded, RateLimited, true},
		{"a refusal does not excuse a 500", 500, llm.Refused, ProviderError, true},
		{"a bad request", 400, llm.InvalidRequest, InvalidRequest, false},
		{"a 400 nobody can read", 400, llm.BadAnswer, InvalidRequest, false},
		{"a 4xx about time", 425, llm.Timeout, InvalidRequest, false},
		{"a body that is too large", 413, llm.TooLarge, InvalidRequest, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, next := Classify(Outcome{Status: tt.status, Problem: &llm.Problem{Kind: tt.kind}})
			if got != tt.want || next != tt.next {
				t.Errorf("%v, %v; want %v, %v", got, next, tt.want, tt.next)
			}
		})
	}
}

func TestAnAnswerCanFailWithoutAnErrorStatus(t *testing.T) {
	tests := []struct {
		name    string
		outcome Outcome
		want    Reason
		next    bool
	}{
		{"a whole answer", Outcome{Status: 200}, None, false},
		{"a whole answer, 201", Outcome{Status: 201}, None, false},
		{"an empty one", Outcome{Status: 200, Empty: true}, EmptyAnswer, true},
		{"an empty one, as the dialect says", Outcome{Status: 200, Empty: true, Problem: &llm.Problem{Kind: llm.BadAnswer}}, EmptyAnswer, true},
		{"a malformed one", Outcome{Status: 200, Problem: &llm.Problem{Kind: llm.BadAnswer}}, MalformedAnswer, true},
		{"an error event", Outcome{Status: 200, Stream: true, Problem: &llm.Problem{Kind: llm.Unavailable}}, StreamError, true},
		{"an error event about the request", Outcome{Status: 200, Stream: true, Problem: &llm.Problem{Kind: llm.InvalidRequest}}, StreamError, true},
		{"an error event of an overload", Outcome{Status: 200, Stream: true, Problem: &llm.Problem{Kind: llm.Overloaded}}, Overloaded, true},
		{"an error event of a rate limit", Outcome{Status: 200, Stream: true, Problem: &llm.Problem{Kind: llm.RateLimited}}, RateLimited, true},
		{"an error event of a refusal", Outcome{Status: 200, Stream: true, Problem: &llm.Problem{Kind: llm.Refused}}, Refused, false},
		{"an error object", Outcome{Status: 200, Problem: &llm.Problem{Kind: llm.Internal}}, ProviderError, true},
		{"an error object about the request", Outcome{Status: 200, Problem: &llm.Problem{Kind: llm.InvalidRequest}}, InvalidRequest, false},
		{"an error object about the context", Outcome{Status: 200, Problem: &llm.Problem{Kind: llm.ContextLength}}, ContextLength, true},
		{"a deadline of ours in a stream", Outcome{Stream: true, Problem: &llm.Problem{Kind: llm.Timeout}}, FirstTokenTimeout, true},
		{"a deadline of ours in a JSON answer", Outcome{Status: 200, Problem: &llm.Problem{Kind: llm.Timeout}}, AnswerTimeout, true},
		{"nothing at all", Outcome{}, Internal, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, next := Classify(tt.outcome); got != tt.want || next != tt.next {
				t.Errorf("%v, %v; want %v, %v", got, next, tt.want, tt.next)
			}
		})
	}
}

func TestEnvoysFlagsTellWhatHappened(t *testing.T) {
	tests := []struct {
		flags  string
		json   Reason
		stream Reason // None = as json
		stop   bool
	}{
		{flags: "UF", json: ConnectFailure},
		{flags: "DF", json: ConnectFailure},
		{flags: "UH", json: ConnectFailure},
		{flags: "URX", json: ConnectFailure},
		{flags: "URX,UF", json: ConnectFailure},
		{flags: "URX,UC", json: Reset},
		{flags: "UC", json: Reset},
		{flags: "UR", json: Reset},
		{flags: "LR", json: Reset},
		{flags: "UT", json: AnswerTimeout, stream: FirstTokenTimeout},
		{flags: "URX,UT", json: AnswerTimeout, stream: FirstTokenTimeout},
		{flags: "SI", json: AnswerTimeout, stream: FirstTokenTimeout},
		{flags: "DT", json: AnswerTimeout, stream: FirstTokenTimeout},
		{flags: "UMSDR", json: AnswerTimeout, stream: FirstTokenTimeout},
		{flags: "UPE", json: MalformedAnswer},
		{flags: "UPE,UC", json: MalformedAnswer},
		{flags: "UO", json: Overloaded},
		{flags: "OM", json: Overloaded},
		{flags: "DO", json: Overloaded},
		{flags: "UDO", json: Overloaded},
		{flags: "DC", json: Aborted, stop: true},
		{flags: "UF,DC", json: Aborted, stop: true},
		{flags: "DR", json: Aborted, stop: true},
		{flags: "NR", json: Internal},
		{flags: "NC", json: Internal},
		{flags: "NFCF", json: Internal},
		{flags: "UAEX", json: Internal},
		{flags: "RL", json: Internal},
		{flags: "-", json: Internal},
		{flags: "UFX", json: Internal},
		{flags: " UF ,", json: ConnectFailure},
		{flags: ",,", json: Internal},
	}
	for _, tt := range tests {
		t.Run(tt.flags, func(t *testing.T) {
			if tt.stream == None {
				tt.stream = tt.json
			}
			// The status and body are Envoy's own and count for nothing.
			for _, status := range []int{0, 200, 401, 503, 504} {
				o := Outcome{Status: status, LocalFlags: tt.flags, Problem: &llm.Problem{Kind: llm.ContextLength}}
				if got, next := Classify(o); got != tt.json || next == tt.stop {
					t.Errorf("JSON with %d: %v, %v; want %v, %v", status, got, next, tt.json, !tt.stop)
				}
				o.Stream = true
				if got, next := Classify(o); got != tt.stream || next == tt.stop {
					t.Errorf("stream with %d: %v, %v; want %v, %v", status, got, next, tt.stream, !tt.stop)
				}
			}
		})
	}
}

func TestARefusalGoesOnOnlyWhereTheClientWantsIt(t *testing.T) {
	for _, want := range []bool{false, true} {
		o := Outcome{Status: 400, Problem: &llm.Problem{Kind: llm.Refused}, OnRefusal: want}
		if r, next := Classify(o); r != Refused || next != want {
			t.Errorf("OnRefusal %v: %v, %v", want, r, next)
		}
	}
}

func TestALoneTargetIsRepeated(t *testing.T) {
	tests := []struct {
		reason     Reason
		retryAfter time.Duration
		wait       time.Duration
		ok         bool
	}{
		{ConnectFailure, 0, 0, true},
		{Reset, 0, 0, true},
		{ProviderError, 0, 0, true},
		{Overloaded, 0, 0, true},
		{Overloaded, time.Minute, 0, true},
		{RateLimited, 0, 0, false},
		{RateLimited, -time.Second, 0, false},
		{RateLimited, time.Millisecond, time.Millisecond, true},
		{RateLimited, 2 * time.Second, 2 * time.Second, true},
		{RateLimited, 2*time.Second + 1, 0, false},
		{None, 0, 0, false},
		{FirstTokenTimeout, 0, 0, false},
		{AnswerTimeout, 0, 0, false},
		{Auth, 0, 0, false},
		{NotFound, 0, 0, false},
		{Payment, time.Second, 0, false},
		{RequestTimeout, 0, 0, false},
		{ContextLength, 0, 0, false},
		{UnsupportedFeature, 0, 0, false},
		{InvalidRequest, 0, 0, false},
		{StreamError, 0, 0, false},
		{EmptyAnswer, 0, 0, false},
		{MalformedAnswer, 0, 0, false},
		{Redirect, 0, 0, false},
		{Refused, 0, 0, false},
		{Internal, 0, 0, false},
		{Aborted, 0, 0, false},
		{BrokenReset, 0, 0, false},
		{BrokenError, 0, 0, false},
		{BrokenEnd, 0, 0, false},
		{BrokenIdle, 0, 0, false},
		{BrokenTimeout, 0, 0, false},
	}
	met := map[Reason]bool{}
	for _, tt := range tests {
		met[tt.reason] = true
		if wait, ok := Repeat(tt.reason, tt.retryAfter); wait != tt.wait || ok != tt.ok {
			t.Errorf("%v after %v: %v, %v; want %v, %v", tt.reason, tt.retryAfter, wait, ok, tt.wait, tt.ok)
		}
	}
	if len(met) != int(NumReasons) {
		t.Errorf("the table has %d of %d reasons", len(met), NumReasons)
	}
}

// FuzzClassify: whatever comes, the reason is one of the set, agrees with the
// table of what makes the next attempt, and a success is only what had no
// problem.
func FuzzClassify(f *testing.F) {
	f.Add(200, "", uint8(0), false, true, false, false)
	f.Add(503, "UF,URX", uint8(llm.Overloaded), true, true, false, true)
	f.Add(400, "", uint8(llm.Refused), true, false, true, true)
	f.Fuzz(func(t *testing.T, status int, flags string, kind uint8, problem, stream, empty, onRefusal bool) {
		o := Outcome{Status: status, LocalFlags: flags, Stream: stream, Empty: empty, OnRefusal: onRefusal}
		if problem {
			o.Problem = &llm.Problem{Kind: llm.Kind(kind % uint8(llm.NumKinds))}
		}
		r, next := Classify(o)
		if r >= NumReasons {
			t.Fatalf("%+v has the reason %d", o, r)
		}
		stops := r == None || r == InvalidRequest || r == Aborted || r == Refused && !onRefusal
		if next == stops {
			t.Errorf("%+v is %v and makes the next attempt: %v", o, r, next)
		}
		if good := status/100 == 2 && status >= 0 && flags == "" && !problem && !empty; good != (r == None) {
			t.Errorf("%+v is %v", o, r)
		}
		if again, _ := Classify(o); again != r {
			t.Errorf("%+v is %v, then %v", o, r, again)
		}
	})
}
