package simulator

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// The parts of a request that a provider looks at, in normal spelling.
type (
	geminiRequest struct {
		Contents          []geminiContent
		SystemInstruction *geminiContent
		Tools             []map[string]json.RawMessage
		ToolConfig        struct {
			FunctionCallingConfig *struct {
				Mode                 string
				AllowedFunctionNames []string
			}
		}
		GenerationConfig geminiConfig
		CachedContent    string
		Labels           map[string]string
	}
	geminiContent struct {
		Role  string
		Parts []geminiPart
	}
	geminiPart struct {
		Text             *string
		Thought          bool
		ThoughtSignature []byte
		InlineData       *geminiBlob
		FileData         *struct{ MimeType, FileURI string }
		FunctionCall     *struct {
			ID, Name string
			Args     json.RawMessage
		}
		FunctionResponse *struct {
			ID, Name string
			Response json.RawMessage
			Parts    []struct{ InlineData *geminiBlob }
		}
		ExecutableCode, CodeExecutionResult json.RawMessage
		ToolCall, ToolResponse              json.RawMessage
	}
	geminiBlob struct {
		MimeType string
		Data     []byte
	}
	geminiFunction struct {
		Name, Description    string
		Parameters           json.RawMessage
		ParametersJSONSchema json.RawMessage
	}
	geminiConfig struct {
		CandidateCount                     int
		StopSequences                      []string
		MaxOutputTokens                    *int64
		Temperature, TopP, TopK            *float64
		Seed                               *int64
		FrequencyPenalty, PresencePenalty  *float64
		ResponseMimeType                   string
		ResponseSchema, ResponseJSONSchema json.RawMessage
		OldJSONSchema                      json.RawMessage `json:"_responseJsonSchema"`
		ThinkingConfig                     *struct {
			IncludeThoughts bool
			ThinkingBudget  *int64
			ThinkingLevel   string
		}
	}
)

// geminiRead understands a request of any operation.
func geminiRead(rt route, r *Request) (ask, *failure) {
	if !json.Valid(r.Body) {
		return ask{route: rt}, &failure{status: http.StatusBadRequest, reason: notJSON}
	}
	if rt.op == opCount {
		return geminiReadCount(rt, r)
	}
	if rt.op == opEmbeddings {
		return geminiReadEmbed(rt, r)
	}
	normal, f := geminiNormal(rt, "GenerateContentRequest", r.Body)
	if f != nil {
		return ask{route: rt}, f
	}
	return geminiReadChat(rt, normal)
}

// geminiNormal gives a request in normal spelling, or what is wrong with it.
func geminiNormal(rt route, message string, body []byte) ([]byte, *failure) {
	p := &protoReader{vertex: rt.onVertex()}
	normal := p.normal(message, body)
	if len(p.bad) == 0 {
		return normal, nil
	}
	sentences := make([]string, len(p.bad))
	f := invalid("", "")
	f.extra = []byte(`[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[`)
	for i, v := range p.bad {
		sentences[i] = v.description
		if i > 0 {
			f.extra = append(f.extra, ',')
		}
		f.extra = append(f.extra, '{')
		if v.field != "" {
			f.extra = append(appendString(append(f.extra, `"field":`...), v.field), ',')
		}
		f.extra = append(appendString(append(f.extra, `"description":`...), v.description), '}')
	}
	f.detail, f.extra = strings.Join(sentences, "\n"), append(f.extra, "]}]"...)
	return nil, f
}

// geminiReadChat understands a GenerateContentRequest in normal spelling.
func geminiReadChat(rt route, normal []byte) (ask, *failure) {
	var q geminiRequest
	if err := json.Unmarshal(normal, &q); err != nil {
		return ask{route: rt}, invalid("", "Invalid JSON payload received. "+err.Error())
	}
	h := &Heard{Dialect: "gemini", Model: rt.model, Stream: rt.stream}
	check := &geminiCheck{route: rt, request: &q}
	if f := check.all(h); f != nil {
		return ask{route: rt}, f
	}
	if q.SystemInstruction != nil {
		for _, part := range q.SystemInstruction.Parts {
			if part.Text != nil {
				h.System = append(h.System, *part.Text)
			}
		}
	}
	ids := &geminiIDs{}
	for _, content := range q.Contents {
		role := "user"
		if content.Role == "model" {
			role = "assistant"
		}
		for _, part := range content.Parts {
			heard, f := ids.hear(part)
			if f != nil {
				return ask{route: rt}, f
			}
			h.add(role, heard)
		}
	}
	q.hearConfig(h)
	var conversation, sim []byte
	members(normal, func(name string, value []byte) bool {
		switch name {
		case "contents":
			conversation = value
		case "sim":
			sim = value
		}
		return true
	})
	a := h.reading(rt, conversation)
	a.sim = sim
	return a, nil
}

// hearConfig hears what the request says of how to answer.
func (q *geminiRequest) hearConfig(h *Heard) {
	c := &q.GenerationConfig
	if c.MaxOutputTokens != nil {
		h.MaxTokens = *c.MaxOutputTokens
	}
	h.Temperature, h.TopP, h.TopK, h.Seed, h.Stop = c.Temperature, c.TopP, c.TopK, c.Seed, c.StopSequences
	h.FrequencyPenalty, h.PresencePenalty = c.FrequencyPenalty, c.PresencePenalty
	switch {
	case c.ResponseJSONSchema != nil:
		h.Schema = compact(c.ResponseJSONSchema)
	case c.OldJSONSchema != nil:
		h.Schema = compact(c.OldJSONSchema)
	case c.ResponseSchema != nil:
		h.Schema = jsonSchema(c.ResponseSchema)
	default:
		h.JSON = c.ResponseMimeType == "application/json"
	}
	if f := q.ToolConfig.FunctionCallingConfig; f != nil {
		h.Choice = map[string]string{"AUTO": "auto", "VALIDATED": "auto", "NONE": "none", "ANY": "any"}[f.Mode]
		if f.Mode == "ANY" && len(f.AllowedFunctionNames) == 1 {
			h.Choice = "tool:" + f.AllowedFunctionNames[0]
		}
	}
	if t := c.ThinkingConfig; t != nil {
		h.Reasoning = &HeardReasoning{Effort: strings.ToLower(t.ThinkingLevel), Budget: t.ThinkingBudget}
		if t.IncludeThoughts {
			h.Reasoning.Summary = "includeThoughts"
		}
		switch {
		case t.ThinkingBudget == nil:
		case *t.ThinkingBudget == 0:
			h.Reasoning.Mode = "off"
		case *t.ThinkingBudget < 0:
			h.Reasoning.Mode, h.Reasoning.Budget = "adaptive", nil
		default:
			h.Reasoning.Mode = "on"
		}
	}
}

// geminiIDs numbers the calls of a conversation that have no ids.
type geminiIDs struct {
	calls   map[string]int      // so far, by name
	waiting map[string][]string // ids of calls that have no response yet, by name
}

// call gives the id of a call.
func (g *geminiIDs) call(id, name string) string {
	if g.calls == nil {
		g.calls, g.waiting = map[string]int{}, map[string][]string{}
	}
	if id == "" {
		g.calls[name]++
		id = name + "#" + strconv.Itoa(g.calls[name])
	}
	g.waiting[name] = append(g.waiting[name], id)
	return id
}

// response gives the id of the call that a response is for.
func (g *geminiIDs) response(id, name string) string {
	if id != "" {
		g.waiting[name] = slices.DeleteFunc(g.waiting[name], func(w string) bool { return w == id })
		return id
	}
	if len(g.waiting[name]) == 0 {
		return id
	}
	id = g.waiting[name][0]
	g.waiting[name] = g.waiting[name][1:]
	return id
}

// hear hears one part.
func (g *geminiIDs) hear(part geminiPart) (HeardPart, *failure) {
	out := HeardPart{Signature: base64Text(part.ThoughtSignature)}
	switch {
	case part.FunctionCall != nil:
		c := part.FunctionCall
		out.Kind, out.Name, out.Arguments = "call", c.Name, compact(c.Args)
		out.ID = g.call(c.ID, c.Name)
		if out.Arguments == nil {
			out.Arguments = json.RawMessage("{}")
		}
	case part.FunctionResponse != nil:
		c := part.FunctionResponse
		out.Kind, out.Name = "result", c.Name
		out.ID = g.response(c.ID, c.Name)
		out.Text, out.Error = geminiResult(c.Response)
		for _, inner := range c.Parts {
			if inner.InlineData == nil {
				continue
			}
			media, ok := inner.InlineData.hear()
			if !ok {
				return out, invalid("", "Unable to process input image. Please retry or report in https://developers.generativeai.google/guide/troubleshooting")
			}
			out.Parts = append(out.Parts, media)
		}
	case part.InlineData != nil:
		media, ok := part.InlineData.hear()
		if !ok {
			return out, invalid("", "Unable to process input image. Please retry or report in https://developers.generativeai.google/guide/troubleshooting")
		}
		media.Signature = out.Signature
		return media, nil
	case part.FileData != nil:
		out.Kind, out.MediaType, out.URL = mediaKind(part.FileData.MimeType), part.FileData.MimeType, part.FileData.FileURI
	case part.ExecutableCode != nil:
		out.Kind = "other:executableCode"
	case part.CodeExecutionResult != nil:
		out.Kind = "other:codeExecutionResult"
	case part.ToolCall != nil:
		out.Kind = "other:toolCall"
	case part.ToolResponse != nil:
		out.Kind = "other:toolResponse"
	default:
		out.Kind = "text"
		if part.Thought {
			out.Kind = "reasoning"
		}
		if part.Text != nil {
			out.Text = *part.Text
		}
	}
	return out, nil
}

func (b *geminiBlob) hear() (HeardPart, bool) {
	return mediaPart(mediaKind(b.MimeType), b.MimeType, base64Text(b.Data))
}

// mediaKind is the kind of a part by its media type.
func mediaKind(mediaType string) string {
	kind, _, _ := strings.Cut(mediaType, "/")
	if kind == "image" || kind == "audio" {
		return kind
	}
	return "file"
}

// geminiResult is the text of a function's response: the value of "output" or
// "error", which the API suggests, of "result" or "content", which clients use
// as well, else all of it.
func geminiResult(response json.RawMessage) (text string, failed bool) {
	only, n := []byte(nil), 0
	members(response, func(name string, value []byte) bool {
		n++
		switch name {
		case "output", "result", "content", "error":
			only, failed = value, name == "error"
		}
		return true
	})
	if n != 1 || only == nil {
		return string(compact(response)), failed
	}
	if text, ok := unquote(only); ok {
		return text, failed
	}
	return string(compact(only)), failed
}
