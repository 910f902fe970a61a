package responses

import (
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// thoughtRun counts the parts that make one reasoning item: summaries and text
// of one thought, up to its encrypted content.
func thoughtRun(parts []llm.Part) int {
	n := 1
	for first := parts[0].Thought; native(first) && n < len(parts); n++ {
		last, next := parts[n-1].Thought, parts[n].Thought
		if parts[n].Kind != llm.Thinking || !native(next) || last.Encrypted != "" || next.ID != first.ID || next.Format != first.Format {
			break
		}
	}
	return n
}

// thought writes a reasoning item. The vendor's own API only takes back what it
// encrypted, compatible providers also the bare text. Thoughts of other formats
// could not be verified: they are left out and named.
func (e *requestEncoder) thought(path string, parts []llm.Part) {
	t := parts[0].Thought
	last := parts[len(parts)-1].Thought
	encrypted := ""
	if last != nil {
		encrypted = last.Encrypted
	}
	switch {
	case t != nil && !native(t),
		t != nil && t.Format == llm.FormatXAI && e.t.Genuine,
		encrypted == "" && e.t.Genuine,
		e.q.ReasoningText == asNothing:
		e.drop(path + ".reasoning")
		return
	}
	e.Open()
	e.Text("type", "reasoning")
	switch {
	case t != nil && t.ID != "":
		e.Text("id", t.ID)
	case encrypted == "": // which strict servers miss
		e.Text("id", "rs_"+strconv.Itoa(e.bare))
		e.bare++
	}
	e.thoughtTexts("summary", "summary_text", parts, true)
	e.thoughtTexts("content", rawText, parts, false)
	if encrypted != "" {
		e.Text("encrypted_content", encrypted)
	}
	for i := range parts {
		for k := range parts[i].Extra {
			x := &parts[i].Extra[k]
			switch name, ok := places.Lies(x, ""); {
			case !ok:
				e.drop(path + ".reasoning." + x.Name)
			case name != rawText:
				e.Raw(name, x.Value)
			}
		}
	}
	e.End()
}

// thoughtTexts writes the texts that belong in summary, which is always there,
// or content. Text that came back through a dialect without the difference is
// a summary if the reasoning itself is encrypted.
func (e *requestEncoder) thoughtTexts(name, kind string, parts []llm.Part, summary bool) {
	from := len(e.B)
	e.BeginArray(name)
	empty := len(e.B)
	for i := range parts {
		p := &parts[i]
		if p.Text == "" && isBare(p) {
			continue
		}
		if isSummary(p, parts[len(parts)-1].Thought) != summary {
			continue
		}
		e.Open()
		e.Text("type", kind)
		e.Text("text", p.Text)
		e.End()
	}
	if !summary && len(e.B) == empty {
		e.B = e.B[:from]
		return
	}
	e.EndArray()
}

func isSummary(p *llm.Part, last *llm.Thought) bool {
	if p.Thought == nil || p.Extra.Get(llm.Responses, rawText) != nil {
		return false
	}
	return p.Thought.Summary || last != nil && last.Encrypted != ""
}

// isBare tells whether a part holds no text, not even an empty one.
func isBare(p *llm.Part) bool {
	return p.Thought != nil && !p.Thought.Summary && p.Extra.Get(llm.Responses, rawText) == nil
}
