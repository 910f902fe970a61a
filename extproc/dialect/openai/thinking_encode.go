package openai

import (
	"cmp"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// thinking writes reasoning that goes back to its provider.
//
// OpenAI takes none back. Aggregators take reasoning_details, which carry
// signatures of every vendor; others one text, under a name of their own, and
// those that think between tool calls insist on it. Providers of whom nothing
// is known get what a client of this dialect sent as it came: details, and text
// under its names.
func (e *requestEncoder) thinking(t *turn) {
	said := e.said(t)
	if len(t.thinking)+len(said) > 0 && (e.closed() || e.q.ReasoningText == asNothing) {
		e.drop(turnPath(t.number) + ".reasoning")
		return
	}
	if e.q.Reasoning != asObject && (e.q.ReasoningText != "" || e.q.Reasoning == asThinking || !e.own()) {
		e.onlyText(t, said)
		return
	}
	var plain strings.Builder
	detailed := false
	for _, p := range t.thinking {
		if p.Thought == nil {
			plain.WriteString(p.Text)
		} else {
			detailed = true
		}
	}
	switch {
	case len(said) > 0:
		for _, x := range said {
			e.Raw(x.Name, x.Value)
		}
	case len(t.thinking) > 0 && (plain.Len() > 0 || !detailed):
		e.Text(cmp.Or(e.q.ReasoningText, reasoningContent), plain.String())
	}
	if !detailed {
		return
	}
	e.BeginArray("reasoning_details")
	for _, p := range t.thinking {
		if p.Thought != nil {
			e.detail(p.Text, p.Thought, p.Extra)
		}
	}
	e.EndArray()
}

// said are the members with text that a client of this dialect sent beside, or
// under another name than, what the neutral model has of it. Where the provider
// has one name for it, they are one member under that.
func (e *requestEncoder) said(t *turn) (list llm.Extras) {
	for _, x := range t.Extra {
		if x.Dialect == llm.OpenAI && (x.Name == reasoningContent || x.Name == reasoningText) {
			list = append(list, x)
		}
	}
	if len(list) > 0 && e.q.ReasoningText != "" {
		list = list[:1]
		list[0].Name = e.q.ReasoningText
	}
	return list
}

// onlyText writes all reasoning as one text. Signatures and what only another
// vendor can read are left out and named. A provider that thinks between tool
// calls refuses calls without any thought, such as those of another model: they
// get a blank one.
func (e *requestEncoder) onlyText(t *turn, said llm.Extras) {
	var text strings.Builder
	bare := false
	for _, p := range t.thinking {
		text.WriteString(p.Text)
		switch k := p.Thought; {
		case k == nil:
			bare = true
		case k.Signature != "" || k.Encrypted != "":
			e.drop(p.turn() + ".reasoning")
		}
	}
	name := cmp.Or(e.q.ReasoningText, reasoningContent)
	switch {
	case text.Len() > 0:
		e.Text(name, text.String())
	case len(said) > 0:
		e.Raw(name, said[0].Value)
	case len(t.calls) > 0 && e.q.Reasoning == asThinking && !e.r.Reasoning.Off():
		e.Text(name, " ")
	case bare:
		e.Text(name, "")
	}
}
