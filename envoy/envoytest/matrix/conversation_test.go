package matrix

import (
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

// checkHeard compares all that the question says with what the provider
// understood. Replays are told by the outcomes they are of.
func (x *exam) checkHeard(q Question, replays ...*Outcome) {
	x.Helper()
	h := x.heard()
	var system []string
	if q.System != "" {
		system = []string{q.System}
	}
	x.equal("system prompt", system, h.System)
	x.equal("stream", x.stream, h.Stream)
	x.equal("turns", x.wantTurns(q, replays), x.plainTurns(h))
	x.checkTools(q, h)
	if q.MaxTokens > 0 {
		x.equal("output limit", q.MaxTokens, h.MaxTokens)
	}
	if q.Temperature != nil {
		x.equal("temperature", q.Temperature, h.Temperature)
	}
}

func (x *exam) checkTools(q Question, h *simulator.Heard) {
	x.Helper()
	type tool struct {
		Name, Description string
		Schema            any
	}
	var want, got []tool
	for _, t := range q.Tools {
		schema := x.jsonValue(t.Schema)
		if m, ok := schema.(map[string]any); ok && lacks(x.target, "closed tools") != "" {
			delete(m, "additionalProperties")
		}
		want = append(want, tool{t.Name, t.Description, schema})
	}
	for _, t := range h.Tools {
		got = append(got, tool{t.Name, t.Description, x.jsonValue(t.Schema)})
	}
	x.equal("tools", want, got)
}

// part is a piece of a turn as both sides must see it.
type part struct {
	Kind, Text, Name, ID string
	Arguments            any
	Media                string // type, size and checksum
}

type turn struct {
	Role  string
	Parts []part
}

// numbering gives the ids of calls the order in which they come: they differ
// from client to provider where a dialect has none, or rules of its own.
type numbering map[string]string

func (n numbering) of(id string) string {
	if n[id] == "" {
		n[id] = fmt.Sprintf("call %d", len(n)+1)
	}
	return n[id]
}

func (x *exam) wantTurns(q Question, replays []*Outcome) (out []turn) {
	x.Helper()
	ids, unnamed := numbering{}, map[string][]string{}
	add := func(role string, parts ...part) {
		if n := len(out); n > 0 && out[n-1].Role == role {
			out[n-1].Parts = append(out[n-1].Parts, parts...)
		} else if len(parts) > 0 {
			out = append(out, turn{role, parts})
		}
	}
	for _, t := range q.Turns {
		switch {
		case t.Said != "":
			add("assistant", part{Kind: "text", Text: t.Said})
			continue
		case t.Replay != nil:
			o := replays[0]
			replays = replays[1:]
			if o.Text != "" {
				add("assistant", part{Kind: "text", Text: o.Text})
			}
			for i, c := range o.Calls {
				id := c.ID
				if id == "" { // results say the name only, and come in order
					id = fmt.Sprintf("%p %d", o, i)
					unnamed[c.Name] = append(unnamed[c.Name], id)
				}
				add("assistant", part{Kind: "call", ID: ids.of(id), Name: c.Name, Arguments: x.jsonValue([]byte(c.Args))})
			}
			continue
		}
		for _, r := range t.Results {
			id := r.ID
			if id == "" {
				id, unnamed[r.Name] = unnamed[r.Name][0], unnamed[r.Name][1:]
			}
			add("user", part{Kind: "result", ID: ids.of(id), Text: r.Text})
		}
		for _, m := range t.Media {
			kind := "image"
			if m.Name != "" {
				kind = "file"
			}
			add("user", part{Kind: kind, Media: mediaText(m)})
		}
		if t.Text != "" {
			add("user", part{Kind: "text", Text: t.Text})
		}
	}
	return out
}

func mediaText(m Media) string {
	data, err := base64.StdEncoding.DecodeString(m.Base64)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s %d %08x", m.Type, len(data), crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
}

// plainTurns are the provider's turns without reasoning, which has cases of its
// own.
func (x *exam) plainTurns(h *simulator.Heard) (out []turn) {
	x.Helper()
	ids, names := numbering{}, map[string]string{}
	for _, t := range h.Turns {
		next := turn{Role: t.Role}
		for _, p := range t.Parts {
			to := part{Kind: p.Kind, Text: p.Text}
			switch p.Kind {
			case "reasoning", "redacted":
				continue
			case "call":
				to.ID, to.Name, to.Arguments = ids.of(p.ID), p.Name, x.jsonValue(p.Arguments)
				names[p.ID] = p.Name
			case "result":
				to.ID = ids.of(p.ID)
				if p.Name != "" && p.Name != names[p.ID] {
					x.Errorf("the result of %s is called that of %s", names[p.ID], p.Name)
				}
			case "image", "file":
				to.Media = fmt.Sprintf("%s %d %s", p.MediaType, p.Bytes, p.Sum)
			}
			if n := len(next.Parts); n > 0 && to.Kind == "text" && next.Parts[n-1].Kind == "text" {
				next.Parts[n-1].Text += to.Text // clients of some vendors send a stream's pieces back as they came
				continue
			}
			next.Parts = append(next.Parts, to)
		}
		if len(next.Parts) > 0 {
			out = append(out, next)
		}
	}
	return out
}

// results answers calls, each with words of its own.
func results(calls []Call) (out []Result) {
	for i, c := range calls {
		out = append(out, Result{ID: c.ID, Name: c.Name, Text: fmt.Sprintf("result %d of %s", i, c.Name)})
	}
	return out
}

// mentions tells whether the provider's answer quotes every result.
func (x *exam) mentions(o *Outcome, all []Result) {
	x.Helper()
	for _, r := range all {
		if !strings.Contains(o.Text, "returned “"+r.Text+"”") {
			x.Errorf("the answer does not know %q: %s", r.Text, o.Text)
		}
	}
}
