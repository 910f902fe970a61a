package simulator

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// The parts of a Converse request that a provider looks at. Members that the
// API does not know are ignored, as the API does.
type (
	bedrockRequest struct {
		Messages        []bedrockMessage
		System          []bedrockBlock
		InferenceConfig struct {
			MaxTokens         *int64
			Temperature, TopP *float64
			StopSequences     []string
		}
		ToolConfig *struct {
			Tools      []bedrockTool
			ToolChoice *struct {
				Auto, Any *struct{}
				Tool      *struct{ Name string }
			}
		}
		AdditionalModelRequestFields json.RawMessage
		OutputConfig                 struct {
			Effort     string
			TextFormat *struct {
				Type      string
				Structure struct{ JSONSchema *struct{ Schema string } }
			}
		}
		Sim json.RawMessage
	}
	bedrockMessage struct {
		Role    string
		Content []bedrockBlock
	}
	// bedrockBlock is any block of content; exactly one member is set.
	bedrockBlock struct {
		Text             *string
		JSON             json.RawMessage
		Image            *bedrockMedia
		Document         *bedrockMedia
		Video            *bedrockMedia
		Audio            *bedrockMedia
		ToolUse          *bedrockToolUse
		ToolResult       *bedrockToolResult
		ReasoningContent *struct {
			ReasoningText *struct {
				Text      *string
				Signature *string
			}
			RedactedContent []byte
		}
		CachePoint       *struct{ Type, TTL string }
		GuardContent     json.RawMessage
		CitationsContent *struct{ Content []bedrockBlock }
		SearchResult     json.RawMessage
	}
	bedrockMedia struct {
		Format, Name string
		Source       struct {
			Bytes      []byte
			S3Location *struct{ URI string }
			Text       *string
			Content    []bedrockBlock
		}
	}
	bedrockToolUse struct {
		ToolUseID, Name string
		Input           json.RawMessage
	}
	bedrockToolResult struct {
		ToolUseID string
		Content   []bedrockBlock
		Status    string
	}
	bedrockTool struct {
		ToolSpec *struct {
			Name        string
			Description *string
			InputSchema struct{ JSON json.RawMessage }
			Strict      *bool
		}
		CachePoint *struct{ Type, TTL string }
		SystemTool *struct{ Name string }
	}
	// bedrockExtra are the fields that go to the model as they are.
	bedrockExtra struct {
		Thinking *struct {
			Type, Display string
			Budget        *int64 `json:"budget_tokens"`
		}
		TopK         *float64                `json:"top_k"`
		OutputConfig struct{ Effort string } `json:"output_config"`
		ToolChoice   struct {
			Disable *bool `json:"disable_parallel_tool_use"`
		} `json:"tool_choice"`
		InferenceConfig struct{ TopK *float64 }
		ReasoningConfig *struct{ Type, MaxReasoningEffort string }
		ReasoningEffort string `json:"reasoning_effort"`
	}
)

// bedrockRead understands a request of any operation.
func bedrockRead(rt route, r *Request) (ask, *failure) {
	switch rt.op {
	case opEmbeddings:
		return bedrockReadEmbed(rt, r)
	case opCount:
		return bedrockReadCount(rt, r.Body)
	}
	return bedrockReadConverse(rt, r.Body)
}

func bedrockReadConverse(rt route, body []byte) (ask, *failure) {
	var q bedrockRequest
	if f := bedrockParse(body, &q); f != nil {
		return ask{route: rt}, f
	}
	var extra bedrockExtra
	if q.AdditionalModelRequestFields != nil && json.Unmarshal(q.AdditionalModelRequestFields, &extra) != nil {
		return ask{route: rt}, invalid("additionalModelRequestFields", "Malformed input request, please reformat your input and try again.")
	}
	check := &bedrockCheck{route: rt, request: &q, extra: &extra}
	if f := check.all(); f != nil {
		return ask{route: rt}, f
	}
	h := &Heard{Dialect: "bedrock", Model: rt.model, Stream: rt.stream}
	q.hear(h, &extra)
	a := h.reading(rt, conversationOf(body, "messages"))
	a.sim = q.Sim
	return a, nil
}

// bedrockParse reads JSON, or tells in the service's words what does not fit.
func bedrockParse(body []byte, into any) *failure {
	err := json.Unmarshal(body, into)
	if err == nil {
		return nil
	}
	f := &failure{status: http.StatusBadRequest, reason: notJSON, detail: "Unable to parse the request body as JSON."}
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return f
	}
	target := map[string]string{"string": "String", "int64": "Integer", "float64": "Float", "bool": "Boolean", "slice": "List"}[wrong.Type.Kind().String()]
	kind, _, _ := strings.Cut(wrong.Value, " ")
	switch {
	case kind == "object":
		f.detail = "Start of structure or map found where not expected."
	case kind == "array":
		f.detail = "Start of list found where not expected."
	case target == "":
		f.detail = "Unexpected field type"
	default:
		f.detail = strings.ToUpper(kind) + "_VALUE can not be converted to a " + target
	}
	return f
}

// bedrockReadCount understands a request to count tokens.
func bedrockReadCount(rt route, body []byte) (ask, *failure) {
	var q struct {
		Input struct {
			Converse    json.RawMessage
			InvokeModel *struct{ Body []byte }
		}
		Sim json.RawMessage
	}
	if f := bedrockParse(body, &q); f != nil {
		return ask{route: rt}, f
	}
	var a ask
	var f *failure
	switch {
	case q.Input.Converse != nil:
		a, f = bedrockReadConverse(rt, q.Input.Converse)
	case q.Input.InvokeModel != nil:
		h := &Heard{Dialect: "bedrock", Model: rt.model}
		a = h.reading(rt, q.Input.InvokeModel.Body)
	default:
		f = &failure{status: http.StatusBadRequest, reason: missingField, subject: "input"}
	}
	a.sim = q.Sim
	return a, f
}

func (q *bedrockRequest) hear(h *Heard, extra *bedrockExtra) {
	for _, b := range q.System {
		if b.Text != nil {
			h.System = append(h.System, *b.Text)
		}
		h.mark(b.CachePoint != nil)
	}
	for _, m := range q.Messages {
		for _, b := range m.Content {
			if b.CachePoint == nil {
				h.add(m.Role, b.hear())
			}
			h.mark(b.CachePoint != nil)
		}
	}
	c := &q.InferenceConfig
	if c.MaxTokens != nil {
		h.MaxTokens = *c.MaxTokens
	}
	h.Temperature, h.TopP, h.Stop, h.TopK = c.Temperature, c.TopP, c.StopSequences, extra.TopK
	if h.TopK == nil {
		h.TopK = extra.InferenceConfig.TopK
	}
	if t := q.ToolConfig; t != nil {
		q.hearTools(h)
		switch choice := t.ToolChoice; {
		case choice == nil:
		case choice.Auto != nil:
			h.Choice = "auto"
		case choice.Any != nil:
			h.Choice = "any"
		case choice.Tool != nil:
			h.Choice = "tool:" + choice.Tool.Name
		}
	}
	if extra.ToolChoice.Disable != nil {
		parallel := !*extra.ToolChoice.Disable
		h.Parallel = &parallel
	}
	if f := q.OutputConfig.TextFormat; f != nil && f.Structure.JSONSchema != nil {
		h.Schema = compact([]byte(f.Structure.JSONSchema.Schema))
	}
	h.Reasoning = q.hearReasoning(extra)
}

// mark counts a place that is marked for caching.
func (h *Heard) mark(is bool) {
	if is {
		h.CacheMarks++
	}
}

func (q *bedrockRequest) hearTools(h *Heard) {
	for _, t := range q.ToolConfig.Tools {
		switch {
		case t.ToolSpec != nil:
			heard := HeardTool{Name: t.ToolSpec.Name, Schema: compact(t.ToolSpec.InputSchema.JSON), Strict: t.ToolSpec.Strict}
			if t.ToolSpec.Description != nil {
				heard.Description = *t.ToolSpec.Description
			}
			h.Tools = append(h.Tools, heard)
		case t.SystemTool != nil:
			h.Tools = append(h.Tools, HeardTool{Name: t.SystemTool.Name, Kind: "systemTool"})
		}
		h.mark(t.CachePoint != nil)
	}
}

func (q *bedrockRequest) hearReasoning(extra *bedrockExtra) *HeardReasoning {
	r := HeardReasoning{Effort: q.OutputConfig.Effort}
	for _, effort := range [...]string{extra.OutputConfig.Effort, extra.ReasoningEffort} {
		if r.Effort == "" {
			r.Effort = effort
		}
	}
	if c := extra.ReasoningConfig; c != nil {
		r.Mode, r.Effort = map[string]string{"enabled": "on", "disabled": "off"}[c.Type], c.MaxReasoningEffort
	}
	if t := extra.Thinking; t != nil {
		r.Mode = map[string]string{"enabled": "on", "disabled": "off", "adaptive": "adaptive"}[t.Type]
		r.Budget, r.Summary = t.Budget, t.Display
	}
	if r == (HeardReasoning{}) {
		return nil
	}
	return &r
}

// hear hears one block that is no cache point.
func (b *bedrockBlock) hear() HeardPart {
	switch {
	case b.Text != nil:
		return HeardPart{Kind: "text", Text: *b.Text}
	case b.JSON != nil:
		return HeardPart{Kind: "text", Text: string(compact(b.JSON))}
	case b.Image != nil:
		return b.Image.hear("image", "image/"+b.Image.Format)
	case b.Document != nil:
		return b.Document.hear("file", documentTypes[b.Document.Format])
	case b.Audio != nil:
		return b.Audio.hear("audio", "audio/"+b.Audio.Format)
	case b.Video != nil:
		return b.Video.hear("other:video", "video/"+b.Video.Format)
	case b.ToolUse != nil:
		return HeardPart{Kind: "call", ID: b.ToolUse.ToolUseID, Name: b.ToolUse.Name, Arguments: compact(b.ToolUse.Input)}
	case b.ToolResult != nil:
		var parts []HeardPart
		for _, inner := range b.ToolResult.Content {
			if inner.CachePoint == nil {
				parts = append(parts, inner.hear())
			}
		}
		return HeardPart{
			Kind: "result", ID: b.ToolResult.ToolUseID, Error: b.ToolResult.Status == "error",
			Text: textOf(parts), Parts: mediaOf(parts),
		}
	case b.ReasoningContent != nil && b.ReasoningContent.ReasoningText != nil:
		out := HeardPart{Kind: "reasoning"}
		if t := b.ReasoningContent.ReasoningText; t.Text != nil {
			out.Text = *t.Text
		}
		if t := b.ReasoningContent.ReasoningText; t.Signature != nil {
			out.Signature = *t.Signature
		}
		return out
	case b.ReasoningContent != nil:
		return HeardPart{Kind: "redacted", Signature: string(b.ReasoningContent.RedactedContent)}
	case b.CitationsContent != nil:
		var parts []HeardPart
		for _, inner := range b.CitationsContent.Content {
			parts = append(parts, inner.hear())
		}
		return HeardPart{Kind: "text", Text: textOf(parts)}
	case b.SearchResult != nil:
		return HeardPart{Kind: "other:searchResult"}
	}
	return HeardPart{Kind: "other:guardContent"}
}

// documentTypes are the media types of document formats.
var documentTypes = map[string]string{
	"pdf": "application/pdf", "csv": "text/csv", "txt": "text/plain", "html": "text/html", "md": "text/markdown",
	"doc": "application/msword", "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	"xls": "application/vnd.ms-excel", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

func (m *bedrockMedia) hear(kind, mediaType string) HeardPart {
	part, _ := mediaPart(kind, mediaType, base64Text(m.Source.Bytes))
	switch {
	case m.Source.S3Location != nil:
		part.MediaType, part.URL = mediaType, m.Source.S3Location.URI
	case m.Source.Text != nil:
		part.MediaType, part.Text = mediaType, *m.Source.Text
	case m.Source.Content != nil:
		var parts []HeardPart
		for _, inner := range m.Source.Content {
			parts = append(parts, inner.hear())
		}
		part.MediaType, part.Text = mediaType, textOf(parts)
	}
	part.Kind, part.Name = kind, m.Name
	return part
}
