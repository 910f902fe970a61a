package openai

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
	maxChoices  = 128 // OpenAI's own bound of n
)

// Spans of an Envelope for Patch: of values, except where members are removed.
const (
	spanModel           = iota // value
	spanModels                 // whole member
	spanProviderOptions        // whole member
	spanStreamOptions          // value
	spanIncludeUsage           // value
)

// guarded are the members on which gateway and provider must agree.
var guarded = scan.Names{
	"model", "models", "stream", "stream_options", "tools", "max_tokens", "max_completion_tokens", "n", "providerOptions",
}

var guardedUsage = scan.Names{"include_usage"}

// Scan reads a chat completions request once. Members that only the provider
// can judge are not looked into, messages only for the kinds of their parts.
func Scan(body []byte) (dialect.Envelope, *llm.Problem) {
	s := scanner{w: scan.Over(body), limit: -1, completionLimit: -1}
	s.e.N, s.e.Uses = 1, dialect.UsesMembers
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
		s.finish()
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
	// limits as given; -1 = not given
	limit, completionLimit int64
}

func (s *scanner) member() {
	s.uses()
	switch string(s.w.Key()) {
	case "model":
		s.model()
	case "stream":
		s.e.Stream = s.truth("stream")
	case "stream_options":
		s.streamOptions()
	case "max_tokens":
		s.limit = s.integer("max_tokens", 0, maxTokens)
	case "max_completion_tokens":
		s.completionLimit = s.integer("max_completion_tokens", 0, maxTokens)
	case "n":
		s.e.N = max(1, s.integer("n", 1, maxChoices))
	case "models":
		value := s.w.Value()
		s.e.Spans[spanModels] = dialect.Span{From: s.w.KeyFrom(), To: s.w.Pos()}
		if s.w.Err() == nil {
			s.problem = s.e.Options.ReadModels(value)
		}
	case "providerOptions":
		s.providerOptions()
	default:
		s.e.Needs |= s.needs()
	}
}

// uses notes a member at the top, unless it is the gateway's.
func (s *scanner) uses() {
	switch key := s.w.Key(); string(key) {
	case "models", "providerOptions":
	default:
		s.e.Uses |= dialect.UsesMember(key)
	}
}

func (s *scanner) model() {
	from := s.w.Pos()
	raw := s.w.Value()
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

func (s *scanner) truth(name string) bool {
	raw := s.w.Value()
	value, ok := scan.Truth(raw)
	if !ok && !scan.IsNull(raw) && s.problem == nil {
		s.problem = invalid(name, name+" must be true or false")
	}
	return value
}

// integer reads an optional integer; -1 if it is null.
func (s *scanner) integer(name string, low, high int64) int64 {
	raw := s.w.Value()
	if s.w.Err() != nil || scan.IsNull(raw) {
		return -1
	}
	n, ok := scan.Int(raw)
	if !ok || n < low || n > high {
		s.problem = members.Outside(name, low, high)
		return -1
	}
	return n
}

func (s *scanner) streamOptions() {
	from := s.w.Pos()
	switch s.w.Kind() {
	case scan.Null:
		s.w.Value()
	case scan.Object:
		var seen scan.Seen
		for ok := s.w.Object(); ok && s.w.Member() && s.w.Guard(guardedUsage, &seen); {
			if string(s.w.Key()) != "include_usage" {
				continue
			}
			at := s.w.Pos()
			s.e.WantsUsage = s.truth("stream_options.include_usage")
			s.e.Spans[spanIncludeUsage] = dialect.Span{From: at, To: s.w.Pos()}
		}
	default:
		s.problem = invalid("stream_options", "stream_options must be an object")
	}
	s.e.Spans[spanStreamOptions] = dialect.Span{From: from, To: s.w.Pos()}
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

// finish judges what needs the whole request.
func (s *scanner) finish() {
	switch {
	case !s.e.Spans[spanModel].Set():
		s.problem = invalid("model", "model is missing")
		return
	case s.limit >= 0 && s.completionLimit >= 0 && s.limit != s.completionLimit:
		s.problem = invalid("max_tokens", "max_tokens and max_completion_tokens contradict each other")
		return
	}
	s.e.MaxTokens = max(0, s.limit, s.completionLimit)
	s.e.WantsUsage = s.e.WantsUsage && s.e.Stream
	if s.e.N > 1 {
		s.e.Needs |= llm.NeedChoices
	}
}
