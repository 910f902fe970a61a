package gemini

import (
	"math"
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// snaked are the members read here whose names have two spellings: proto JSON
// accepts the .proto file's snake_case beside camelCase.
var snaked = [...]string{
	"systemInstruction", "toolConfig", "generationConfig", "safetySettings", "cachedContent", "generateContentRequest",
	"inlineData", "fileData", "mimeType", "fileUri", "displayName", "videoMetadata", "mediaResolution", "partMetadata",
	"functionCall", "functionResponse", "thoughtSignature", "functionDeclarations", "parametersJsonSchema",
	"functionCallingConfig", "allowedFunctionNames", "streamFunctionCallArguments",
	"topP", "topK", "candidateCount", "maxOutputTokens", "stopSequences", "presencePenalty", "frequencyPenalty",
	"responseMimeType", "responseSchema", "responseJsonSchema", "responseLogprobs", "thinkingConfig",
	"thinkingBudget", "thinkingLevel", "includeThoughts",
	"anyOf", "propertyOrdering", "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties",
}

// camels are the names of snaked by their other spelling.
var camels = func() map[string]string {
	out := make(map[string]string, len(snaked))
	for _, name := range snaked {
		var snake []byte
		for _, c := range []byte(name) {
			if c >= 'A' && c <= 'Z' {
				snake = append(snake, '_', c-'A'+'a')
			} else {
				snake = append(snake, c)
			}
		}
		out[string(snake)] = name
	}
	return out
}()

// camel is the camelCase spelling of a member known here; any other name stays
// as it is.
func camel(key []byte) string {
	if name, ok := camels[string(key)]; ok {
		return name
	}
	return string(key)
}

// integerOf reads an integer as proto JSON writes one: a number, perhaps with a
// point, or a string of it.
func integerOf(raw []byte) (int64, bool) {
	if scan.KindOf(raw) == scan.String && len(raw) > 2 {
		raw = raw[1 : len(raw)-1]
		if scan.Validate(raw) != nil {
			return 0, false
		}
	}
	if n, ok := scan.Int(raw); ok {
		return n, true
	}
	f, ok := scan.Float(raw)
	if !ok || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}

// fields reads the members of a request into typed fields; the first member of
// a wrong kind becomes the problem. null is as good as absent.
type fields struct{ members.Fields }

func (f *fields) Integer(path string, raw []byte) llm.Opt[int64] {
	if scan.IsNull(raw) {
		return llm.Opt[int64]{}
	}
	n, ok := integerOf(raw)
	if !ok {
		f.Wrong(path, "an integer")
	}
	return llm.Some(n)
}

// message walks the members of a proto message by their camelCase names; null
// has none, and members that are null are passed over.
func (f *fields) message(path string, raw []byte, visit func(key string, value []byte)) {
	w := scan.Over(raw)
	if !w.Object() {
		if !scan.IsNull(raw) {
			f.Wrong(path, "an object")
		}
		return
	}
	var seen map[string]bool
	if mixed(raw) {
		seen = map[string]bool{}
	}
	for w.Member() {
		key := camel(w.Key())
		if seen[key] && f.Problem == nil {
			f.Problem = dialect.Invalid(path+"."+key, path+"."+key+" appears twice")
		}
		if seen != nil {
			seen[key] = true
		}
		if value := w.Value(); !scan.IsNull(value) {
			visit(key, value)
		}
	}
}

// mixed tells whether an object has a known member in snake_case.
func mixed(raw []byte) (found bool) {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		_, snake := camels[string(w.Key())]
		found = found || snake
	}
	return found
}

// list walks the elements of a repeated field. The vendor's parser takes a
// single message for a list of one, and its documentation makes use of it.
func (f *fields) list(path string, raw []byte, visit func(path string, value []byte)) {
	w := scan.Over(raw)
	switch {
	case scan.KindOf(raw) == scan.Object:
		visit(path+"[0]", raw)
	case w.Array():
		for i := 0; w.Element(); i++ {
			visit(path+"["+strconv.Itoa(i)+"]", w.Value())
		}
	case !scan.IsNull(raw):
		f.Wrong(path, "an array")
	}
}
