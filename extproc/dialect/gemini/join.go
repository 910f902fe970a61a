package gemini

import (
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// joined makes one message of the model's contents that follow each other.
// Clients that keep a stream's chunks send each as a content of its own: text
// cut by chunks becomes whole again, and reasoning whose signature came last
// gets it for all of its text.
func joined(messages []llm.Message) []llm.Message {
	out := messages[:0]
	for i := 0; i < len(messages); {
		m := messages[i]
		if m.Role != llm.Assistant {
			out = append(out, m)
			i++
			continue
		}
		var j joiner
		m.Extra = nil
		for ; i < len(messages) && messages[i].Role == llm.Assistant; i++ {
			j.fresh = true
			for _, p := range messages[i].Parts {
				j.add(p)
			}
			m.Extra = append(m.Extra, messages[i].Extra...)
		}
		j.close()
		m.Parts = j.parts
		out = append(out, m)
	}
	return out
}

// joiner puts parts behind each other; the text of the last one grows in b.
type joiner struct {
	parts []llm.Part
	b     strings.Builder
	fresh bool // the next part begins a content
}

func (j *joiner) add(p llm.Part) {
	if n := len(j.parts); n > 0 && j.continues(&j.parts[n-1], &p) {
		last := &j.parts[n-1]
		if j.b.Len() == 0 {
			j.b.WriteString(last.Text)
		}
		j.b.WriteString(p.Text)
		last.Thought = p.Thought
	} else {
		j.close()
		j.parts = append(j.parts, p)
	}
	j.fresh = false
}

func (j *joiner) continues(last, p *llm.Part) bool {
	if last.Kind != p.Kind || last.Thought != nil || len(last.Extra)+len(p.Extra) > 0 {
		return false
	}
	return p.Kind == llm.Thinking || p.Kind == llm.Text && j.fresh && p.Thought == nil
}

// close ends the part that was growing.
func (j *joiner) close() {
	if j.b.Len() > 0 {
		j.parts[len(j.parts)-1].Text = j.b.String()
		j.b = strings.Builder{}
	}
}
