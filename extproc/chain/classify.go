package chain

import (
	"strings"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Outcome is what is known of an attempt that ended before its first content
// was out.
type Outcome struct {
	// Status is the HTTP status; 0 if none came.
	Status int
	// LocalFlags are Envoy's %RESPONSE_FLAGS%, comma-separated, of an answer
	// that Envoy made in the provider's stead ("-": none); "" otherwise.
	LocalFlags string
	// Problem is what the dialect read of an error or a bad answer; nil if
	// nothing.
	Problem *llm.Problem
	// Stream tells that the attempt was to be a stream.
	Stream bool
	// Empty tells that the answer ended without any content.
	Empty bool
	// OnRefusal lets a content refusal go on to the next target.
	OnRefusal bool
}

// Classify names how an attempt ended, and tells whether that makes the next
// attempt: it does if another target may do better.
func Classify(o Outcome) (r Reason, next bool) {
	r = o.reason()
	switch r {
	case None, InvalidRequest, Aborted:
		return r, false
	case Refused:
		return r, o.OnRefusal
	default:
		return r, true
	}
}

func (o *Outcome) reason() Reason {
	switch {
	case o.LocalFlags != "":
		return o.local()
	case o.Status == 0 || o.Status >= 200 && o.Status < 300:
		return o.answered()
	case o.Status < 300 || o.Status > 599:
		return MalformedAnswer
	case o.Status < 400:
		return Redirect
	}
	if r := o.told(); r == ContextLength || r == UnsupportedFeature {
		return r // whatever the status: providers do not agree on one
	}
	if r, ok := statusReasons[o.Status]; ok {
		if o.Status == 403 && o.told() == Refused {
			return Refused // content filters that answer 403
		}
		return r
	}
	if o.Status >= 500 {
		return ProviderError
	}
	switch r := o.told(); r {
	case Auth, Payment, NotFound, RateLimited, Overloaded, Refused:
		return r // some providers say 400 for a bad key, or for one without credit
	default:
		return InvalidRequest
	}
}

// statusReasons are the statuses that say enough by themselves.
var statusReasons = map[int]Reason{
	401: Auth,
	402: Payment,
	403: Auth,
	404: NotFound,
	408: RequestTimeout,
	429: RateLimited,
	503: Overloaded,
	529: Overloaded, // Anthropic's overloaded_error
}

// answered judges an outcome without an error status: an answer that is none,
// an error inside a 200, or a deadline of ours.
func (o *Outcome) answered() Reason {
	switch r := o.told(); {
	case o.Problem == nil && o.Empty:
		return EmptyAnswer
	case o.Problem == nil && o.Status == 0:
		return Internal // nothing came and nobody knows why
	case o.Problem == nil:
		return None
	case r == StreamError && !o.Stream && o.Problem.Kind == llm.InvalidRequest:
		return InvalidRequest
	case r == StreamError && !o.Stream:
		return ProviderError
	default:
		return r
	}
}

// told is the reason that the decoded problem alone gives; StreamError if it
// says nothing in particular, None if there is no problem.
func (o *Outcome) told() Reason {
	if o.Problem == nil {
		return None
	}
	switch o.Problem.Kind {
	case llm.ContextLength:
		return ContextLength
	case llm.Unsupported, llm.Inexpressible:
		return UnsupportedFeature
	case llm.Refused:
		return Refused
	case llm.RateLimited:
		return RateLimited
	case llm.QuotaExceeded:
		return Payment
	case llm.Overloaded:
		return Overloaded
	case llm.Unauthenticated, llm.Forbidden:
		return Auth
	case llm.NotFound:
		return NotFound
	case llm.Timeout:
		return o.timeout()
	case llm.BadAnswer:
		if o.Empty {
			return EmptyAnswer
		}
		return MalformedAnswer
	default:
		return StreamError
	}
}

func (o *Outcome) timeout() Reason {
	if o.Stream {
		return FirstTokenTimeout
	}
	return AnswerTimeout
}

// timeLimit stands in flagReasons for the timeout of the kind of answer that
// was asked for.
const timeLimit = NumReasons

// flagReasons are Envoy's response flags, the most telling first: several may
// come together. Source: Envoy, access log %RESPONSE_FLAGS%.
var flagReasons = []struct {
	flag   string
	reason Reason
}{
	{"DC", Aborted},        // downstream connection termination
	{"DR", Aborted},        // downstream remote reset
	{"UF", ConnectFailure}, // upstream connection failure
	{"DF", ConnectFailure}, // DNS resolution failure
	{"UH", ConnectFailure}, // no healthy upstream
	{"UT", timeLimit},      // upstream request timeout
	{"SI", timeLimit},      // stream idle timeout
	{"DT", timeLimit},      // longest duration of a request or connection
	{"UMSDR", timeLimit},   // longest duration of an upstream stream
	{"UPE", MalformedAnswer},
	{"UC", Reset},       // upstream connection termination
	{"UR", Reset},       // upstream remote reset
	{"LR", Reset},       // connection local reset
	{"UO", Overloaded},  // circuit breaker
	{"OM", Overloaded},  // overload manager
	{"DO", Overloaded},  // drop overload
	{"UDO", Overloaded}, // drop overload, of all
	{"URX", ConnectFailure},
}

// local judges an answer that Envoy made. A flag that is not listed (no route,
// no cluster, ext_proc away) tells of our own configuration.
func (o *Outcome) local() Reason {
	for _, f := range flagReasons {
		if !hasFlag(o.LocalFlags, f.flag) {
			continue
		}
		if f.reason == timeLimit {
			return o.timeout()
		}
		return f.reason
	}
	return Internal
}

func hasFlag(flags, flag string) bool {
	for len(flags) > 0 {
		var one string
		one, flags, _ = strings.Cut(flags, ",")
		if strings.TrimSpace(one) == flag {
			return true
		}
	}
	return false
}

// maxWait is the longest pause that a lone target is waited for.
const maxWait = 2 * time.Second

// Repeat tells whether a lone target may be asked again after prev, and after
// what wait. retryAfter is what the provider asked for, 0 = nothing.
func Repeat(prev Reason, retryAfter time.Duration) (wait time.Duration, ok bool) {
	switch prev {
	case ConnectFailure, Reset, ProviderError, Overloaded:
		return 0, true
	case RateLimited:
		if retryAfter > 0 && retryAfter <= maxWait {
			return retryAfter, true
		}
	}
	return 0, false
}
