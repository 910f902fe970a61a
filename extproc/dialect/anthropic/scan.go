package anthropic

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/envelope"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
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
	s := scanner{envelope.Over(body)}
	for ok := s.Object(); ok && s.Next(guarded); {
		s.member()
	}
	if s.End() {
		s.Named()
	}
	return s.Result()
}

type scanner struct{ envelope.Scanner }

func (s *scanner) member() {
	switch string(s.Walk.Key()) {
	case "model":
		value := s.Model()
		s.Envelope.Spans[spanModel] = value
		s.Envelope.Spans[spanModelMember] = dialect.Span{From: s.Walk.KeyFrom(), To: value.To}
	case "stream":
		on := s.Truth("stream")
		// Streams of this dialect always carry usage.
		s.Envelope.Stream, s.Envelope.WantsUsage = on, on
	case "max_tokens":
		s.Envelope.MaxTokens = max(0, s.Integer("max_tokens", 0, envelope.MaxTokens))
	case "models":
		s.Envelope.Spans[spanModels] = s.Models()
	case "anthropic_version":
		s.Envelope.Spans[spanVersion] = s.Member()
	case "providerOptions":
		s.Envelope.Spans[spanProviderOptions] = s.ProviderOptions()
	default:
		s.Envelope.Needs |= s.needs()
	}
}
