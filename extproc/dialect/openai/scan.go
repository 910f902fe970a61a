package openai

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/envelope"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

const maxChoices = 128 // OpenAI's own bound of n

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
	s := scanner{Scanner: envelope.Over(body), limit: -1, completionLimit: -1}
	s.Envelope.Uses = dialect.UsesMembers
	for ok := s.Object(); ok && s.Next(guarded); {
		s.member()
	}
	if s.End() {
		s.finish()
	}
	return s.Result()
}

type scanner struct {
	envelope.Scanner
	// limits as given; -1 = not given
	limit, completionLimit int64
}

func (s *scanner) member() {
	s.uses()
	switch string(s.Walk.Key()) {
	case "model":
		s.Envelope.Spans[spanModel] = s.Model()
	case "stream":
		s.Envelope.Stream = s.Truth("stream")
	case "stream_options":
		s.streamOptions()
	case "max_tokens":
		s.limit = s.Integer("max_tokens", 0, envelope.MaxTokens)
	case "max_completion_tokens":
		s.completionLimit = s.Integer("max_completion_tokens", 0, envelope.MaxTokens)
	case "n":
		s.Envelope.N = max(1, s.Integer("n", 1, maxChoices))
	case "models":
		s.Envelope.Spans[spanModels] = s.Models()
	case "providerOptions":
		s.Envelope.Spans[spanProviderOptions] = s.ProviderOptions()
	default:
		s.Envelope.Needs |= s.needs()
	}
}

// uses notes a member at the top, unless it is the gateway's.
func (s *scanner) uses() {
	switch key := s.Walk.Key(); string(key) {
	case "models", "providerOptions":
	default:
		s.Envelope.Uses |= dialect.UsesMember(key)
	}
}

func (s *scanner) streamOptions() {
	from := s.Walk.Pos()
	switch s.Walk.Kind() {
	case scan.Null:
		s.Walk.Value()
	case scan.Object:
		var seen scan.Seen
		for ok := s.Walk.Object(); ok && s.Walk.Member() && s.Walk.Guard(guardedUsage, &seen); {
			if string(s.Walk.Key()) != "include_usage" {
				continue
			}
			at := s.Walk.Pos()
			s.Envelope.WantsUsage = s.Truth("stream_options.include_usage")
			s.Envelope.Spans[spanIncludeUsage] = dialect.Span{From: at, To: s.Walk.Pos()}
		}
	default:
		s.Problem = dialect.Invalid("stream_options", "stream_options must be an object")
	}
	s.Envelope.Spans[spanStreamOptions] = dialect.Span{From: from, To: s.Walk.Pos()}
}

// finish judges what needs the whole request.
func (s *scanner) finish() {
	if !s.Named() {
		return
	}
	if s.limit >= 0 && s.completionLimit >= 0 && s.limit != s.completionLimit {
		s.Problem = dialect.Invalid("max_tokens", "max_tokens and max_completion_tokens contradict each other")
		return
	}
	s.Envelope.MaxTokens = max(0, s.limit, s.completionLimit)
	s.Envelope.WantsUsage = s.Envelope.WantsUsage && s.Envelope.Stream
	if s.Envelope.N > 1 {
		s.Envelope.Needs |= llm.NeedChoices
	}
}
