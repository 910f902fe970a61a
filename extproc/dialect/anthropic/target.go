package anthropic

import (
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
)

// Generations of Claude at which the API changed what it takes, as
// 100*major+minor ("Thinking", "Structured outputs" and "Migration guide" in
// Anthropic's documentation).
const (
	generationSampling   = 405    // from here on temperature and top_p exclude each other
	generationStructured = 405    // from here on output_config.format and strict tools
	generationAdaptive   = 406    // from here on adaptive thinking with an effort
	generationUnbegun    = 406    // from here on the user has the last word: no beginning of an answer
	generationUnsampled  = 407    // from here on no temperature, top_p and top_k, no budget
	generationUnknown    = 100000 // names without a number are newer than this table
)

// generation reads the generation out of a model id such as
// "claude-3-7-sonnet-20250219", "claude-opus-4-6" or "claude-haiku-4-5@20251001".
func generation(id string) int {
	at := strings.Index(id, "claude")
	if at < 0 {
		return generationUnknown
	}
	words := strings.FieldsFunc(id[at:], func(r rune) bool { return r == '-' || r == '.' || r == '@' || r == '_' || r == ':' })
	major, minor := -1, 0
	for _, word := range words {
		n := 0
		for _, c := range word {
			if c < '0' || c > '9' {
				n = -1
				break
			}
			n = n*10 + int(c-'0')
		}
		switch {
		case n < 0 || n >= 100: // a word or a date
			if major >= 0 {
				return 100*major + minor
			}
		case major < 0:
			major = n
		default:
			return 100*major + n
		}
	}
	if major < 0 {
		return generationUnknown
	}
	return 100*major + minor
}

// abilities are what is known of a target beyond the dialect itself.
type abilities struct {
	claude     bool // a model of Anthropic's, wherever it is hosted
	adaptive   bool // takes adaptive thinking and an effort
	budgets    bool // takes a budget of thinking
	sampling   bool // takes temperature, top_p and top_k
	bothP      bool // takes temperature beside top_p
	structured bool // takes output_config.format and strict tools
	begun      bool // goes on with an answer that the client has begun
	thinks     bool // takes any wish for thinking
}

// ablenessOf tells what a target can do. Compatible providers copy the API of
// the generations that had budgets.
func ablenessOf(t dialect.Target) abilities {
	if !t.Genuine && t.Platform == dialect.Direct {
		a := abilities{budgets: true, sampling: true, bothP: true, thinks: true, begun: true}
		if q := t.Quirks; q != nil {
			a.adaptive = q.Reasoning == "effort"
			a.budgets = !a.adaptive
			a.structured = q.Schema == "json_schema"
			a.thinks = q.Reasoning != "none"
		}
		return a
	}
	g := generation(t.ID)
	return abilities{
		claude:   true,
		thinks:   true,
		adaptive: g >= generationAdaptive,
		budgets:  g < generationUnsampled,
		sampling: g < generationUnsampled,
		bothP:    g < generationSampling,
		begun:    g < generationUnbegun,
		// Google's organisation policies switch structured outputs off by default.
		structured: g >= generationStructured && t.Platform != dialect.Vertex,
	}
}
