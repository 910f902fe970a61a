package bedrock

import "strings"

// family is what the models behind an id have in common.
type family uint8

const (
	other    family = iota // takes what every model takes
	claude                 // Anthropic
	nova                   // Amazon Nova 1
	nova2                  // Amazon Nova 2: reasons
	mistral                // Mistral Large
	gptOSS                 // OpenAI's open models, Moonshot's Kimi: reasoning_effort
	gpt                    // OpenAI's closed models: reasoning.effort
	minimax                // MiniMax
	deepseek               // DeepSeek: its own reasoning may not go back
)

// words by which ids tell the family; the first that fits decides.
var familyWords = []struct {
	word   string
	family family
}{
	{"claude", claude},
	{"nova-2", nova2},
	{"amazon.nova", nova},
	{"mistral-large", mistral},
	{"gpt-oss", gptOSS},
	{"moonshot", gptOSS},
	{"kimi", gptOSS},
	{"openai.", gpt},
	{"minimax", minimax},
	{"deepseek", deepseek},
}

// model is what an encoder must know of a model.
type model struct {
	family
	// version of a Claude: 35 for 3.5, 40 for 4; 0 for other families.
	version int
}

// newest is the version of a Claude whose id does not tell one.
const newest = 990

func modelOf(id string) model {
	id = strings.ToLower(id)
	for _, row := range familyWords {
		if at := strings.Index(id, row.word); at >= 0 {
			m := model{family: row.family}
			if m.family == claude {
				m.version = claudeVersion(id[at+len(row.word):])
			}
			return m
		}
	}
	return model{}
}

// claudeVersion reads the version out of both orders of names:
// "-3-7-sonnet-20250219-v1:0" and "-opus-4-1-20250805-v1:0".
func claudeVersion(rest string) int {
	version := 0
	for rest != "" {
		at := strings.IndexAny(rest, "-.:@/")
		field := rest
		if rest = rest[min(len(rest), at+1):]; at < 0 {
			rest = ""
		} else {
			field = field[:at]
		}
		n, ok := small(field)
		switch {
		case field == "instant" || field == "v2":
			return 20
		case version > 0 && ok && n < 10:
			return version + n
		case version > 0:
			return version
		case ok:
			version = n * 10
		}
	}
	if version == 0 {
		return newest
	}
	return version
}

// small reads a number of at most two digits: longer ones are dates.
func small(field string) (int, bool) {
	if field == "" || len(field) > 2 {
		return 0, false
	}
	n := 0
	for i := range len(field) {
		if field[i] < '0' || field[i] > '9' {
			return 0, false
		}
		n = 10*n + int(field[i]-'0')
	}
	return n, true
}

// What Claude's versions take (Bedrock user guide, "Extended thinking",
// "Adaptive thinking", "Prompt caching"; Anthropic's migration guides).
func (m model) thinks() bool       { return m.family == claude && m.version >= 37 }
func (m model) adapts() bool       { return m.family == claude && m.version >= 46 }
func (m model) goesOn() bool       { return m.family != claude || m.version < 46 }
func (m model) onlyAdapts() bool   { return m.family == claude && m.version >= 47 }
func (m model) ownSampling() bool  { return m.onlyAdapts() }                                         // refuses temperature, top_p, top_k
func (m model) oneSampler() bool   { return m.family == claude && m.version >= 41 }                  // temperature or top_p, not both
func (m model) cachesHour() bool   { return m.family == claude && m.version >= 45 }                  // cache points that live for an hour
func (m model) nativeSchema() bool { return !m.isNova() && (m.family != claude || m.version >= 45) } // outputConfig.textFormat

// caches tells whether the model takes cache points. Nova takes none in tools.
func (m model) caches() bool      { return m.cachesTools() || m.isNova() }
func (m model) cachesTools() bool { return m.family == claude && m.version >= 35 }

func (m model) isNova() bool { return m.family == nova || m.family == nova2 }

// chooses tells whether the model can be made to call tools: others refuse
// toolChoice. Mistral Large can be made to call any tool, but no certain one.
func (m model) chooses() bool      { return m.choosesNamed() || m.family == mistral }
func (m model) choosesNamed() bool { return m.family == claude || m.isNova() }

// marksErrors tells whether the model takes the status of tool results.
func (m model) marksErrors() bool { return m.family == claude || m.isNova() }

// rereads tells whether the model takes back reasoning that nobody has signed.
func (m model) rereads() bool {
	switch m.family {
	case nova2, gptOSS, gpt, minimax:
		return true
	}
	return false
}
