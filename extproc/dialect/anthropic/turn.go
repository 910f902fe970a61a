package anthropic

import (
	"slices"
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// turn is a message as the API wants it.
type turn struct {
	role   llm.Role // User, Assistant; System only from clients of this dialect
	blocks []block
	extra  llm.Extras
}

// block is a part with its place in the client's request.
type block struct {
	llm.Part
	path string
}

// Texts that stand where the API demands a turn or marks one.
const (
	// opening is the user's turn in front of a conversation that the assistant
	// begins, or that has none, and behind an answer that the client has begun,
	// for models that refuse to go on with one.
	opening = "Continue."
	// Instructions that a system or developer message gives in the middle of a
	// conversation keep their place, in a user turn and marked: moved to the
	// front they would speak of what has not been said yet and break the cached
	// prefix of the prompt. It is how agents give Claude reminders.
	systemOpen, systemClose = "<system>\n", "\n</system>"
)

// split takes the system prompt apart from the turns.
func (e *requestEncoder) split() (system []block, turns []turn) {
	leading := true
	for i := range e.r.Messages {
		m := &e.r.Messages[i]
		path := "messages." + strconv.Itoa(i)
		instructs := m.Role == llm.System || m.Role == llm.Developer
		if leading = leading && instructs; m.Name != "" {
			e.drop(path + ".name")
		}
		if leading {
			system = append(system, e.systemBlocks(path, m)...)
			continue
		}
		t := turn{role: m.Role, extra: e.ownExtras(path, m.Extra)}
		for j := range m.Parts {
			p := block{m.Parts[j], partPath(i, j)}
			if instructs && !e.own() && p.Kind == llm.Text && !isBlank(p.Text) {
				p.Text = systemOpen + p.Text + systemClose
			}
			t.blocks = append(t.blocks, p)
		}
		if m.Role == llm.ToolRole || instructs && !e.own() {
			t.role = llm.User
		} else if instructs {
			t.role = llm.System
		}
		turns = append(turns, t)
	}
	return system, turns
}

// partPath is where part j of message i lies in the client's request.
func partPath(i, j int) string {
	return "messages." + strconv.Itoa(i) + ".content." + strconv.Itoa(j)
}

// systemBlocks gives the texts of a message of the system prompt, which holds
// nothing else.
func (e *requestEncoder) systemBlocks(path string, m *llm.Message) (list []block) {
	for j := range m.Parts {
		p := block{m.Parts[j], path + ".content." + strconv.Itoa(j)}
		if p.Kind != llm.Text && p.Kind != llm.OpaquePart {
			e.drop(p.path)
			continue
		}
		list = append(list, p)
	}
	for i := range m.Extra {
		e.drop(path + "." + m.Extra[i].Name)
	}
	return list
}

// ownExtras are the extras of this dialect; the others are named, but for those
// that repeat a thought in other words.
func (e *requestEncoder) ownExtras(path string, list llm.Extras) (own llm.Extras) {
	for _, x := range list {
		switch {
		case x.Dialect == llm.Anthropic:
			own = append(own, x)
		case !repeated[x.Name]:
			e.drop(path + "." + x.Name)
		}
	}
	return own
}

// repeated are the members of other dialects that are kept beside what the
// neutral model has of them.
var repeated = map[string]bool{"reasoning": true, "reasoning_content": true, "thinking": true}

// keeps tells whether a block can be written, and names it if it cannot.
func (e *requestEncoder) keeps(b *block) bool {
	switch b.Kind {
	case llm.Text, llm.RefusalText:
		if isBlank(b.Text) { // the API refuses them
			if b.Cache != nil {
				e.drop(b.path + ".cache_control")
			}
			return false
		}
	case llm.OpaquePart:
		if b.Extra.Get(llm.Anthropic, wholePart) == nil {
			e.drop(b.path)
			return false
		}
	case llm.Thinking:
		return e.keepsThought(b)
	}
	return true
}

// keepsThought tells whether the target takes a thought back. Anthropic
// verifies signatures, so thoughts of other vendors and unsigned ones are left
// out; compatible providers make unsigned ones and want them back.
func (e *requestEncoder) keepsThought(b *block) bool {
	t := b.Thought
	foreign := t != nil && t.Format != "" && t.Format != llm.FormatAnthropic && !isBare(t)
	if foreign || isBare(t) && (e.able.claude || b.Text == "") || t != nil && t.Signature == "" && t.Encrypted == "" && e.able.claude {
		e.drop(reasoningPath(b.path))
		return false
	}
	return true
}

// reasoningPath is messages.N.reasoning for a part of message N.
func reasoningPath(path string) string {
	at, _, _ := strings.Cut(path, ".content.")
	return at + ".reasoning"
}

func isBlank(text string) bool { return strings.TrimSpace(text) == "" }

// shapeTurns makes turns that the API accepts of what any dialect says: blocks
// that cannot be written are left out, then turns that became empty; turns of
// one role in a row are one; results stand in front of all else in the turn
// behind their calls, in the order of the calls; the user begins. A client of
// this dialect has kept these rules or knows better: only what would be refused
// is left out.
func (e *requestEncoder) shapeTurns(turns []turn) []turn {
	var shaped []turn
	for _, t := range turns {
		t.blocks = slices.DeleteFunc(t.blocks, func(b block) bool { return !e.keeps(&b) })
		if len(t.blocks) == 0 {
			continue
		}
		if n := len(shaped); n > 0 && shaped[n-1].role == t.role && !e.own() {
			shaped[n-1].blocks = append(shaped[n-1].blocks, t.blocks...)
			shaped[n-1].extra = append(slices.Clip(shaped[n-1].extra), t.extra...)
			continue
		}
		shaped = append(shaped, t)
	}
	if !e.own() {
		for i := 1; i < len(shaped); i++ {
			sortResults(shaped[i-1].blocks, shaped[i].blocks)
		}
		trimLast(shaped)
	}
	user := turn{role: llm.User, blocks: []block{{Part: llm.Part{Kind: llm.Text, Text: opening}}}}
	if n := len(shaped); n > 0 && !e.own() && !e.able.begun && shaped[n-1].role == llm.Assistant {
		e.drop("messages." + strconv.Itoa(len(e.r.Messages)-1) + ".prefill")
		shaped = append(shaped, user)
	}
	if !e.own() && (len(shaped) == 0 || shaped[0].role == llm.Assistant) {
		shaped = append([]turn{user}, shaped...)
	}
	return shaped
}

// sortResults brings the results in a turn to its front, in the order of the
// calls of the turn before it; results of no such call keep theirs behind them.
func sortResults(calls, answer []block) {
	order := map[string]int{}
	for i := range calls {
		if calls[i].Kind == llm.Call {
			order[calls[i].Call.ID] = len(order) + 1
		}
	}
	rank := func(b *block) int {
		if b.Kind != llm.Result {
			return len(order) + 2
		}
		if n, ok := order[b.Result.ID]; ok {
			return n
		}
		return len(order) + 1
	}
	slices.SortStableFunc(answer, func(a, b block) int { return rank(&a) - rank(&b) })
}

// trimLast takes white space off the end of an answer that the model shall go
// on with: the API refuses it.
func trimLast(turns []turn) {
	if len(turns) == 0 || turns[len(turns)-1].role != llm.Assistant {
		return
	}
	blocks := turns[len(turns)-1].blocks
	if last := &blocks[len(blocks)-1]; last.Kind == llm.Text {
		last.Text = strings.TrimRight(last.Text, " \t\r\n")
	}
}
