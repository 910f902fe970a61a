package anthropic

import (
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

var roleNames = map[llm.Role]string{llm.User: "user", llm.Assistant: "assistant", llm.System: "system"}

// messages writes system and messages.
func (e *requestEncoder) messages() *llm.Problem {
	system, turns := e.split()
	if p := e.system(system); p != nil {
		return p
	}
	e.BeginArray("messages")
	for _, t := range e.shapeTurns(turns) {
		e.Open()
		e.Text("role", roleNames[t.role])
		if p := e.content("content", t.blocks); p != nil {
			return p
		}
		e.extras(t.extra, "")
		e.End()
	}
	e.EndArray()
	return nil
}

func (e *requestEncoder) system(blocks []block) *llm.Problem {
	kept := blocks[:0]
	for _, b := range blocks {
		if e.keeps(&b) {
			kept = append(kept, b)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return e.content("system", kept)
}

// content writes one plain text as a string, everything else as blocks.
func (e *requestEncoder) content(name string, blocks []block) *llm.Problem {
	if len(blocks) == 1 && isPlain(&blocks[0].Part) {
		e.Text(name, blocks[0].Text)
		return nil
	}
	e.BeginArray(name)
	for i := range blocks {
		if p := e.block(&blocks[i]); p != nil {
			return p
		}
	}
	e.EndArray()
	return nil
}

func (e *requestEncoder) block(b *block) *llm.Problem {
	switch b.Kind {
	case llm.OpaquePart:
		e.Element(b.Extra.Get(llm.Anthropic, wholePart))
		return nil
	case llm.Text, llm.RefusalText:
		e.Open()
		e.Text("type", "text")
		e.Text("text", b.Text)
		if b.Thought != nil && !isBare(b.Thought) {
			e.drop(reasoningPath(b.path))
		}
	case llm.Image, llm.File, llm.Audio:
		if p := e.media(b.path, &b.Part); p != nil {
			return p
		}
	case llm.Thinking:
		e.thinking(b)
	case llm.Call:
		e.call(b)
	case llm.Result:
		if p := e.result(b); p != nil {
			return p
		}
	}
	if b.Cache != nil {
		if b.Kind == llm.Thinking { // which the API never caches by itself
			e.drop(b.path + ".cache_control")
		} else {
			e.Raw("cache_control", b.Cache)
		}
	}
	if b.Kind == llm.Thinking && !e.own() {
		e.extras(b.Extra, "") // those of others number or cut the thought
	} else {
		e.more(b.path, b.Extra)
	}
	e.End()
	return nil
}

// thinking writes a thought as its maker wants it back: every byte.
func (e *requestEncoder) thinking(b *block) {
	e.Open()
	t := b.Thought
	if t != nil && t.Encrypted != "" && b.Text == "" {
		e.Text("type", "redacted_thinking")
		e.Text("data", t.Encrypted)
		return
	}
	signature := ""
	if t != nil {
		signature = t.Signature
	}
	e.Text("type", "thinking")
	e.Text("thinking", b.Text)
	e.Text("signature", signature)
}

func (e *requestEncoder) call(b *block) {
	c := b.Call
	e.Open()
	e.Text("type", "tool_use")
	e.Text("id", toolID(c.ID))
	e.Text("name", c.Name)
	args := objectText(c.Args)
	if c.Custom {
		args = wrapText(c.Args)
	}
	e.Raw("input", []byte(args))
	if b.Thought != nil && !isBare(b.Thought) {
		e.drop(reasoningPath(b.path))
	}
}

func (e *requestEncoder) result(b *block) *llm.Problem {
	r := b.Result
	e.Open()
	e.Text("type", "tool_result")
	e.Text("tool_use_id", toolID(r.ID))
	var parts []block
	for i := range r.Parts {
		p := block{r.Parts[i], b.path + ".content." + strconv.Itoa(i)}
		switch p.Kind {
		case llm.Text, llm.RefusalText, llm.Image, llm.File, llm.Audio, llm.OpaquePart:
			if e.keeps(&p) {
				parts = append(parts, p)
			}
		default:
			e.drop(p.path)
		}
	}
	if len(parts) > 0 {
		if p := e.content("content", parts); p != nil {
			return p
		}
	}
	if r.Error {
		e.Truth("is_error", true)
	}
	return nil
}
