package anthropic

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// Bounds of a request.
const (
	maxModelLen = 512 // bytes of a model name
	maxTokens   = 1_000_000_000
)

// Spans of an Envelope for Patch.
const (
	spanModel           = iota // value
	spanModelMember            // whole member
	spanModels                 // whole member
	spanProviderOptions        // whole member
	spanVersion                // whole member anthropic_version
)

// guarded are the members on which gateway and provider must agree.
var guarded = scan.Names{"model", "models", "stream", "tools", "max_tokens", "providerOptions", "anthropic_version"}

// Scan reads a Messages request once. Members that only the provider can judge
// are not looked into, messages only for the kinds of their blocks.
func Scan(body []byte) (dialect.Envelope, *llm.Problem) {
	s := scanner{w: scan.Over(body)}
	s.e.N = 1
	if !s.w.Object() {
		if err := s.w.End(); err != nil {
			return dialect.Envelope{}, syntax(err)
		}
		return dialect.Envelope{}, invalid("", "the request body must be a JSON object")
	}
	var seen scan.Seen
	for s.w.Member() && s.w.Guard(guarded, &seen) && s.problem == nil {
		s.member()
	}
	if err := s.w.Err(); err != nil {
		return dialect.Envelope{}, syntax(err)
	}
	if s.problem == nil {
		if err := s.w.End(); err != nil {
			return dialect.Envelope{}, syntax(err)
		}
		if !s.e.Spans[spanModel].Set() {
			s.problem = invalid("model", "model is missing")
		}
	}
	if s.problem != nil {
		return dialect.Envelope{}, s.problem
	}
	return s.e, nil
}

// syntax tells a client where its JSON is wrong.
func syntax(err *scan.Error) *llm.Problem {
	p := invalid(err.Name, "the request body is not accepted: "+err.Error())
	if err.Name == "" {
		p.Message = "the request body is not valid JSON: " + err.Error()
	}
	return p
}

type scanner struct {
	w       scan.Walk
	e       dialect.Envelope
	problem *llm.Problem
}

func (s *scanner) member() {
	switch string(s.w.Key()) {
	case "model":
		s.model()
	case "stream":
		raw := s.w.Value()
		on, ok := scan.Truth(raw)
		if !ok && !scan.IsNull(raw) {
			s.problem = invalid("stream", "stream must be true or false")
		}
		// Streams of this dialect always carry usage.
		s.e.Stream, s.e.WantsUsage = on, on
	case "max_tokens":
		s.limit()
	case "models":
		value := s.whole(spanModels)
		if s.w.Err() == nil {
			s.problem = s.e.Options.ReadModels(value)
		}
	case "anthropic_version":
		s.whole(spanVersion)
	case "providerOptions":
		s.providerOptions()
	default:
		s.e.Needs |= s.needs()
	}
}

// whole takes the value and notes the span of the whole member.
func (s *scanner) whole(span int) []byte {
	from := s.w.KeyFrom()
	value := s.w.Value()
	s.e.Spans[span] = dialect.Span{From: from, To: s.w.Pos()}
	return value
}

func (s *scanner) model() {
	from := s.w.Pos()
	raw := s.whole(spanModelMember)
	if s.w.Err() != nil {
		return
	}
	name, ok := scan.Text(raw)
	switch {
	case !ok:
		s.problem = invalid("model", "model must be a string")
	case name == "":
		s.problem = invalid("model", "model must not be empty")
	case len(name) > maxModelLen:
		s.problem = invalid("model", "model must be at most 512 bytes long")
	}
	s.e.Model = name
	s.e.Spans[spanModel] = dialect.Span{From: from, To: s.w.Pos()}
}

func (s *scanner) limit() {
	raw := s.w.Value()
	if s.w.Err() != nil || scan.IsNull(raw) {
		return
	}
	n, ok := scan.Int(raw)
	if !ok || n < 0 || n > maxTokens {
		s.problem = members.Outside("max_tokens", 0, maxTokens)
		return
	}
	s.e.MaxTokens = n
}

func (s *scanner) providerOptions() {
	from := s.w.KeyFrom()
	switch s.w.Kind() {
	case scan.Null:
		s.w.Value()
	case scan.Object:
		var seen scan.Seen
		for ok := s.w.Object(); ok && s.w.Member() && s.w.Guard(scan.Names{"gateway"}, &seen); {
			if string(s.w.Key()) != "gateway" {
				continue
			}
			raw := s.w.Value()
			if s.w.Err() == nil && s.problem == nil {
				s.problem = s.e.Options.ReadGateway(raw)
			}
		}
	default:
		s.problem = invalid("providerOptions", "providerOptions must be an object")
	}
	s.e.Spans[spanProviderOptions] = dialect.Span{From: from, To: s.w.Pos()}
}
