package gemini

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/envelope"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

const maxChoices = 128

// Spans of an Envelope for Patch: whole members.
const (
	spanModel           = iota // the model of the path holds instead
	spanModels                 // the gateway's own
	spanProviderOptions        // the gateway's own
	spanKept                   // the first member that stays
	numRemoved          = spanKept
)

// guarded are the members on which gateway and provider must agree, the two
// spellings of one behind each other from spelled on.
var (
	guarded = scan.Names{
		"contents", "tools", "model", "models", "providerOptions",
		"generationConfig", "generation_config", "systemInstruction", "system_instruction",
		"toolConfig", "tool_config", "safetySettings", "safety_settings", "cachedContent", "cached_content",
	}
	guardedConfig = scan.Names{"maxOutputTokens", "max_output_tokens", "candidateCount", "candidate_count"}
)

const spelled = 5

// Scan reads a generateContent request once. Members that only the provider can
// judge are not looked into, contents only for the kinds of their parts.
func Scan(body []byte) (dialect.Envelope, *llm.Problem) {
	s := scanner{envelope.Over(body)}
	for ok := s.Object(); ok && s.Next(guarded); {
		s.member()
	}
	if s.End() {
		s.oneSpelling(guarded[spelled:], s.Seen()>>spelled)
	}
	if s.Envelope.N > 1 {
		s.Envelope.Needs |= llm.NeedChoices
	}
	return s.Result()
}

type scanner struct{ envelope.Scanner }

// oneSpelling refuses a member that came in both its spellings.
func (s *scanner) oneSpelling(names scan.Names, seen scan.Seen) {
	for i := 0; i+1 < len(names); i += 2 {
		if both := scan.Seen(3) << i; seen&both == both && s.Problem == nil {
			s.Problem = dialect.Invalid(names[i], names[i]+" and "+names[i+1]+" are one member: only one may be given")
		}
	}
}

func (s *scanner) member() {
	span, at := spanKept, dialect.Span{From: s.Walk.KeyFrom()}
	switch string(s.Walk.Key()) {
	case "generationConfig", "generation_config":
		s.config()
	case "model":
		span = spanModel
		s.Walk.Value()
	case "models":
		span = spanModels
		s.Models()
	case "providerOptions":
		span = spanProviderOptions
		s.ProviderOptions()
	case "contents":
		s.contents()
	case "tools":
		s.Envelope.Needs |= toolNeeds(&s.Walk)
	default:
		s.Walk.Value()
	}
	if span != spanKept || !s.Envelope.Spans[spanKept].Set() {
		at.To = s.Walk.Pos()
		s.Envelope.Spans[span] = at
	}
}

func (s *scanner) config() {
	switch s.Walk.Kind() {
	case scan.Null:
		s.Walk.Value()
		return
	case scan.Object:
	default:
		s.Problem = dialect.Invalid("generationConfig", "generationConfig must be an object")
		return
	}
	var c configNeeds
	var seen scan.Seen
	for ok := s.Walk.Object(); ok && s.Walk.Member() && s.Walk.Guard(guardedConfig, &seen); {
		switch string(s.Walk.Key()) {
		case "maxOutputTokens", "max_output_tokens":
			s.Envelope.MaxTokens = max(0, s.integer("generationConfig.maxOutputTokens", 0, envelope.MaxTokens))
		case "candidateCount", "candidate_count":
			s.Envelope.N = max(1, s.integer("generationConfig.candidateCount", 0, maxChoices))
		default:
			c.member(&s.Walk)
		}
	}
	s.oneSpelling(guardedConfig, seen)
	s.Envelope.Needs |= c.needs()
}

// integer reads an optional integer; -1 if it is null.
func (s *scanner) integer(name string, low, high int64) int64 {
	raw := s.Walk.Value()
	if s.Walk.Err() != nil || scan.IsNull(raw) {
		return -1
	}
	n, ok := integerOf(raw)
	if (!ok || n < low || n > high) && s.Problem == nil {
		s.Problem = members.Outside(name, low, high)
	}
	return n
}
