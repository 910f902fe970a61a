package anthropic

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/envelope"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// DecodeRequest reads a Messages request into the neutral model. Members that
// it has no words for become Extra; the gateway's own (models,
// providerOptions.gateway) are left out.
func DecodeRequest(body []byte) (*llm.Request, *llm.Problem) {
	if _, p := Scan(body); p != nil {
		return nil, p
	}
	d := requestDecoder{fields: fields{members.Fields{Dots: true}}, r: &llm.Request{Dialect: llm.Anthropic}}
	d.Object("the request body", body, d.member)
	if d.Problem != nil {
		return nil, d.Problem
	}
	d.finish()
	return d.r, nil
}

type requestDecoder struct {
	fields
	r      *llm.Request
	system []llm.Part
	effort llm.Opt[string]
}

// finish puts together what may stand in any order.
func (d *requestDecoder) finish() {
	r := d.r
	if len(d.system) > 0 {
		r.Messages = append([]llm.Message{{Role: llm.System, Parts: d.system}}, r.Messages...)
	}
	if word, ok := d.effort.Get(); ok {
		if r.Reasoning.Off() || word == "none" {
			// Without thinking the effort only concerns how much is written.
			r.Extra = append(r.Extra, llm.Extra{
				Dialect: llm.Anthropic, Name: inOutputConfig + "effort", Value: scan.AppendQuoted(nil, word),
			})
		} else {
			r.Reasoning.Effort = d.effort
		}
	}
	r.WantsUsage = r.Stream // streams of this dialect always carry it
}

func (d *requestDecoder) member(key string, raw []byte) {
	r := d.r
	switch key {
	case "model":
		r.Model = d.Text(key, raw)
	case "system":
		d.system = d.blocks(key, raw)
	case "messages":
		r.Messages = nil
		d.Array(key, raw, d.message)
	case "tools":
		r.Tools = nil
		d.Array(key, raw, d.tool)
	case "tool_choice":
		d.toolChoice(raw)
	case "stream":
		r.Stream = d.Truth(key, raw).Or(false)
	case "metadata":
		d.Object(key, raw, func(name string, value []byte) {
			if name == "user_id" {
				r.User = d.Text("metadata.user_id", value)
				return
			}
			r.Extra = append(r.Extra, extra(inMetadata+name, value))
		})
	case "models", "anthropic_version":
	case "providerOptions":
		d.Object(key, raw, func(name string, value []byte) {
			if name != "gateway" {
				r.ProviderOptions = append(r.ProviderOptions, llm.Member{Name: name, Value: members.Clone(value)})
			}
		})
	default:
		if !d.sampling(key, raw) && !d.shape(key, raw) && !scan.IsNull(raw) {
			d.unknown(key, raw)
		}
	}
}

// unknown keeps a member. One that is named like a place within another
// (object.go) could not be told from what lies there; the API has none such.
func (d *requestDecoder) unknown(key string, raw []byte) {
	x := extra(key, raw)
	if _, ok := places.Lies(&x, ""); !ok && d.Problem == nil {
		d.Problem = dialect.Invalid(key, "unknown member "+key)
	}
	d.r.Extra = append(d.r.Extra, x)
}

func (d *requestDecoder) sampling(key string, raw []byte) bool {
	r := d.r
	switch key {
	case "max_tokens":
		r.MaxTokens = d.Integer(key, raw)
	case "temperature":
		r.Temperature = d.Number(key, raw)
	case "top_p":
		r.TopP = d.Number(key, raw)
	case "top_k":
		r.TopK = d.Integer(key, raw)
	case "stop_sequences":
		r.Stop = nil
		d.Array(key, raw, func(path string, value []byte) { r.Stop = append(r.Stop, d.Text(path, value)) })
	default:
		return false
	}
	return true
}

// shape reads how much to think and the form of the answer. output_format is
// the name that output_config.format had in its beta.
func (d *requestDecoder) shape(key string, raw []byte) bool {
	switch key {
	case "thinking":
		d.thinking(raw)
	case "output_format":
		d.format(key, raw)
	case "output_config":
		d.Object(key, raw, func(name string, value []byte) {
			switch name {
			case "effort":
				d.effort = d.OptText("output_config.effort", value)
			case "format":
				d.format("output_config.format", value)
			default:
				d.r.Extra = append(d.r.Extra, extra(inOutputConfig+name, value))
			}
		})
	default:
		return false
	}
	return true
}

// thinking reads {"type":"enabled","budget_tokens":N}, which becomes a budget,
// "adaptive", which is reasoning switched on without an amount, and "disabled".
// Kinds unknown here stay whole.
func (d *requestDecoder) thinking(raw []byte) {
	var (
		g     llm.Reasoning
		more  llm.Extras
		kind  string
		known = true
	)
	d.Object("thinking", raw, func(name string, value []byte) {
		path := "thinking." + name
		switch name {
		case "type":
			kind = d.Text(path, value)
		case "budget_tokens":
			g.Budget = d.Within(path, value, 0, envelope.MaxTokens)
		case "display":
			switch word := d.Text(path, value); word {
			case "omitted", "summarized":
				g.Hidden = llm.Some(word == "omitted")
			default:
				more = append(more, extra(inThinking+name, value))
			}
		default:
			more = append(more, extra(inThinking+name, value))
		}
	})
	switch kind {
	case "enabled":
		if n, told := g.Budget.Get(); !told {
			g.Enabled = llm.Some(true)
		} else {
			known = n > 0
		}
	case "adaptive":
		g.Budget, g.Enabled = llm.Opt[int64]{}, llm.Some(true)
	case "disabled":
		g = llm.Reasoning{Enabled: llm.Some(false)}
	default:
		known = kind == "" && scan.IsNull(raw)
	}
	if !known {
		d.r.Extra = append(d.r.Extra, extra("thinking", raw))
		return
	}
	d.r.Reasoning = g
	d.r.Extra = append(d.r.Extra, more...)
}

func (d *requestDecoder) format(path string, raw []byte) {
	if scan.IsNull(raw) {
		return
	}
	f := llm.Format{Kind: llm.FormatJSONSchema}
	plain := false
	d.Object(path, raw, func(name string, value []byte) {
		switch name {
		case "type":
			plain = string(value) == `"json_schema"`
		case "schema":
			if !scan.IsNull(value) {
				f.Schema = members.Clone(value)
			}
		default:
			f.Extra = append(f.Extra, extra(name, value))
		}
	})
	if !plain || f.Schema == nil {
		f = llm.Format{Kind: llm.FormatOpaque, Extra: llm.Extras{extra(wholeFormat, raw)}}
	}
	d.r.Format = f
}

// tool reads a tool of the client's. Tools with a type of their own are run or
// defined by Anthropic and stay whole.
func (d *requestDecoder) tool(path string, raw []byte) {
	var (
		kind string
		t    llm.Tool
	)
	d.Object(path, raw, func(key string, value []byte) {
		switch key {
		case "type":
			kind = d.Text(path+".type", value)
		case "name":
			t.Name = d.Text(path+".name", value)
		case "description":
			t.Description = d.Text(path+".description", value)
		case "input_schema":
			if !scan.IsNull(value) {
				t.Schema = members.Clone(value)
			}
		case "strict":
			t.Strict = d.Truth(path+".strict", value)
		case "cache_control":
			t.Cache = cache(value)
		default:
			t.Extra = append(t.Extra, extra(key, value))
		}
	})
	if kind != "custom" && kind != "" || t.Name == "" {
		t = llm.Tool{Extra: llm.Extras{extra(wholeTool, raw)}}
	}
	d.r.Tools = append(d.r.Tools, t)
}

func (d *requestDecoder) toolChoice(raw []byte) {
	if scan.IsNull(raw) {
		return
	}
	var (
		c        llm.ToolChoice
		kind     string
		parallel llm.Opt[bool]
		plain    = true
	)
	d.Object("tool_choice", raw, func(key string, value []byte) {
		switch key {
		case "type":
			kind = d.Text("tool_choice.type", value)
		case "name":
			c.Name = d.Text("tool_choice.name", value)
		case "disable_parallel_tool_use":
			if off, ok := d.Truth("tool_choice.disable_parallel_tool_use", value).Get(); ok {
				parallel = llm.Some(!off)
			}
		default:
			plain = false
		}
	})
	for mode, word := range choiceWords {
		if word == kind && word != "" {
			c.Mode = llm.ChoiceMode(mode)
		}
	}
	switch named := c.Mode == llm.ChoiceNamed; {
	case !plain, c.Mode == llm.ChoiceUnset, named != (c.Name != ""), c.Mode == llm.ChoiceNone && parallel.Set():
		c = llm.ToolChoice{Mode: llm.ChoiceOpaque, Extra: llm.Extras{extra(wholeChoice, raw)}}
	default:
		d.r.ParallelToolCalls = parallel
	}
	d.r.ToolChoice = c
}

var choiceWords = [...]string{
	llm.ChoiceAuto: "auto", llm.ChoiceNone: "none", llm.ChoiceRequired: "any", llm.ChoiceNamed: "tool",
}

func cache(raw []byte) llm.Raw {
	if scan.IsNull(raw) {
		return nil
	}
	return members.Clone(raw)
}
