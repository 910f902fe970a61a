// Package envelope reads the members of requests that mean the same in every
// dialect, for codecs' Scan: the model, the gateway's own options, bounded
// integers and truths.
//
// Promises: one pass over the text, which is validated to its end; the first
// problem stands, except that a text that is not JSON is always told as such;
// nothing is allocated but what the Envelope holds. Refuses to know a dialect:
// names, order and what else counts are the codec's.
//
// Concurrency: a Scanner belongs to one goroutine.
package envelope

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// Bounds of a request.
const (
	// MaxTokens is the greatest limit of output that a request may set.
	MaxTokens   = 1_000_000_000
	maxModelLen = 512 // bytes of a model name
)

// Scanner is a pass over a request.
//
//	s := envelope.Over(body)
//	for ok := s.Object(); ok && s.Next(guarded); {
//		switch string(s.Walk.Key()) {
//		…
//		}
//	}
//	if s.End() { … what needs the whole request … }
//	return s.Result()
type Scanner struct {
	Walk     scan.Walk
	Envelope dialect.Envelope
	Problem  *llm.Problem
	seen     scan.Seen
}

// Over starts in front of a request.
func Over(body []byte) Scanner {
	return Scanner{Walk: scan.Over(body), Envelope: dialect.Envelope{N: 1}}
}

// Object enters the request; false, with the problem, if it is no JSON object.
func (s *Scanner) Object() bool {
	if s.Walk.Object() {
		return true
	}
	if err := s.Walk.End(); err != nil {
		s.Problem = syntax(err)
	} else {
		s.Problem = dialect.Invalid("", "the request body must be a JSON object")
	}
	return false
}

// Next goes to the next member of the request, whose name is guarded; false
// behind the last one and after a problem.
func (s *Scanner) Next(guarded scan.Names) bool {
	return s.Walk.Member() && s.Walk.Guard(guarded, &s.seen) && s.Problem == nil
}

// Seen is which of the guarded names the request has.
func (s *Scanner) Seen() scan.Seen { return s.seen }

// End passes what is left of the text; false if there is a problem.
func (s *Scanner) End() bool {
	err := s.Walk.Err()
	if err == nil && s.Problem == nil {
		err = s.Walk.End()
	}
	if err != nil {
		s.Problem = syntax(err)
	}
	return s.Problem == nil
}

// Named tells whether the request names a model; else that is the problem.
func (s *Scanner) Named() bool {
	if s.Envelope.Model == "" {
		s.Problem = dialect.Invalid("model", "model is missing")
	}
	return s.Problem == nil
}

// Result is what the request says, or the problem.
func (s *Scanner) Result() (dialect.Envelope, *llm.Problem) {
	if s.Problem != nil {
		return dialect.Envelope{}, s.Problem
	}
	return s.Envelope, nil
}

// syntax tells a client where its JSON is wrong.
func syntax(err *scan.Error) *llm.Problem {
	p := dialect.Invalid(err.Name, "the request body is not accepted: "+err.Error())
	if err.Name == "" {
		p.Message = "the request body is not valid JSON: " + err.Error()
	}
	return p
}

// Member takes the value in front of the walk and gives the span of the whole
// member.
func (s *Scanner) Member() dialect.Span {
	s.Walk.Value()
	return dialect.Span{From: s.Walk.KeyFrom(), To: s.Walk.Pos()}
}

// Model reads the name of the model and gives the value's span.
func (s *Scanner) Model() dialect.Span {
	from := s.Walk.Pos()
	raw := s.Walk.Value()
	if s.Walk.Err() != nil {
		return dialect.Span{}
	}
	name, ok := scan.Text(raw)
	switch {
	case !ok:
		s.Problem = dialect.Invalid("model", "model must be a string")
	case name == "":
		s.Problem = dialect.Invalid("model", "model must not be empty")
	case len(name) > maxModelLen:
		s.Problem = dialect.Invalid("model", "model must be at most 512 bytes long")
	}
	s.Envelope.Model = name
	return dialect.Span{From: from, To: s.Walk.Pos()}
}

// Truth reads an optional true or false; null is false.
func (s *Scanner) Truth(name string) bool {
	raw := s.Walk.Value()
	value, ok := scan.Truth(raw)
	if !ok && !scan.IsNull(raw) && s.Problem == nil {
		s.Problem = dialect.Invalid(name, name+" must be true or false")
	}
	return value
}

// Integer reads an optional integer within bounds; -1 if it is null or wrong.
func (s *Scanner) Integer(name string, low, high int64) int64 {
	raw := s.Walk.Value()
	if s.Walk.Err() != nil || scan.IsNull(raw) {
		return -1
	}
	n, ok := scan.Int(raw)
	if !ok || n < low || n > high {
		s.Problem = members.Outside(name, low, high)
		return -1
	}
	return n
}

// Models reads the gateway's own member models and gives its span.
func (s *Scanner) Models() dialect.Span {
	value := s.Walk.Value()
	if s.Walk.Err() == nil {
		s.Problem = s.Envelope.Options.ReadModels(value)
	}
	return dialect.Span{From: s.Walk.KeyFrom(), To: s.Walk.Pos()}
}

var guardedGateway = scan.Names{"gateway"}

// ProviderOptions reads the member providerOptions, of which gateway is the
// gateway's own, and gives its span.
func (s *Scanner) ProviderOptions() dialect.Span {
	w, from := &s.Walk, s.Walk.KeyFrom()
	switch w.Kind() {
	case scan.Null:
		w.Value()
	case scan.Object:
		var seen scan.Seen
		for ok := w.Object(); ok && w.Member() && w.Guard(guardedGateway, &seen); {
			if string(w.Key()) != "gateway" {
				continue
			}
			raw := w.Value()
			if w.Err() == nil && s.Problem == nil {
				s.Problem = s.Envelope.Options.ReadGateway(raw)
			}
		}
	default:
		s.Problem = dialect.Invalid("providerOptions", "providerOptions must be an object")
	}
	return dialect.Span{From: from, To: w.Pos()}
}
