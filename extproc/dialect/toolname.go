package dialect

import (
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// IsToolName tells whether a tool's name is one that OpenAI, Anthropic and
// Amazon take: letters, digits, _ and -, at most so many.
func IsToolName(name string, most int) bool {
	for i := range len(name) {
		if !IsNameByte(name[i]) {
			return false
		}
	}
	return name != "" && len(name) <= most
}

// IsNameByte tells whether such a name may hold this byte.
func IsNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// BadToolName is the problem of a tool, at path in the request, whose name the
// target refuses: the client would not know a changed one in the answer.
func BadToolName(path string, most int) *llm.Problem {
	at := path + ".name"
	return &llm.Problem{
		Kind: llm.Unsupported, Param: at,
		Message: at + ": this target takes names of at most " + strconv.Itoa(most) + " letters, digits, _ and -",
	}
}
