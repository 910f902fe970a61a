package simulator

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
)

// embeddingRequest is what OpenAI's embeddings take.
type embeddingRequest struct {
	Model          string
	Input          json.RawMessage
	EncodingFormat string `json:"encoding_format"`
	Dimensions     int
	User           string
	Sim            json.RawMessage
}

// embeddingRead understands a request for embeddings of the dialect of a name.
func embeddingRead(name string, rt route, r *Request) (ask, *failure) {
	var m embeddingRequest
	if err := json.Unmarshal(r.Body, &m); err != nil {
		return ask{}, &failure{status: http.StatusBadRequest, reason: notJSON}
	}
	if rt.model != "" {
		m.Model = rt.model
	}
	bad := func(subject, sentence string) (ask, *failure) { return ask{}, invalid(subject, sentence) }
	inputs, ok := embeddingInputs(m.Input)
	switch {
	case m.Model == "":
		return ask{}, &failure{status: http.StatusBadRequest, reason: missingField, subject: "model"}
	case m.Input == nil:
		return ask{}, &failure{status: http.StatusBadRequest, reason: missingField, subject: "input"}
	case !ok:
		return bad("input", "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.")
	case len(inputs) > 2048:
		return bad("input", "'$.input' is too long: at most 2048 inputs may be given.")
	case m.EncodingFormat != "" && m.EncodingFormat != "float" && m.EncodingFormat != "base64":
		return bad("encoding_format", "'"+m.EncodingFormat+"' is not one of ['float', 'base64'] - 'encoding_format'")
	case m.Dimensions < 0 || m.Dimensions > 1<<16:
		return bad("dimensions", "Invalid value for 'dimensions'.")
	}
	h := &Heard{Dialect: name, Model: m.Model, Inputs: inputs, Dimensions: m.Dimensions, User: m.User}
	a := h.reading(rt, m.Input)
	a.base64, a.sim = m.EncodingFormat == "base64", m.Sim
	for _, text := range inputs {
		if raw := markerIn(text); raw != nil {
			a.marker = raw
		}
	}
	return a, nil
}

// embeddingInputs reads a text, texts, tokens or lists of tokens; of tokens the
// JSON text stands for the text.
func embeddingInputs(raw []byte) (inputs []string, ok bool) {
	if text, is := unquote(raw); is && bytes.HasPrefix(raw, []byte(`"`)) {
		return []string{text}, text != ""
	}
	var tokens []int
	if json.Unmarshal(raw, &tokens) == nil && len(tokens) > 0 {
		return []string{string(raw)}, true
	}
	ok = true
	is := elements(raw, func(value []byte) {
		text, isText := unquote(value)
		if isText = isText && bytes.HasPrefix(value, []byte(`"`)); !isText {
			text = string(value)
			ok = ok && json.Unmarshal(value, &tokens) == nil && len(tokens) > 0
		}
		ok = ok && text != ""
		inputs = append(inputs, text)
	})
	return inputs, is && ok && len(inputs) > 0
}

// openAIEmbed spells a list of embeddings, as numbers or as little-endian
// 32-bit floats in base64.
func openAIEmbed(a *ask, e *embedding) []byte {
	out := []byte(`{"object":"list","data":[`)
	for i, vector := range e.vectors {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendInt(append(out, `{"object":"embedding","index":`...), int64(i), 10)
		out = append(out, `,"embedding":`...)
		if a.base64 {
			out = appendString(out, vectorBase64(vector))
		} else {
			out = appendVector(out, vector)
		}
		out = append(out, '}')
	}
	out = appendString(append(out, `],"model":`...), e.model)
	out = strconv.AppendInt(append(out, `,"usage":{"prompt_tokens":`...), e.tokens, 10)
	return append(strconv.AppendInt(append(out, `,"total_tokens":`...), e.tokens, 10), "}}"...)
}

func appendVector(dst []byte, vector []float32) []byte {
	dst = append(dst, '[')
	for i, v := range vector {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendFloat(dst, float64(v), 'g', -1, 32)
	}
	return append(dst, ']')
}

func vectorBase64(vector []float32) string {
	raw := make([]byte, 0, 4*len(vector))
	for _, v := range vector {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return base64.StdEncoding.EncodeToString(raw)
}
