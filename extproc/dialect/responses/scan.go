package responses

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/envelope"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// Spans of an Envelope for Patch: of values, except where members are removed.
const (
	spanModel           = iota // value
	spanModels                 // whole member
	spanProviderOptions        // whole member
	spanStore                  // value
	spanInclude                // value
	spanEncrypted              // set if include has encryptedContent
	spanReasoning              // set if reasoning is wanted
)

// encryptedContent is the element of include that asks for reasoning which can
// be sent back without the provider's keeping it.
const encryptedContent = "reasoning.encrypted_content"

// guarded are the members on which gateway and provider must agree.
var guarded = scan.Names{
	"model", "models", "stream", "store", "include", "input", "tools", "reasoning", "max_output_tokens", "background",
	"previous_response_id", "conversation", "providerOptions",
}

// Scan reads a request once. Members that only the provider can judge are not
// looked into, items only for their kinds and those of their parts.
func Scan(body []byte) (dialect.Envelope, *llm.Problem) {
	s := scanner{envelope.Over(body)}
	for ok := s.Object(); ok && s.Next(guarded); {
		s.member()
	}
	if s.End() {
		s.Named()
	}
	s.Envelope.WantsUsage = s.Envelope.Stream // every stream of this dialect ends with it
	return s.Result()
}

type scanner struct{ envelope.Scanner }

func (s *scanner) member() {
	switch string(s.Walk.Key()) {
	case "model":
		s.Envelope.Spans[spanModel] = s.Model()
	case "stream":
		s.Envelope.Stream = s.Truth("stream")
	case "store":
		from := s.Walk.Pos()
		s.Truth("store")
		s.Envelope.Spans[spanStore] = dialect.Span{From: from, To: s.Walk.Pos()}
	case "include":
		s.include()
	case "max_output_tokens":
		s.Envelope.MaxTokens = max(0, s.Integer("max_output_tokens", 0, envelope.MaxTokens))
	case "background":
		if s.Truth("background") && s.Problem == nil {
			s.Problem = stateless("background", "set stream instead to follow a long answer")
		}
	case "previous_response_id", "conversation":
		name := string(s.Walk.Key())
		if raw := s.Walk.Value(); s.Walk.Err() == nil && !scan.IsNull(raw) {
			s.Problem = stateless(name, "send the whole conversation in input, with the reasoning items of earlier answers")
		}
	case "models":
		s.Envelope.Spans[spanModels] = s.Models()
	case "providerOptions":
		s.Envelope.Spans[spanProviderOptions] = s.ProviderOptions()
	case "input":
		s.input()
	default:
		s.needs()
	}
}

// stateless refuses what needs a memory of earlier requests. The status is 400
// because clients repeat a request that got 501.
func stateless(param, instead string) *llm.Problem {
	p := dialect.Invalid(param, param+" is not supported because no responses are kept here: "+instead)
	p.Code = "unsupported_parameter"
	return p
}

func (s *scanner) include() {
	from := s.Walk.Pos()
	switch s.Walk.Kind() {
	case scan.Null:
		s.Walk.Value()
	case scan.Array:
		for ok := s.Walk.Array(); ok && s.Walk.Element(); {
			at := s.Walk.Pos()
			switch string(members.Unquoted(s.Walk.Value())) {
			case encryptedContent:
				s.Envelope.Spans[spanEncrypted] = dialect.Span{From: at, To: s.Walk.Pos()}
			case includeLogprobs:
				s.Envelope.Needs |= llm.NeedLogprobs
			}
		}
	default:
		s.Problem = dialect.Invalid("include", "include must be an array")
	}
	s.Envelope.Spans[spanInclude] = dialect.Span{From: from, To: s.Walk.Pos()}
}
