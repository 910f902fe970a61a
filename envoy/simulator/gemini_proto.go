package simulator

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// protoKind is the type of a field, by the letter that the vocabulary uses.
type protoKind byte

// Kinds of fields.
const (
	protoString  protoKind = 's'
	protoBool    protoKind = 'b'
	protoInt     protoKind = 'i'
	protoFloat   protoKind = 'f'
	protoBytes   protoKind = 'y'
	protoEnum    protoKind = 'e' // a word that is not checked
	protoJSON    protoKind = '*' // any JSON
	protoMessage protoKind = 'm'
)

// protoNames are the vendor's names of kinds in errors.
var protoNames = map[protoKind]string{
	protoString: "TYPE_STRING", protoBool: "TYPE_BOOL", protoInt: "TYPE_INT32", protoFloat: "TYPE_FLOAT",
	protoBytes: "TYPE_BYTES", protoEnum: "TYPE_ENUM",
}

// protoField is a field of a message.
type protoField struct {
	kind     protoKind
	message  string // of protoMessage
	words    []string
	repeated bool
	mapped   bool // a map from strings
	// oneof is the group of fields of which one may be set.
	oneof string
}

// geminiMessages are the messages of a request with their fields (API reference,
// v1beta and the SDKs' types; "vertex" names Vertex AI's own fields). A field is
// name:type; [type] repeats, {type} is a map, a|b are the words of an
// enumeration, /group is a oneof.
var geminiMessages = protoVocabulary(map[string]string{ //nolint:gosec // names of fields, no credentials
	"GenerateContentRequest": `model:s contents:[Content] systemInstruction:Content tools:[Tool] toolConfig:ToolConfig
		safetySettings:[SafetySetting] generationConfig:GenerationConfig cachedContent:s serviceTier:e store:b sim:*`,
	"GenerateContentRequest vertex": `labels:{s} modelArmorConfig:*`,
	"Content":                       `parts:[Part] role:s`,
	"Part": `text:s/data inlineData:Blob/data functionCall:FunctionCall/data functionResponse:FunctionResponse/data
		fileData:FileData/data executableCode:ExecutableCode/data codeExecutionResult:CodeExecutionResult/data
		toolCall:*/data toolResponse:*/data thought:b thoughtSignature:y videoMetadata:* partMetadata:* mediaResolution:*`,
	"Blob":                        `mimeType:s data:y`,
	"Blob vertex":                 `displayName:s`,
	"FileData":                    `mimeType:s fileUri:s`,
	"FileData vertex":             `displayName:s`,
	"FunctionCall":                `id:s name:s args:*`,
	"FunctionCall vertex":         `partialArgs:* willContinue:b`,
	"FunctionResponse":            `id:s name:s response:* parts:[FunctionResponsePart] willContinue:b scheduling:e`,
	"FunctionResponsePart":        `inlineData:FunctionResponseBlob`,
	"FunctionResponsePart vertex": `fileData:FileData`,
	"FunctionResponseBlob":        `mimeType:s data:y`,
	"FunctionResponseBlob vertex": `displayName:s`,
	"ExecutableCode":              `id:s language:e code:s`,
	"CodeExecutionResult":         `id:s outcome:e output:s`,
	"Tool": `functionDeclarations:[FunctionDeclaration] googleSearchRetrieval:* codeExecution:* googleSearch:*
		computerUse:* urlContext:* fileSearch:* googleMaps:* mcpServers:*`,
	"Tool vertex":         `retrieval:* enterpriseWebSearch:* parallelAiSearch:* exaAiSearch:*`,
	"FunctionDeclaration": `name:s description:s behavior:e parameters:Schema parametersJsonSchema:* response:Schema responseJsonSchema:*`,
	"Schema": `type:TYPE_UNSPECIFIED|STRING|NUMBER|INTEGER|BOOLEAN|ARRAY|OBJECT|NULL format:s title:s description:s nullable:b
		enum:[s] items:Schema maxItems:i minItems:i properties:{Schema} required:[s] minProperties:i maxProperties:i
		minimum:f maximum:f minLength:i maxLength:i pattern:s example:* anyOf:[Schema] propertyOrdering:[s] default:*`,
	"Schema vertex": `additionalProperties:* ref:s defs:{Schema}`,
	"ToolConfig":    `functionCallingConfig:FunctionCallingConfig retrievalConfig:* includeServerSideToolInvocations:b`,
	"FunctionCallingConfig": `mode:MODE_UNSPECIFIED|AUTO|ANY|NONE|VALIDATED allowedFunctionNames:[s]
		streamFunctionCallArguments:b`,
	"SafetySetting":        `category:e threshold:e`,
	"SafetySetting vertex": `method:e`,
	"GenerationConfig": `candidateCount:i stopSequences:[s] maxOutputTokens:i temperature:f topP:f topK:f seed:i
		responseMimeType:s responseSchema:Schema responseJsonSchema:* _responseJsonSchema:* presencePenalty:f frequencyPenalty:f
		responseLogprobs:b logprobs:i enableEnhancedCivicAnswers:b responseModalities:[e] speechConfig:* thinkingConfig:ThinkingConfig
		imageConfig:* mediaResolution:e`,
	"GenerationConfig vertex": `audioTimestamp:b routingConfig:* enableAffectiveDialog:b modelConfig:*`,
	"ThinkingConfig":          `includeThoughts:b thinkingBudget:i thinkingLevel:THINKING_LEVEL_UNSPECIFIED|MINIMAL|LOW|MEDIUM|HIGH`,

	"CountTokensRequest":        `model:s contents:[Content] generateContentRequest:GenerateContentRequest sim:*`,
	"CountTokensRequest vertex": `instances:* systemInstruction:Content tools:[Tool] generationConfig:GenerationConfig`,

	"EmbedContentRequest":        `model:s content:Content taskType:e title:s outputDimensionality:i embedContentConfig:EmbedContentConfig sim:*`,
	"EmbedContentRequest vertex": `autoTruncate:b`,
	"EmbedContentConfig":         `taskType:e title:s outputDimensionality:i autoTruncate:b documentOcr:b audioTrackExtraction:b`,
	"BatchEmbedContentsRequest":  `model:s requests:[EmbedContentRequest] sim:*`,
	// The values of :predict are free-form on the wire; these are what text
	// embedding models take.
	"PredictRequest":    `instances:[PredictInstance] parameters:PredictParameters labels:{s} sim:*`,
	"PredictInstance":   `content:s task_type:e taskType:e title:s mimeType:s`,
	"PredictParameters": `autoTruncate:b outputDimensionality:i`,
})

// protoVocabulary reads the table of messages.
func protoVocabulary(table map[string]string) map[string]map[string]protoField {
	out := make(map[string]map[string]protoField, len(table))
	for message, list := range table {
		fields := map[string]protoField{}
		for item := range strings.FieldsSeq(list) {
			name, kind, _ := strings.Cut(item, ":")
			f := protoField{}
			kind, f.oneof, _ = strings.Cut(kind, "/")
			switch inner := strings.Trim(kind, "[]{}"); {
			case strings.Contains(inner, "|"):
				f.kind, f.words = protoEnum, strings.Split(inner, "|")
			case len(inner) == 1:
				f.kind = protoKind(inner[0])
			default:
				f.kind, f.message = protoMessage, inner
			}
			f.repeated, f.mapped = kind[0] == '[', kind[0] == '{'
			fields[name] = f
		}
		out[message] = fields
	}
	return out
}

// violation is one thing that is wrong with a request's JSON.
type violation struct{ field, description string }

// protoReader reads JSON as the vendor's API does (ProtoJSON: camel or snake
// case, numbers as strings, null as unset) and notes what does not fit.
type protoReader struct {
	vertex bool
	bad    []violation
}

// normal gives a message in one spelling: camel case, numbers as numbers, lists
// as lists, standard base64.
func (p *protoReader) normal(message string, raw []byte) []byte {
	return p.message(nil, message, "", raw)
}

func (p *protoReader) note(field, format string, args ...any) {
	p.bad = append(p.bad, violation{field, fmt.Sprintf(format, args...)})
}

// at is how errors name a place; the request itself has no name.
func at(path string) string {
	if path == "" {
		return ""
	}
	return " at '" + path + "'"
}

func (p *protoReader) field(message, name string) (protoField, bool) {
	f, ok := geminiMessages[message][name]
	if !ok && p.vertex {
		f, ok = geminiMessages[message+" vertex"][name]
	}
	return f, ok
}

func (p *protoReader) message(dst []byte, message, path string, raw []byte) []byte {
	dst = append(dst, '{')
	first := len(dst)
	groups := map[string]bool{}
	ok := members(raw, func(name string, value []byte) bool {
		f, known := p.field(message, name)
		camel := name
		if !known {
			camel = camelCase(name)
			f, known = p.field(message, camel)
		}
		if !known {
			p.note(path, "Invalid JSON payload received. Unknown name %q%s: Cannot find field.", name, at(path))
			return true
		}
		if string(value) == "null" && f.kind != protoJSON {
			return true
		}
		if f.oneof != "" && groups[f.oneof] {
			p.note(path, "Invalid value%s (oneof), oneof field '%s' is already set. Cannot set '%s'", at(path), f.oneof, camel)
			return true
		}
		groups[f.oneof] = f.oneof != ""
		if len(dst) > first {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, camel), ':')
		dst = p.value(dst, f, joinPath(path, snakeCase(camel)), value)
		return true
	})
	if !ok {
		p.note(path, "Invalid value%s (type.googleapis.com/%s), %s", at(path), p.typeName(message), clip(string(raw), 200))
	}
	return append(dst, '}')
}

func (p *protoReader) typeName(message string) string {
	if p.vertex {
		return "google.cloud.aiplatform.v1beta1." + message
	}
	return "google.ai.generativelanguage.v1beta." + message
}

func joinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// value appends the value of a field. A single value stands for a list of one.
func (p *protoReader) value(dst []byte, f protoField, path string, raw []byte) []byte {
	switch {
	case f.repeated && raw[0] != '[':
		return append(p.single(append(dst, '['), f, path, raw), ']')
	case f.repeated:
		dst = append(dst, '[')
		i := 0
		elements(raw, func(value []byte) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = p.single(dst, f, path+"["+strconv.Itoa(i)+"]", value)
			i++
		})
		return append(dst, ']')
	case f.mapped:
		dst = append(dst, '{')
		i := 0
		if !members(raw, func(name string, value []byte) bool {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendString(dst, name), ':')
			dst = p.single(dst, f, path+"["+strconv.Itoa(i)+"].value", value)
			i++
			return true
		}) {
			p.note(path, "Invalid value%s (Map), Cannot bind to a non-object.", at(path))
		}
		return append(dst, '}')
	}
	return p.single(dst, f, path, raw)
}

func (p *protoReader) single(dst []byte, f protoField, path string, raw []byte) []byte {
	if f.kind == protoJSON {
		return append(dst, raw...)
	}
	if raw[0] == '[' {
		parent, name := "", path
		if i := strings.LastIndexByte(path, '.'); i >= 0 {
			parent, name = path[:i], path[i+1:]
		}
		p.note(parent, "Invalid JSON payload received. Unknown name %q%s: Proto field is not repeating, cannot start list.", name, at(parent))
		return append(dst, "null"...)
	}
	if f.kind == protoMessage {
		return p.message(dst, f.message, path, raw)
	}
	if out, ok := scalar(f, raw); ok {
		return append(dst, out...)
	}
	if f.kind == protoBytes && raw[0] == '"' {
		p.note(path, "Invalid value%s (TYPE_BYTES), Base64 decoding failed for %s", at(path), clip(string(raw), 60))
	} else {
		p.note(path, "Invalid value%s (%s), %s", at(path), protoNames[f.kind], clip(string(raw), 200))
	}
	return append(dst, "null"...)
}

// scalar gives a scalar in its usual spelling.
func scalar(f protoField, raw []byte) ([]byte, bool) {
	text, quoted := unquote(raw)
	switch f.kind {
	case protoString:
		return raw, quoted
	case protoBool:
		return raw, raw[0] == 't' || raw[0] == 'f'
	case protoEnum:
		if f.words == nil || !quoted {
			return raw, quoted
		}
		text = strings.ToUpper(text)
		return appendString(nil, text), slices.Contains(f.words, text)
	case protoInt, protoFloat:
		if !quoted {
			text = string(raw)
		}
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || f.kind == protoInt && n != float64(int64(n)) {
			return nil, false
		}
		if f.kind == protoInt {
			return strconv.AppendInt(nil, int64(n), 10), true
		}
		return []byte(text), json.Valid([]byte(text))
	case protoBytes:
		data, ok := decodeBase64(text)
		return appendString(nil, base64.StdEncoding.EncodeToString(data)), quoted && ok
	}
	return nil, false
}

// decodeBase64 takes both alphabets, padded or not, as ProtoJSON does.
func decodeBase64(text string) ([]byte, bool) {
	text = strings.TrimRight(text, "=")
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		encoding = base64.RawURLEncoding
	}
	data, err := encoding.DecodeString(text)
	return data, err == nil
}

// camelCase turns snake_case into lowerCamelCase.
func camelCase(name string) string {
	if !strings.Contains(name, "_") || strings.HasPrefix(name, "_") {
		return name
	}
	var b strings.Builder
	up := false
	for _, c := range []byte(name) {
		switch {
		case c == '_':
			up = true
		case up && 'a' <= c && c <= 'z':
			b.WriteByte(c - 'a' + 'A')
			up = false
		default:
			b.WriteByte(c)
			up = false
		}
	}
	return b.String()
}

// snakeCase is the inverse of camelCase.
func snakeCase(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if 'A' <= c && c <= 'Z' {
			b.WriteByte('_')
			c += 'a' - 'A'
		}
		b.WriteByte(c)
	}
	return b.String()
}
