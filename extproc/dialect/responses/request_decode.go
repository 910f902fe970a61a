package responses

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// includeLogprobs is the element of include that asks for log probabilities.
const includeLogprobs = "message.output_text.logprobs"

// DecodeRequest reads a request into the neutral model. Members that it has no
// words for become Extra; the gateway's own (models, providerOptions.gateway)
// and what every answer of the gateway does or none can (store,
// reasoning.encrypted_content in include) are left out.
func DecodeRequest(body []byte) (*llm.Request, *llm.Problem) {
	if _, p := Scan(body); p != nil {
		return nil, p
	}
	d := requestDecoder{r: &llm.Request{Dialect: llm.Responses}}
	d.Object("the request body", body, d.member)
	if d.Problem == nil && scan.IsNull(d.input) {
		d.Problem = dialect.Invalid("input", "input is missing")
	}
	d.conversation()
	if d.Problem != nil {
		return nil, d.Problem
	}
	d.r.WantsUsage = d.r.Stream
	return d.r, nil
}

type requestDecoder struct {
	fields
	r            *llm.Request
	instructions string
	input        []byte
	// signed is a thought of another vendor that belongs to the next call.
	signed *llm.Thought
}

func (d *requestDecoder) member(key string, raw []byte) {
	r := d.r
	switch key {
	case "model":
		r.Model = d.Text(key, raw)
	case "instructions":
		d.instructions = d.Text(key, raw)
	case "input":
		d.input = raw
	case "tools":
		r.Tools = nil
		d.Array(key, raw, d.tool)
	case "tool_choice":
		r.ToolChoice = d.toolChoice(raw)
	case "parallel_tool_calls":
		r.ParallelToolCalls = d.Truth(key, raw)
	case "max_output_tokens":
		r.MaxTokens = d.Integer(key, raw)
	case "temperature":
		r.Temperature = d.Number(key, raw)
	case "top_p":
		r.TopP = d.Number(key, raw)
	case "top_logprobs":
		if r.TopLogprobs = d.Integer(key, raw); r.TopLogprobs.Or(0) > 0 {
			r.Logprobs = llm.Some(true)
		}
	case "reasoning":
		d.Object(key, raw, d.reasoning)
	case "text":
		d.Object(key, raw, d.textMember)
	case "include":
		d.Array(key, raw, d.include)
	case "stream":
		r.Stream = d.Truth(key, raw).Or(false)
	case "user":
		r.User = d.Text(key, raw)
	case "metadata":
		r.Metadata = nil
		d.Object(key, raw, func(name string, value []byte) {
			r.Metadata = append(r.Metadata, llm.Pair{Name: name, Value: d.Text("metadata."+name, value)})
		})
	case "models", "store", "background", "previous_response_id", "conversation":
	case "providerOptions":
		d.Object(key, raw, func(name string, value []byte) {
			if name != "gateway" {
				r.ProviderOptions = append(r.ProviderOptions, llm.Member{Name: name, Value: members.Clone(value)})
			}
		})
	default:
		if isEmpty(raw) || key == "truncation" && string(raw) == `"disabled"` {
			return // the default
		}
		r.Extra = append(r.Extra, extra(key, raw))
	}
}

func (d *requestDecoder) reasoning(name string, value []byte) {
	g, path := &d.r.Reasoning, inReasoning+name
	switch name {
	case "effort":
		g.Effort = d.OptText("reasoning.effort", value)
	case "summary":
		if summary := d.OptText("reasoning.summary", value); summary.Set() {
			g.Summary = summary
		}
	case "generate_summary": // its older name
		if summary := d.OptText("reasoning.generate_summary", value); !g.Summary.Set() {
			g.Summary = summary
		}
	default:
		if !scan.IsNull(value) {
			d.r.Extra = append(d.r.Extra, extra(path, value))
		}
	}
}

func (d *requestDecoder) textMember(name string, value []byte) {
	switch {
	case name == "format":
		d.r.Format = d.format(value)
	case !scan.IsNull(value):
		d.r.Extra = append(d.r.Extra, extra(inText+name, value))
	}
}

func (d *requestDecoder) include(_ string, value []byte) {
	switch string(members.Unquoted(value)) {
	case encryptedContent: // every answer has it
	case includeLogprobs:
		d.r.Logprobs = llm.Some(true)
	default:
		d.r.Extra = append(d.r.Extra, extra("include", value))
	}
}

func (d *requestDecoder) format(raw []byte) llm.Format {
	var (
		kind string
		f    llm.Format
	)
	d.Object("text.format", raw, func(key string, value []byte) {
		switch key {
		case "type":
			kind = d.Text("text.format.type", value)
		case "name":
			f.Name = d.Text("text.format.name", value)
		case "description":
			f.Description = d.Text("text.format.description", value)
		case "schema":
			if !scan.IsNull(value) {
				f.Schema = members.Clone(value)
			}
		case "strict":
			f.Strict = d.Truth("text.format.strict", value)
		default:
			f.Extra = append(f.Extra, extra(key, value))
		}
	})
	switch {
	case scan.IsNull(raw):
		return llm.Format{}
	case kind == "text" && len(f.Extra) == 0:
		return llm.Format{Kind: llm.FormatText}
	case kind == "json_object" && len(f.Extra) == 0:
		return llm.Format{Kind: llm.FormatJSON}
	case kind == "json_schema":
		f.Kind = llm.FormatJSONSchema
		return f
	}
	return llm.Format{Kind: llm.FormatOpaque, Extra: llm.Extras{extra("format", raw)}}
}
