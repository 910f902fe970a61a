package guard

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestStreamIsTheSameHoweverItIsCut builds streams from whatever a provider
// might say, sane or not, and holds the guard to its law: how the bytes are cut
// into chunks changes nothing.
func TestStreamIsTheSameHoweverItIsCut(t *testing.T) {
	r := startRig(t)
	words := []string{
		role, content, finish, usage, done, filtered, continuous, quoted, nested,
		"\n", "\r\n", "\r", ": note\n", ":\n\n", "data", "data:", "data: ", "data: {", "event: x\n", "id: 1\n",
		`data: {"choices":[],"usage":{}}`, `data: {"choices":[`, `"choices"`, `"finish_reason":`, `"stop"`, "[DONE]", "🌍", `\"`, "}", "{",
		strings.ReplaceAll(usage, "\n", "\r\n"), strings.ReplaceAll(usage, "\n", "\r"), strings.ReplaceAll(finish, "\n", "\r\n"),
		strings.Repeat("x", 300),
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		var b strings.Builder
		for range 1 + random.IntN(8) {
			b.WriteString(words[random.IntN(len(words))])
		}
		body := b.String()
		o := []orders{dropOnly, tailOnly, both}[random.IntN(3)]
		want := r.fetch(t, "h2", reply{writes: []string{body}, end: endWithData}, o)
		for _, pieces := range [][]string{cutAnywhere(random, body), each(body, 1)} {
			if got := r.fetch(t, "h2", reply{writes: pieces}, o); got != want {
				t.Fatalf("%v of %q\ncut  %q\ngives %q\nwhole %q", o, body, pieces, got, want)
			}
		}
		if kept := strings.TrimSuffix(strings.TrimSuffix(want, broken), done); !o.drops() && !strings.HasPrefix(body+"\n\n"+done, kept) {
			t.Fatalf("%v of %q lost or changed bytes: %q", o, body, want)
		}
	}
	r.noScriptErrors(t)
}

func (o orders) drops() bool { return o.usage != "" }

func cutAnywhere(random *rand.Rand, s string) []string {
	var pieces []string
	for len(s) > 1 {
		n := 1 + random.IntN(min(len(s), 120))
		pieces = append(pieces, s[:n])
		s = s[n:]
	}
	if s != "" {
		pieces = append(pieces, s)
	}
	return pieces
}
