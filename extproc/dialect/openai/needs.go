package openai

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// needs tells what the current member needs of a target. It looks no deeper
// than it must and leaves every judgement of form to the provider.
func (s *scanner) needs() (n llm.Needs) {
	w := &s.w
	switch string(w.Key()) {
	case "messages":
		return s.messageNeeds()
	case "seed":
		s.e.Uses |= dialect.UsesSeed
	case "tool_choice":
		if raw := w.Value(); string(raw) == `"required"` {
			s.e.Uses |= dialect.UsesRequiredTool
		}
	case "tools", "functions":
		for ok := w.Array(); ok && w.Element(); {
			n = llm.NeedTools
		}
	case "response_format":
		for ok := w.Object(); ok && w.Member(); {
			if string(w.Key()) == "type" {
				n = formatNeeds(w.Value())
			}
		}
		if n == llm.NeedJSONSchema {
			s.e.Uses |= dialect.UsesSchema
		}
	case "reasoning_effort":
		s.e.Uses |= dialect.UsesReasoning
		if raw := w.Value(); !scan.IsNull(raw) && string(raw) != `"none"` {
			return llm.NeedReasoning
		}
	case "reasoning", "thinking", "enable_thinking":
		s.e.Uses |= dialect.UsesReasoning
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

// messageNeeds looks at messages[].content[].type.
func (s *scanner) messageNeeds() (n llm.Needs) {
	w := &s.w
	for ok := w.Array(); ok && w.Element(); {
		for ok := w.Object(); ok && w.Member(); {
			switch string(w.Key()) {
			case "role":
				if string(w.Value()) == `"developer"` {
					s.e.Uses |= dialect.UsesDeveloper
				}
			case "reasoning_content", "reasoning", "reasoning_details":
				s.e.Uses |= dialect.UsesThoughts
			case "content":
				n |= s.contentNeeds()
			}
		}
	}
	return n
}

func (s *scanner) contentNeeds() (n llm.Needs) {
	w := &s.w
	for ok := w.Array(); ok && w.Element(); {
		s.e.Uses |= dialect.UsesParts
		for ok := w.Object(); ok && w.Member(); {
			if string(w.Key()) == "type" {
				n |= partNeed(w.Value())
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
