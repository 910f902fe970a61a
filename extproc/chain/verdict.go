package chain

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Failure is how one attempt failed.
type Failure struct {
	Provider, Model string // by name
	Reason          Reason
	Status          int           // the provider's; 0 if none came
	RetryAfter      time.Duration // what the provider asked for; 0 = nothing
	Problem         *llm.Problem  // what was read of its answer; may be nil
	Took            time.Duration
}

// Verdict is the client's error after all attempts failed: it names each and
// why. Failures that are alike stay what they are: rate limits with the
// soonest Retry-After, a request that no target can take with the last
// provider's words. Everything else is 502, 503 or 504. Other words of
// providers stay out of it: they may hold what only the operator may know.
func Verdict(attempts []Failure) *llm.Problem {
	if len(attempts) == 0 {
		return &llm.Problem{Kind: llm.Unavailable, Message: "No target was tried."}
	}
	p := &llm.Problem{Kind: verdictKind(attempts), Message: sentence(attempts)}
	for i := range attempts {
		f := &attempts[i]
		p.Attempts = append(p.Attempts, llm.Attempt{
			Provider: f.Provider, Model: f.Model, Reason: f.Reason.String(), Status: f.Status,
		})
	}
	switch p.Kind {
	case llm.RateLimited, llm.Overloaded:
		p.RetryAfter = soonest(attempts)
	case llm.ContextLength, llm.Unsupported, llm.Inexpressible, llm.Refused:
		passOn(p, attempts[len(attempts)-1].Problem)
	}
	return p
}

// failureKind is what a failure is for the client if all attempts fail so.
func failureKind(f *Failure) llm.Kind {
	switch f.Reason {
	case RateLimited:
		return llm.RateLimited
	case Overloaded:
		return llm.Overloaded
	case FirstTokenTimeout, AnswerTimeout, RequestTimeout:
		return llm.Timeout
	case ContextLength:
		return llm.ContextLength
	case UnsupportedFeature:
		if f.Problem != nil && f.Problem.Kind == llm.Inexpressible {
			return llm.Inexpressible
		}
		return llm.Unsupported
	case Refused:
		return llm.Refused
	case InvalidRequest:
		return llm.InvalidRequest
	case EmptyAnswer, MalformedAnswer:
		return llm.BadAnswer
	case ProviderError:
		if f.Status == llm.Timeout.Status() {
			return llm.Timeout
		}
	}
	return llm.Unavailable
}

// verdictKind is the kind all failures share, or else the nearest that is true
// of all: the client's to mend, no room anywhere, or unavailable.
func verdictKind(attempts []Failure) llm.Kind {
	last := failureKind(&attempts[len(attempts)-1])
	alike, mendable, full := true, true, true
	for i := range attempts {
		k := failureKind(&attempts[i])
		alike = alike && k == last
		mendable = mendable && k.Status() == llm.InvalidRequest.Status()
		full = full && (k == llm.RateLimited || k == llm.Overloaded)
	}
	switch {
	case alike || mendable:
		return last
	case full:
		return llm.Overloaded
	default:
		return llm.Unavailable
	}
}

// soonest is the shortest wait that a provider asked for; 0 if none did.
func soonest(attempts []Failure) time.Duration {
	var d time.Duration
	for i := range attempts {
		if ra := attempts[i].RetryAfter; ra > 0 && (d == 0 || ra < d) {
			d = ra
		}
	}
	return d
}

// sentence names each target and why it failed.
func sentence(attempts []Failure) string {
	var b strings.Builder
	if len(attempts) == 1 {
		b.WriteString("The only attempt failed: ")
	} else {
		fmt.Fprintf(&b, "All %d attempts failed: ", len(attempts))
	}
	models := false // more than one
	for i := range attempts {
		models = models || attempts[i].Model != attempts[0].Model
	}
	for i := range attempts {
		f := &attempts[i]
		if i > 0 {
			b.WriteString("; ")
		}
		if models {
			b.WriteString(f.Model + " at ")
		}
		b.WriteString(f.Provider + ": ")
		if f.Status != 0 {
			fmt.Fprintf(&b, "%d ", f.Status)
		}
		b.WriteString(f.Reason.String())
		b.WriteString(f.detail())
	}
	return b.String() + "."
}

// detail is what a reason leaves open: whose it is to mend, or how long it
// took.
func (f *Failure) detail() string {
	switch f.Reason {
	case Auth:
		return " (the gateway's credential for it is refused, which its operator must mend)"
	case NotFound:
		return " (it does not know the gateway's model id for it, which its operator must mend)"
	case Payment:
		return " (the gateway's account there is out of credit, which its operator must mend)"
	case Redirect:
		return " (the gateway's base URL for it is wrong, which its operator must mend)"
	case FirstTokenTimeout, AnswerTimeout:
		if f.Took > 0 {
			return " after " + f.Took.Round(time.Millisecond).String()
		}
	}
	return ""
}

// Bounds in bytes of what is passed on of a provider's problem.
const (
	maxWords = 2 << 10
	maxWord  = 200
)

// passOn puts a provider's words first: the client has to mend what they say.
func passOn(p, said *llm.Problem) {
	if said == nil {
		return
	}
	if words := strings.TrimSpace(cut(said.Message, maxWords)); words != "" {
		p.Message = words + " (" + p.Message + ")"
	}
	p.Param, p.Code = cut(said.Param, maxWord), cut(said.Code, maxWord)
	p.Vendor = said.Vendor
}

// cut shortens s to at most n bytes, between two characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
