package simulator

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// geminiDimensions are the lengths of vectors where a client asks for none.
func geminiDimensions(model string) int {
	if strings.HasPrefix(model, "text-embedding-0") || strings.HasPrefix(model, "text-multilingual-") || model == "embedding-001" {
		return 768
	}
	return 3072
}

// geminiReadCount understands a request to count tokens: contents, or a whole
// GenerateContentRequest.
func geminiReadCount(rt route, r *Request) (ask, *failure) {
	normal, f := geminiNormal(rt, "CountTokensRequest", r.Body)
	if f != nil {
		return ask{route: rt}, f
	}
	var q struct {
		Contents               []geminiContent
		GenerateContentRequest json.RawMessage
		Sim                    json.RawMessage
	}
	if err := json.Unmarshal(normal, &q); err != nil {
		return ask{route: rt}, invalid("", "Invalid JSON payload received. "+err.Error())
	}
	switch {
	case q.GenerateContentRequest != nil && q.Contents != nil:
		return ask{route: rt}, invalid("", "* CountTokensRequest: contents and generate_content_request are mutually exclusive.\n")
	case q.GenerateContentRequest != nil:
		normal = q.GenerateContentRequest
	case q.Contents == nil:
		return ask{route: rt}, invalid("", "* CountTokensRequest.contents: contents is not specified\n")
	}
	a, f := geminiReadChat(rt, normal)
	a.sim = q.Sim
	return a, f
}

func geminiCount(a *ask) []byte {
	out := strconv.AppendInt([]byte(`{"totalTokens":`), a.prompt, 10)
	if a.onVertex() {
		out = strconv.AppendInt(append(out, `,"totalBillableCharacters":`...), a.prompt*4, 10)
	}
	out = strconv.AppendInt(append(out, `,"promptTokensDetails":[{"modality":"TEXT","tokenCount":`...), a.prompt, 10)
	return append(out, `}]}`...)
}

// geminiInput is one text to embed, in normal spelling.
type geminiInput struct {
	Model                string
	Content              geminiContent
	OutputDimensionality int
	EmbedContentConfig   struct{ OutputDimensionality int }
}

// geminiReadEmbed understands the four ways to ask for embeddings.
func geminiReadEmbed(rt route, r *Request) (ask, *failure) {
	message := map[string]string{
		"embedContent": "EmbedContentRequest", "batchEmbedContents": "BatchEmbedContentsRequest", "predict": "PredictRequest",
	}[rt.verb()]
	normal, f := geminiNormal(rt, message, r.Body)
	if f != nil {
		return ask{route: rt}, f
	}
	var q struct {
		geminiInput
		Requests   []geminiInput
		Instances  []struct{ Content string }
		Parameters struct{ OutputDimensionality int }
		Sim        json.RawMessage
	}
	if err := json.Unmarshal(normal, &q); err != nil {
		return ask{route: rt}, invalid("", "Invalid JSON payload received. "+err.Error())
	}
	h := &Heard{Dialect: "gemini", Model: rt.model}
	switch rt.verb() {
	case "embedContent":
		f = q.hear(h, "EmbedContentRequest", false)
	case "batchEmbedContents":
		if len(q.Requests) == 0 {
			f = invalid("", "* BatchEmbedContentsRequest.requests: requests is not specified\n")
		}
		for i := range q.Requests {
			if f == nil {
				f = q.Requests[i].hear(h, fmt.Sprintf("BatchEmbedContentsRequest.requests[%d]", i), true)
			}
		}
	case "predict":
		for _, instance := range q.Instances {
			h.Inputs = append(h.Inputs, instance.Content)
		}
		h.Dimensions = q.Parameters.OutputDimensionality
		if limit := geminiBatch(rt.model); len(q.Instances) == 0 || len(q.Instances) > limit {
			f = invalid("", fmt.Sprintf("%d instance(s) is not supported by this model. Please set the number of instances to at most %d.",
				len(q.Instances), limit))
		}
	}
	if f != nil {
		return ask{route: rt}, f
	}
	a := h.reading(rt, []byte(strings.Join(h.Inputs, "\n")))
	if a.sim = q.Sim; a.dimensions == 0 {
		a.dimensions = geminiDimensions(rt.model)
	}
	return a, nil
}

// geminiBatch is the number of texts that Vertex AI takes at once.
func geminiBatch(model string) int {
	if strings.HasPrefix(model, "gemini-embedding") {
		return 1
	}
	return 250
}

// hear hears one content to embed; in a batch each must name the model.
func (in *geminiInput) hear(h *Heard, path string, batch bool) *failure {
	model := strings.TrimPrefix(in.Model, "models/")
	switch {
	case batch && model == "":
		return invalid("", "* "+path+".model: model is not specified\n")
	case model != "" && model != h.Model:
		return invalid("", "* "+path+".model: model must match the model of the request: models/"+h.Model+"\n")
	case len(in.Content.Parts) == 0:
		return invalid("", "* "+path+".content: contents is not specified\n")
	}
	var texts []string
	for _, part := range in.Content.Parts {
		if part.Text != nil {
			texts = append(texts, *part.Text)
		}
	}
	h.Inputs = append(h.Inputs, strings.Join(texts, " "))
	h.Dimensions = max(in.OutputDimensionality, in.EmbedContentConfig.OutputDimensionality)
	return nil
}

// geminiEmbed spells embeddings in the way they were asked for.
func geminiEmbed(a *ask, e *embedding) []byte {
	switch a.verb() {
	case "predict":
		return geminiPredictions(a, e)
	case "batchEmbedContents":
		out := []byte(`{"embeddings":[`)
		for i, v := range e.vectors {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(appendVector(append(out, `{"values":`...), v), '}')
		}
		return append(geminiEmbedUsage(append(out, ']'), e), '}')
	}
	out := append(appendVector([]byte(`{"embedding":{"values":`), e.vectors[0]), '}')
	if a.onVertex() {
		return append(strconv.AppendInt(append(out, `,"usageMetadata":{"promptTokenCount":`...), e.tokens, 10), `},"truncated":false}`...)
	}
	return append(geminiEmbedUsage(out, e), '}')
}

func geminiEmbedUsage(dst []byte, e *embedding) []byte {
	dst = strconv.AppendInt(append(dst, `,"usageMetadata":{"promptTokenCount":`...), e.tokens, 10)
	dst = strconv.AppendInt(append(dst, `,"promptTokenDetails":[{"modality":"TEXT","tokenCount":`...), e.tokens, 10)
	return append(dst, `}]}`...)
}

func geminiPredictions(a *ask, e *embedding) []byte {
	out := []byte(`{"predictions":[`)
	characters, left := 0, e.tokens
	for i, v := range e.vectors {
		if i > 0 {
			out = append(out, ',')
		}
		tokens := min(left, int64(len(a.inputs[i])+3)/4)
		if i == len(e.vectors)-1 {
			tokens = left
		}
		left -= tokens
		out = fmt.Appendf(out, `{"embeddings":{"statistics":{"truncated":false,"token_count":%d},"values":`, tokens)
		out = append(appendVector(out, v), "}}"...)
		characters += utf8.RuneCountInString(a.inputs[i]) - strings.Count(a.inputs[i], " ")
	}
	return fmt.Appendf(out, `],"metadata":{"billableCharacterCount":%d}}`, characters)
}
