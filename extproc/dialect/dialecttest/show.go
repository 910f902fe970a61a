package dialecttest

import (
	"fmt"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func showProblem(p *llm.Problem) string {
	if p == nil {
		return "fine"
	}
	lines := []string{p.Kind.String() + ": " + p.Message}
	if p.Param != "" {
		lines = append(lines, "param "+p.Param)
	}
	if p.RetryAfter > 0 {
		lines = append(lines, "retry after "+p.RetryAfter.String())
	}
	if p.Vendor != nil {
		lines = append(lines, "vendor "+string(p.Vendor))
	}
	if p.Cause != nil {
		lines = append(lines, "cause "+p.Cause.Error())
	}
	return strings.Join(lines, "\n")
}

func showEnvelope(e *dialect.Envelope) string {
	text := fmt.Sprintf("model %q n %d max %d stream %t usage %t", e.Model, e.N, e.MaxTokens, e.Stream, e.WantsUsage)
	if e.Needs != 0 {
		text += "\nneeds " + e.Needs.String()
	}
	if o := e.Options; !o.Empty() || o.OnRefusal || o.Strict || o.User != "" || o.Tags != nil {
		text += fmt.Sprintf("\noptions %+v", o)
	}
	return text
}

var eventNames = [...]string{
	"start", "text", "reasoning", "refusal", "tool", "args", "media", "logprobs", "finish", "usage", "ping", "failed", "extra", "vector",
}

func showEvents(events []llm.Event) string {
	var b strings.Builder
	for i := range events {
		b.WriteString(showEvent(&events[i]) + "\n")
	}
	return b.String()
}

func showEvent(ev *llm.Event) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", eventNames[ev.Kind])
	if ev.Choice != 0 || ev.Index != 0 {
		fmt.Fprintf(&b, " %d.%d", ev.Choice, ev.Index)
	}
	for _, s := range []string{ev.ID, ev.Name, ev.Text} {
		if s != "" {
			fmt.Fprintf(&b, " %q", s)
		}
	}
	if ev.Kind == llm.Start {
		fmt.Fprintf(&b, " %d", ev.Created)
	}
	if ev.Kind == llm.Finish {
		b.WriteString(" " + ev.Reason.String())
	}
	if ev.Custom {
		b.WriteString(" custom")
	}
	if ev.Raw != nil {
		fmt.Fprintf(&b, " %s", ev.Raw)
	}
	if ev.Media != nil {
		fmt.Fprintf(&b, " %+v", *ev.Media)
	}
	if ev.Thought != nil {
		fmt.Fprintf(&b, " %+v", *ev.Thought)
	}
	if ev.Vector != nil {
		fmt.Fprintf(&b, " %s%s", ev.Vector.Numbers, ev.Vector.Base64)
	}
	if ev.Usage != nil {
		b.WriteString(showUsage(ev.Usage))
	}
	if ev.Extra != nil {
		fmt.Fprintf(&b, " %s=%s", ev.Extra.Name, ev.Extra.Value)
	}
	if ev.Problem != nil {
		b.WriteString(" " + strings.ReplaceAll(showProblem(ev.Problem), "\n", "; "))
	}
	return b.String()
}

func showUsage(u *llm.Usage) string {
	var b strings.Builder
	for _, c := range []struct {
		name  string
		count llm.Opt[llm.Tokens]
	}{
		{"input", u.Input},
		{"read", u.CacheRead},
		{"write", u.CacheWrite},
		{"write hour", u.CacheWriteHour},
		{"audio in", u.AudioInput},
		{"output", u.Output},
		{"reasoning", u.Reasoning},
		{"audio out", u.AudioOut},
	} {
		if n, ok := c.count.Get(); ok {
			fmt.Fprintf(&b, " %s %d", c.name, n)
		}
	}
	for _, x := range u.Extra {
		fmt.Fprintf(&b, " %s=%s", x.Name, x.Value)
	}
	return b.String()
}
