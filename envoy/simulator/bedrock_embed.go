package simulator

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// bedrockEmbedding is what Titan and Cohere take; which members are there
// depends on the model.
type bedrockEmbedding struct {
	InputText       *string
	Dimensions      int
	Normalize       *bool
	EmbeddingTypes  []string
	Texts           []string
	InputType       string   `json:"input_type"`
	CohereTypes     []string `json:"embedding_types"`
	OutputDimension int      `json:"output_dimension"`
	Sim             json.RawMessage
}

// titanMembers and cohereMembers are the members that the models know.
var (
	titanMembers  = []string{"inputText", "dimensions", "normalize", "embeddingTypes", "sim"}
	cohereMembers = []string{"texts", "input_type", "truncate", "embedding_types", "images", "inputs", "output_dimension", "max_tokens", "sim"}
	cohereInputs  = []string{"search_document", "search_query", "classification", "clustering", "image"}
)

// bedrockReadEmbed understands InvokeModel for embeddings; the body is the
// model's own.
func bedrockReadEmbed(rt route, r *Request) (ask, *failure) {
	none := ask{route: rt}
	if rt.form == bedrockTitan && !strings.Contains(rt.model, "titan-embed") {
		return none, invalid("modelId", "This provider serves conversations through Converse; InvokeModel is for embeddings.")
	}
	malformed := func(what string) (ask, *failure) {
		return none, invalid("body", "Malformed input request: "+what+", please reformat your input and try again.")
	}
	known := map[string][]string{bedrockTitan: titanMembers, bedrockCohere: cohereMembers}[rt.form]
	extraneous := ""
	if !members(r.Body, func(name string, _ []byte) bool {
		if !slices.Contains(known, name) && extraneous == "" {
			extraneous = name
		}
		return true
	}) {
		return none, invalid("body", "Malformed input request, please reformat your input and try again.")
	}
	var q bedrockEmbedding
	switch err := json.Unmarshal(r.Body, &q); {
	case extraneous != "":
		return malformed("#: extraneous key [" + extraneous + "] is not permitted")
	case err != nil:
		return malformed("#: " + err.Error())
	}
	h := &Heard{Dialect: "bedrock", Model: rt.model}
	switch {
	case rt.form == bedrockTitan && q.InputText == nil:
		return malformed("#: required key [inputText] not found")
	case rt.form == bedrockTitan && q.Dimensions != 0 && !slices.Contains([]int{256, 512, 1024}, q.Dimensions):
		return malformed(fmt.Sprintf("#/dimensions: %d is not a valid enum value", q.Dimensions))
	case rt.form == bedrockTitan:
		h.Inputs, h.Dimensions = []string{*q.InputText}, q.Dimensions
	case q.Texts == nil:
		return malformed("#: required key [texts] not found")
	case q.InputType == "":
		return malformed("#: required key [input_type] not found")
	case !slices.Contains(cohereInputs, q.InputType):
		return malformed("#/input_type: " + q.InputType + " is not a valid enum value")
	case len(q.Texts) == 0 || len(q.Texts) > 96:
		return malformed(fmt.Sprintf("#/texts: expected between 1 and 96 items, found %d", len(q.Texts)))
	default:
		h.Inputs, h.Dimensions = q.Texts, q.OutputDimension
	}
	a := h.reading(rt, []byte(strings.Join(h.Inputs, "\n")))
	a.sim, a.kinds = q.Sim, q.EmbeddingTypes
	if rt.form == bedrockCohere {
		a.kinds = q.CohereTypes
	}
	if a.dimensions == 0 {
		a.dimensions = bedrockDimensions(rt.model)
	}
	return a, nil
}

// bedrockDimensions are the lengths of vectors where a client asks for none.
func bedrockDimensions(model string) int {
	if strings.Contains(model, "cohere.embed-v4") || strings.Contains(model, "titan-embed-text-v1") {
		return usualDimensions
	}
	return 1024
}

// bedrockEmbed spells embeddings as their model does.
func bedrockEmbed(a *ask, e *embedding) []byte {
	if a.form == bedrockTitan {
		return titanEmbed(a, e)
	}
	out := []byte(`{"id":"` + requestID(strings.Join(a.inputs, "\n")) + `","texts":[`)
	for i, text := range a.inputs {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendString(out, text)
	}
	if len(a.kinds) == 0 {
		out = vectors(append(out, `],"response_type":"embeddings_floats","embeddings":`...), e, "float")
		return append(out, '}')
	}
	out = append(out, `],"response_type":"embeddings_by_type","embeddings":{`...)
	for i, kind := range a.kinds {
		if i > 0 {
			out = append(out, ',')
		}
		out = vectors(append(appendString(out, kind), ':'), e, kind)
	}
	return append(out, "}}"...)
}

func titanEmbed(a *ask, e *embedding) []byte {
	kinds := a.kinds
	if len(kinds) == 0 {
		kinds = []string{"float"}
	}
	out := []byte{'{'}
	if slices.Contains(kinds, "float") {
		out = append(appendVector(append(out, `"embedding":`...), e.vectors[0]), ',')
	}
	out = append(out, `"embeddingsByType":{`...)
	for i, kind := range kinds {
		if i > 0 {
			out = append(out, ',')
		}
		out = vector(append(appendString(out, kind), ':'), e.vectors[0], kind)
	}
	out = strconv.AppendInt(append(out, `},"inputTextTokenCount":`...), e.tokens, 10)
	return append(out, '}')
}

func vectors(dst []byte, e *embedding, kind string) []byte {
	dst = append(dst, '[')
	for i, v := range e.vectors {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = vector(dst, v, kind)
	}
	return append(dst, ']')
}

// vector appends a vector as numbers, as bytes, as signs or as base64 of
// numbers.
func vector(dst []byte, v []float32, kind string) []byte {
	switch kind {
	case "float":
		return appendVector(dst, v)
	case "base64":
		return appendString(dst, vectorBase64(v))
	}
	dst = append(dst, '[')
	for i, x := range v {
		if i > 0 {
			dst = append(dst, ',')
		}
		switch {
		case kind == "int8":
			dst = strconv.AppendInt(dst, int64(x*127), 10)
		case kind == "uint8":
			dst = strconv.AppendInt(dst, int64(x*127)+128, 10)
		case x > 0:
			dst = append(dst, '1')
		default:
			dst = append(dst, '0')
		}
	}
	return append(dst, ']')
}
