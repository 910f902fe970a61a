package gemini

import (
	"cmp"
	"slices"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Who speaks in contents.
const (
	byUser  = "user"
	byModel = "model"
)

// turn is the content being written: messages of one speaker that follow each
// other become one. Results are kept apart from what the user says next, since
// the API wants as many in a content as there were calls.
type turn struct {
	speaker string // "" = none is open
	results bool
	parts   bool       // its array has begun
	behind  []llm.Part // media of results, for models that do not take it there
	at      string     // of behind
	// next is whose turn it is with the next part; nil = still this one's. A
	// message of which nothing can be written does not cut a turn in two.
	next *turn
}

// contents writes all messages but the system's. A request without any other
// has the system's said by the user: the API refuses one without contents.
func (e *requestEncoder) contents() {
	e.BeginArray("contents")
	spoken := false
	for i := range e.r.Messages {
		if m := &e.r.Messages[i]; !isSystem(m) {
			spoken = e.message(index("messages", i), m) || spoken
		}
	}
	e.onlySystem = !spoken && e.r.Dialect != llm.Gemini
	if e.onlySystem {
		for i := range e.r.Messages {
			m := e.r.Messages[i]
			m.Role = llm.User
			e.message(index("messages", i), &m)
		}
	}
	e.endTurn()
	e.EndArray()
}

func isSystem(m *llm.Message) bool { return m.Role == llm.System || m.Role == llm.Developer }

// system writes all system messages as one instruction, wherever they stood.
func (e *requestEncoder) system() {
	if e.onlySystem {
		return // the contents have it
	}
	e.filledObject("systemInstruction", func() {
		e.filledArray("parts", func() {
			for i := range e.r.Messages {
				m := &e.r.Messages[i]
				if !isSystem(m) {
					continue
				}
				at := index("messages", i)
				e.beside(at, m)
				for j := range m.Parts {
					e.part(at, signed{Part: &m.Parts[j]})
				}
			}
		})
	})
}

// beside names what stands beside a message's parts.
func (e *requestEncoder) beside(at string, m *llm.Message) {
	if m.Name != "" {
		e.drop(at + ".name")
	}
	for i := range m.Extra {
		e.drop(at + "." + m.Extra[i].Name)
	}
}

// message writes a message's parts; false if it has none to write.
func (e *requestEncoder) message(at string, m *llm.Message) bool {
	e.beside(at, m)
	speaker, results := byUser, m.Role == llm.ToolRole
	if m.Role == llm.Assistant {
		speaker = byModel
	}
	switch {
	case !e.turn.parts:
		e.turn.speaker, e.turn.results = speaker, results
	case e.turn.speaker != speaker || e.turn.results != results:
		e.turn.next = &turn{speaker: speaker, results: results}
	}
	begun := e.turn.parts
	before := len(e.B)
	if speaker == byModel {
		for _, p := range e.signatures(at, m.Parts) {
			e.part(at, p)
		}
	} else {
		for i := range m.Parts {
			e.part(at, signed{Part: &m.Parts[i], signature: e.own(at, &m.Parts[i])})
		}
	}
	e.turn.next = nil
	return begun || len(e.B) > before
}

// beginTurn opens the content for its first part.
func (e *requestEncoder) beginTurn() {
	if next := e.turn.next; next != nil {
		e.turn.next = nil
		e.endTurn()
		e.turn = *next
	}
	if e.turn.speaker != "" && !e.turn.parts {
		e.turn.parts = true
		e.Open()
		e.Text("role", e.turn.speaker)
		e.BeginArray("parts")
	}
}

func (e *requestEncoder) beginPart() {
	e.beginTurn()
	e.Open()
}

func (e *requestEncoder) endTurn() {
	behind := e.turn.behind
	e.turn.behind = nil
	for i := range behind {
		e.part(e.turn.at, signed{Part: &behind[i]})
	}
	if e.turn.parts {
		e.EndArray()
		e.End()
	}
	e.turn = turn{}
}

// signed is a part with the signature that goes out with it.
type signed struct {
	*llm.Part
	signature string
}

// own is the signature a part came with, if the vendor can read it.
func (e *requestEncoder) own(at string, p *llm.Part) string {
	signature, foreign := readable(p.Thought)
	if foreign {
		e.drop(at + ".reasoning")
	}
	return signature
}

// signatures puts each signature on its part. The API signs calls and text, not
// the thoughts themselves; other dialects carry such a signature in a reasoning
// block of its own, from where it goes back to the call it belongs to. Models
// since Gemini 3 demand one on the first call of a step.
func (e *requestEncoder) signatures(at string, parts []llm.Part) []signed {
	out := make([]signed, 0, len(parts))
	for i := range parts {
		p := &parts[i]
		signature, foreign := readable(p.Thought)
		if foreign {
			e.drop(at + ".reasoning")
			if p.Kind == llm.Thinking {
				continue
			}
		}
		out = append(out, signed{p, signature})
	}
	for i := range out {
		if out[i].Kind != llm.Thinking || out[i].signature == "" || e.r.Dialect == llm.Gemini {
			continue
		}
		if n := belongs(out, i); n >= 0 {
			out[n].signature, out[i].signature = out[i].signature, ""
		}
	}
	first := slices.IndexFunc(out, func(s signed) bool { return s.Kind == llm.Call })
	if first >= 0 && out[first].signature == "" && e.since3() {
		out[first].signature = anySignature
	}
	return out
}

// belongs finds the call that a thought's signature is for: the one of its id,
// else the first behind it that has none.
func belongs(parts []signed, thought int) int {
	if id := parts[thought].Thought.ID; id != "" {
		if n := slices.IndexFunc(parts, func(s signed) bool { return s.Kind == llm.Call && s.Call.ID == id }); n >= 0 {
			return n
		}
	}
	n := slices.IndexFunc(parts[thought:], func(s signed) bool { return s.Kind == llm.Call })
	if n < 0 || parts[thought+n].signature != "" {
		return -1
	}
	return thought + n
}

// callID is the id of a call as the API may see it. Vertex's older models know
// no ids.
func (e *requestEncoder) callID(id string) string {
	if e.t.Platform == dialect.Vertex && !e.since3() {
		return ""
	}
	return givenID(id)
}

func (e *requestEncoder) toolName(r *llm.ToolResult) string {
	return cmp.Or(e.names[r.ID], r.Name, "tool")
}
