package gemini

import (
	"slices"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// DecodeRequest reads a generateContent request into the neutral model. Members
// that it has no words for become Extra; the gateway's own (models,
// providerOptions.gateway) are left out. Model and Stream stay empty.
func DecodeRequest(body []byte) (*llm.Request, *llm.Problem) {
	if _, p := Scan(body); p != nil {
		return nil, p
	}
	d := newDecoder(llm.Gemini)
	d.message("the request body", body, d.member)
	return d.finish()
}

type requestDecoder struct {
	fields
	r *llm.Request
	// system is kept apart: wherever it stands in the body, it comes first.
	system []llm.Message
	calls  asked
}

func newDecoder(of llm.Dialect) *requestDecoder {
	return &requestDecoder{r: &llm.Request{Dialect: of, WantsUsage: true}}
}

func (d *requestDecoder) finish() (*llm.Request, *llm.Problem) {
	if d.Problem != nil {
		return nil, d.Problem
	}
	d.r.Messages = slices.Concat(d.system, joined(d.r.Messages))
	return d.r, nil
}

func (d *requestDecoder) member(key string, raw []byte) {
	switch key {
	case "contents":
		d.r.Messages = nil
		d.list(key, raw, d.content)
	case "systemInstruction":
		d.system = []llm.Message{{Role: llm.System, Parts: d.systemParts(raw)}}
	case "tools":
		d.r.Tools = nil
		d.list(key, raw, d.tool)
	case "toolConfig":
		d.message(key, raw, d.toolConfig)
	case "generationConfig":
		var f formatDraft
		d.message(key, raw, func(name string, value []byte) {
			if !d.sampling(name, value) && !f.member(d, name, value) {
				d.keep(inConfig+name, value)
			}
		})
		d.r.Format = f.format()
	case "model", "models":
	case "providerOptions":
		d.message(key, raw, func(name string, value []byte) {
			if name != "gateway" {
				d.r.ProviderOptions = append(d.r.ProviderOptions, llm.Member{Name: name, Value: members.Clone(value)})
			}
		})
	default:
		d.keep(key, raw)
	}
}

func (d *requestDecoder) keep(name string, raw []byte) {
	d.r.Extra = append(d.r.Extra, extra(name, raw))
}

// systemParts reads the content of a system instruction; a bare string is what
// some clients send.
func (d *requestDecoder) systemParts(raw []byte) (parts []llm.Part) {
	if scan.KindOf(raw) == scan.String {
		return []llm.Part{{Kind: llm.Text, Text: d.Text("systemInstruction", raw)}}
	}
	d.message("systemInstruction", raw, func(key string, value []byte) {
		if key == "parts" {
			d.list("systemInstruction.parts", value, func(path string, value []byte) {
				parts = d.part(path, value, parts)
			})
		}
	})
	return parts
}

func (d *requestDecoder) sampling(key string, raw []byte) bool {
	r, path := d.r, "generationConfig."+key
	switch key {
	case "temperature":
		r.Temperature = d.Number(path, raw)
	case "topP":
		r.TopP = d.Number(path, raw)
	case "topK":
		r.TopK = d.Integer(path, raw)
	case "candidateCount":
		r.N = d.Integer(path, raw)
	case "maxOutputTokens":
		r.MaxTokens = d.Integer(path, raw)
	case "stopSequences":
		r.Stop = nil
		d.list(path, raw, func(path string, value []byte) { r.Stop = append(r.Stop, d.Text(path, value)) })
	case "seed":
		r.Seed = d.Integer(path, raw)
	case "presencePenalty":
		r.PresencePenalty = d.Number(path, raw)
	case "frequencyPenalty":
		r.FrequencyPenalty = d.Number(path, raw)
	case "responseLogprobs":
		r.Logprobs = d.Truth(path, raw)
	case "logprobs":
		r.TopLogprobs = d.Integer(path, raw)
	case "thinkingConfig":
		d.message(path, raw, d.thinking)
	default:
		return false
	}
	return true
}

// formatDraft is a response format in the making: its members lie side by side
// in generationConfig.
type formatDraft struct {
	kind   string
	schema []byte
	full   bool // the schema is a JSON Schema
}

func (f *formatDraft) member(d *requestDecoder, key string, raw []byte) bool {
	switch key {
	case "responseMimeType":
		f.kind = d.Text("generationConfig.responseMimeType", raw)
	case "responseSchema":
		if !f.full {
			f.schema = raw
		}
	case "responseJsonSchema", "_responseJsonSchema":
		f.schema, f.full = raw, true
	default:
		return false
	}
	return true
}

const jsonType = "application/json"

func (f *formatDraft) format() llm.Format {
	switch {
	case f.schema == nil && f.kind == "":
		return llm.Format{}
	case f.schema == nil && f.kind == "text/plain":
		return llm.Format{Kind: llm.FormatText}
	case f.schema == nil && f.kind == jsonType:
		return llm.Format{Kind: llm.FormatJSON}
	case f.schema != nil && (f.kind == jsonType || f.kind == ""):
		out := llm.Format{Kind: llm.FormatJSONSchema, Schema: members.Clone(f.schema)}
		if !f.full {
			out.Schema = jsonSchema(f.schema)
		}
		return out
	}
	// text/x.enum and what the vendor may add.
	var o object
	o.Open()
	o.Text("responseMimeType", f.kind)
	switch {
	case f.full:
		o.Raw("responseJsonSchema", f.schema)
	case f.schema != nil:
		o.Raw("responseSchema", f.schema)
	}
	o.End()
	return llm.Format{Kind: llm.FormatOpaque, Extra: llm.Extras{{Dialect: llm.Gemini, Name: "format", Value: o.B}}}
}
