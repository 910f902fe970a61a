package responses

import (
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// Bounds of a request.
const (
	maxModelLen = 512 // bytes of a model name
	maxTokens   = 1_000_000_000
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
	s.e.WantsUsage = s.e.Stream // every stream of this dialect ends with it
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
		s.e.Stream = s.truth("stream")
	case "store":
		from := s.w.Pos()
		s.truth("store")
		s.e.Spans[spanStore] = dialect.Span{From: from, To: s.w.Pos()}
	case "include":
		s.include()
	case "max_output_tokens":
		s.limit()
	case "background":
		if s.truth("background") && s.problem == nil {
			s.problem = stateless("background", "set stream instead to follow a long answer")
		}
	case "previous_response_id", "conversation":
		name := string(s.w.Key())
		if raw := s.w.Value(); s.w.Err() == nil && !scan.IsNull(raw) {
			s.problem = stateless(name, "send the whole conversation in input, with the reasoning items of earlier answers")
		}
	case "models":
		value := s.w.Value()
		s.e.Spans[spanModels] = dialect.Span{From: s.w.KeyFrom(), To: s.w.Pos()}
		if s.w.Err() == nil {
			s.problem = s.e.Options.ReadModels(value)
		}
	case "providerOptions":
		s.providerOptions()
	case "input":
		s.input()
	default:
		s.needs()
	}
}

// stateless refuses what needs a memory of earlier requests. The status is 400
// because clients repeat a request that got 501.
func stateless(param, instead string) *llm.Problem {
	p := invalid(param, param+" is not supported because no responses are kept here: "+instead)
	p.Code = "unsupported_parameter"
	return p
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

func (s *scanner) limit() {
	raw := s.w.Value()
	if s.w.Err() != nil || scan.IsNull(raw) {
		return
	}
	n, ok := scan.Int(raw)
	if !ok || n < 0 || n > maxTokens {
		s.problem = invalid("max_output_tokens", "max_output_tokens must be an integer from 0 to "+strconv.Itoa(maxTokens))
		return
	}
	s.e.MaxTokens = n
}

func (s *scanner) include() {
	from := s.w.Pos()
	switch s.w.Kind() {
	case scan.Null:
		s.w.Value()
	case scan.Array:
		for ok := s.w.Array(); ok && s.w.Element(); {
			at := s.w.Pos()
			switch string(bare(s.w.Value())) {
			case encryptedContent:
				s.e.Spans[spanEncrypted] = dialect.Span{From: at, To: s.w.Pos()}
			case includeLogprobs:
				s.e.Needs |= llm.NeedLogprobs
			}
		}
	default:
		s.problem = invalid("include", "include must be an array")
	}
	s.e.Spans[spanInclude] = dialect.Span{From: from, To: s.w.Pos()}
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
