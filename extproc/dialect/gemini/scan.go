package gemini

import (
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// Bounds of a request.
const (
	maxTokens  = 1_000_000_000
	maxChoices = 128
)

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
	if err := s.w.End(); err != nil && s.problem == nil {
		return dialect.Envelope{}, syntax(err)
	}
	s.oneSpelling(guarded[spelled:], seen>>spelled)
	if s.problem != nil {
		return dialect.Envelope{}, s.problem
	}
	if s.e.N > 1 {
		s.e.Needs |= llm.NeedChoices
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

// oneSpelling refuses a member that came in both its spellings.
func (s *scanner) oneSpelling(names scan.Names, seen scan.Seen) {
	for i := 0; i+1 < len(names); i += 2 {
		if both := scan.Seen(3) << i; seen&both == both && s.problem == nil {
			s.problem = invalid(names[i], names[i]+" and "+names[i+1]+" are one member: only one may be given")
		}
	}
}

func (s *scanner) member() {
	from, span := s.w.KeyFrom(), spanKept
	switch string(s.w.Key()) {
	case "generationConfig", "generation_config":
		s.config()
	case "model":
		span = spanModel
		s.w.Value()
	case "models":
		span = spanModels
		if value := s.w.Value(); s.w.Err() == nil {
			s.problem = s.e.Options.ReadModels(value)
		}
	case "providerOptions":
		span = spanProviderOptions
		s.providerOptions()
	case "contents":
		s.contents()
	case "tools":
		s.e.Needs |= toolNeeds(&s.w)
	default:
		s.w.Value()
	}
	if span != spanKept || !s.e.Spans[spanKept].Set() {
		s.e.Spans[span] = dialect.Span{From: from, To: s.w.Pos()}
	}
}

func (s *scanner) config() {
	switch s.w.Kind() {
	case scan.Null:
		s.w.Value()
		return
	case scan.Object:
	default:
		s.problem = invalid("generationConfig", "generationConfig must be an object")
		return
	}
	var c configNeeds
	var seen scan.Seen
	for ok := s.w.Object(); ok && s.w.Member() && s.w.Guard(guardedConfig, &seen); {
		switch string(s.w.Key()) {
		case "maxOutputTokens", "max_output_tokens":
			s.e.MaxTokens = max(0, s.integer("generationConfig.maxOutputTokens", 0, maxTokens))
		case "candidateCount", "candidate_count":
			s.e.N = max(1, s.integer("generationConfig.candidateCount", 0, maxChoices))
		default:
			c.member(&s.w)
		}
	}
	s.oneSpelling(guardedConfig, seen)
	s.e.Needs |= c.needs()
}

// integer reads an optional integer; -1 if it is null.
func (s *scanner) integer(name string, low, high int64) int64 {
	raw := s.w.Value()
	if s.w.Err() != nil || scan.IsNull(raw) {
		return -1
	}
	n, ok := integerOf(raw)
	if (!ok || n < low || n > high) && s.problem == nil {
		s.problem = invalid(name, name+" must be an integer from "+strconv.FormatInt(low, 10)+" to "+strconv.FormatInt(high, 10))
	}
	return n
}

func (s *scanner) providerOptions() {
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
}
