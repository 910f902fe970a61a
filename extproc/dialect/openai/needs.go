package openai

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// needs tells what the current member needs of a target. It looks no deeper
// than it must and leaves every judgement of form to the provider.
func (s *scanner) needs() (n llm.Needs) {
	w := &s.Walk
	switch string(w.Key()) {
	case "messages":
		return s.messageNeeds()
	case "tool_choice":
		if w.Kind() == scan.Object || string(w.Value()) == `"required"` {
			s.Envelope.Uses |= dialect.UsesRequiredTool
		}
	case "tools":
		for ok := w.Array(); ok && w.Element(); n = llm.NeedTools {
			s.members(toolMembers, functionMembers)
		}
	case "functions":
		for ok := w.Array(); ok && w.Element(); {
			n = llm.NeedTools
		}
	case "response_format":
		for ok := w.Object(); ok && w.Member(); {
			if string(w.Key()) == "type" {
				kind := w.Value()
				n = formatNeeds(kind)
				if n == llm.NeedJSONSchema || string(kind) == `"json"` {
					s.Envelope.Uses |= dialect.UsesSchema
				}
			}
		}
	case "reasoning_effort":
		s.Envelope.Uses |= dialect.UsesReasoning
		if raw := w.Value(); !scan.IsNull(raw) && string(raw) != `"none"` {
			return llm.NeedReasoning
		}
	case "enable_thinking", "thinking_budget":
		s.Envelope.Uses |= dialect.UsesReasoning
		raw := w.Value()
		if budget, _ := scan.Int(raw); string(raw) == "true" || budget > 0 {
			return llm.NeedReasoning
		}
	case "reasoning", "thinking":
		s.Envelope.Uses |= dialect.UsesReasoning
		if reasons(w) {
			return llm.NeedReasoning
		}
	case "modalities":
		for ok := w.Array(); ok && w.Element(); {
			switch string(w.Value()) {
			case `"audio"`:
				n |= llm.NeedAudioOut
			case `"image"`:
				n |= llm.NeedImageOut
			}
		}
	case "logprobs":
		if on, _ := scan.Truth(w.Value()); on {
			return llm.NeedLogprobs
		}
	}
	return n
}

func formatNeeds(kind []byte) llm.Needs {
	switch string(kind) {
	case `"json_schema"`:
		return llm.NeedJSONSchema
	case `"json_object"`, `"json"`:
		return llm.NeedJSON
	}
	return 0
}

// reasons tells whether a reasoning or thinking object asks for reasoning.
func reasons(w *scan.Walk) (wanted bool) {
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "effort":
			raw := w.Value()
			wanted = wanted || !scan.IsNull(raw) && string(raw) != `"none"`
		case "enabled":
			on, _ := scan.Truth(w.Value())
			wanted = wanted || on
		case "type":
			wanted = wanted || string(w.Value()) == `"enabled"`
		case "max_tokens", "budget_tokens":
			n, _ := scan.Int(w.Value())
			wanted = wanted || n > 0
		}
	}
	return wanted
}

// messageNeeds looks at roles, the kinds of parts, and thinking of earlier
// turns.
func (s *scanner) messageNeeds() (n llm.Needs) {
	w := &s.Walk
	for ok := w.Array(); ok && w.Element(); {
		thinks, calls := false, false
		for ok := w.Object(); ok && w.Member(); {
			switch string(w.Key()) {
			case "role":
				if string(w.Value()) == `"developer"` {
					s.Envelope.Uses |= dialect.UsesDeveloper
				}
			case "content":
				n |= s.contentNeeds()
			case "reasoning_content":
				s.Envelope.Uses |= dialect.UsesThoughts | dialect.UsesReasoningContent | dialect.UsesUnknown
				thinks = thinks || !scan.IsNull(w.Value())
			case "reasoning":
				s.Envelope.Uses |= dialect.UsesThoughts | dialect.UsesReasoningText | dialect.UsesUnknown
				thinks = thinks || !scan.IsNull(w.Value())
			case "reasoning_details":
				s.Envelope.Uses |= dialect.UsesThoughts | dialect.UsesReasoningDetails | dialect.UsesUnknown
			case "extra_content":
				s.Envelope.Uses |= dialect.UsesThoughts | dialect.UsesUnknown
			case "tool_calls":
				for ok := w.Array(); ok && w.Element(); calls = true {
					s.members(callMembers, functionMembers)
				}
			case "tool_call_id":
				s.callID(w.Value())
			case "name", "refusal", "audio", "function_call":
			default:
				s.Envelope.Uses |= dialect.UsesUnknown
			}
		}
		if calls && !thinks {
			s.Envelope.Uses |= dialect.UsesThoughtlessCall
		}
	}
	return n
}

// Members that OpenAI's documentation has.
var (
	toolMembers     = []string{"type", "function", "custom"}
	callMembers     = []string{"id", "type", "function", "custom"}
	functionMembers = []string{"name", "description", "parameters", "strict", "arguments"}
	partMembers     = []string{"type", "text", "refusal", "image_url", "input_audio", "file", "prompt_cache_breakpoint"}
)

// members notes whether an object, or the function in it, has others than these.
func (s *scanner) members(known, ofFunction []string) {
	w := &s.Walk
	for ok := w.Object(); ok && w.Member(); {
		switch key := w.Key(); {
		case string(key) == "function":
			for ok := w.Object(); ok && w.Member(); {
				s.known(ofFunction)
			}
		case string(key) == "extra_content":
			s.Envelope.Uses |= dialect.UsesThoughts | dialect.UsesUnknown
		case string(key) == "id":
			s.known(known)
			s.callID(w.Value())
		default:
			s.known(known)
		}
	}
}

// callID notes an id that is not short.
func (s *scanner) callID(raw []byte) {
	if scan.KindOf(raw) == scan.String && !isShort(raw[1:len(raw)-1]) {
		s.Envelope.Uses |= dialect.UsesLongID
	}
}

// known notes whether the current member is none of these.
func (s *scanner) known(names []string) {
	key := s.Walk.Key()
	for _, name := range names {
		if string(key) == name {
			return
		}
	}
	s.Envelope.Uses |= dialect.UsesUnknown
}

func (s *scanner) contentNeeds() (n llm.Needs) {
	w := &s.Walk
	for ok := w.Array(); ok && w.Element(); {
		s.Envelope.Uses |= dialect.UsesParts
		for ok := w.Object(); ok && w.Member(); {
			if string(w.Key()) == "type" {
				n |= partNeed(w.Value())
			} else {
				s.known(partMembers)
			}
		}
	}
	return n
}

func partNeed(kind []byte) llm.Needs {
	switch string(kind) {
	case `"image_url"`:
		return llm.NeedImages
	case `"file"`:
		return llm.NeedFiles
	case `"input_audio"`:
		return llm.NeedAudio
	case `"video_url"`:
		return llm.NeedVideo
	}
	return 0
}
