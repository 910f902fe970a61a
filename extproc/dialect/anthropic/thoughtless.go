package anthropic

import "github.com/dragoman-gateway/dragoman/extproc/llm"

// thoughtless tells whether the assistant's turn under way, which calls and
// results may have cut into several messages, begins without a thought that the
// target takes back: the client has forgotten it, or another vendor's model has
// thought it. The API refuses to think on with a budget then, and advises to
// leave thinking out ("Extended thinking", preserving thinking blocks).
func (e *requestEncoder) thoughtless() bool {
	last := len(e.r.Messages) - 1
	if last >= 0 && e.r.Messages[last].Role == llm.Assistant && !e.own() && !e.able.begun {
		return false // the user gets a turn behind it
	}
	under := false
	for i := last; i >= 0; i-- {
		m := &e.r.Messages[i]
		switch {
		case m.Role == llm.Assistant:
			if i > 0 && e.r.Messages[i-1].Role == llm.Assistant {
				continue // one turn
			}
			under = e.unthought(i)
		case m.Role == llm.User && !answersCalls(m):
			return under
		}
	}
	return under
}

// unthought tells whether the turn that begins with message i has something to
// say and no thought in front of it.
func (e *requestEncoder) unthought(i int) bool {
	for ; i < len(e.r.Messages) && e.r.Messages[i].Role == llm.Assistant; i++ {
		for j := range e.r.Messages[i].Parts {
			b := block{e.r.Messages[i].Parts[j], partPath(i, j)}
			if e.keeps(&b) {
				return b.Kind != llm.Thinking
			}
		}
	}
	return false
}

func answersCalls(m *llm.Message) bool {
	for i := range m.Parts {
		if m.Parts[i].Kind == llm.Result {
			return true
		}
	}
	return false
}
