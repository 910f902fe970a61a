package openai

import (
	"slices"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/envelope"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// DecodeRequest reads a chat completions request into the neutral model.
// Members that it has no words for become Extra; the gateway's own (models,
// providerOptions.gateway) are left out.
func DecodeRequest(body []byte) (*llm.Request, *llm.Problem) {
	if _, p := Scan(body); p != nil {
		return nil, p
	}
	d := requestDecoder{r: &llm.Request{Dialect: llm.OpenAI}}
	d.Object("the request body", body, d.member)
	if d.Problem != nil {
		return nil, d.Problem
	}
	d.r.WantsUsage = d.r.WantsUsage && d.r.Stream
	return d.r, nil
}

type requestDecoder struct {
	fields
	r *llm.Request
}

func (d *requestDecoder) member(key string, raw []byte) {
	r := d.r
	switch key {
	case "model":
		r.Model = d.Text(key, raw)
	case "messages":
		r.Messages = nil
		d.Array(key, raw, d.message)
	case "tools":
		r.Tools = nil
		d.Array(key, raw, d.tool)
	case "tool_choice":
		r.ToolChoice = d.toolChoice(raw)
	case "parallel_tool_calls":
		r.ParallelToolCalls = d.Truth(key, raw)
	case "max_tokens", "max_completion_tokens":
		if n := d.Integer(key, raw); n.Set() {
			r.MaxTokens = n
		}
	case "stop":
		d.stop(raw)
	case "stream":
		r.Stream = d.Truth(key, raw).Or(false)
	case "stream_options":
		d.streamOptions(raw)
	case "user":
		r.User = d.Text(key, raw)
	case "metadata":
		r.Metadata = nil
		d.Object(key, raw, func(name string, value []byte) {
			r.Metadata = append(r.Metadata, llm.Pair{Name: name, Value: d.Text("metadata."+name, value)})
		})
	case "models":
	case "providerOptions":
		d.Object(key, raw, func(name string, value []byte) {
			if name != "gateway" {
				r.ProviderOptions = append(r.ProviderOptions, llm.Member{Name: name, Value: members.Clone(value)})
			}
		})
	default:
		if !d.sampling(key, raw) && !d.shape(key, raw) {
			r.Extra = append(r.Extra, extra(key, raw))
		}
	}
}

func (d *requestDecoder) sampling(key string, raw []byte) bool {
	r := d.r
	switch key {
	case "temperature":
		r.Temperature = d.Number(key, raw)
	case "top_p":
		r.TopP = d.Number(key, raw)
	case "top_k":
		r.TopK = d.Integer(key, raw)
	case "frequency_penalty":
		r.FrequencyPenalty = d.Number(key, raw)
	case "presence_penalty":
		r.PresencePenalty = d.Number(key, raw)
	case "seed":
		r.Seed = d.Integer(key, raw)
	case "n":
		r.N = d.Integer(key, raw)
	case "logprobs":
		r.Logprobs = d.Truth(key, raw)
	case "top_logprobs":
		r.TopLogprobs = d.Integer(key, raw)
	default:
		return false
	}
	return true
}

// shape reads the response format and how much to reason. Reasoning is asked
// for in four ways: reasoning_effort (OpenAI), a reasoning object (aggregators),
// a thinking object (DeepSeek, GLM, Kimi) and enable_thinking with
// thinking_budget (Qwen). All but the first are kept as Extra, too, because
// they can say more than the neutral model.
func (d *requestDecoder) shape(key string, raw []byte) bool {
	g := &d.r.Reasoning
	switch key {
	case "response_format":
		d.r.Format = d.format(raw)
	case "reasoning_effort":
		if effort := d.OptText(key, raw); !g.Effort.Set() {
			g.Effort = effort
		}
	case "reasoning", "thinking":
		d.Object(key, raw, func(name string, value []byte) {
			path := key + "." + name
			switch name {
			case "effort":
				if effort := d.OptText(path, value); effort.Set() {
					g.Effort = effort
				}
			case "max_tokens", "budget_tokens":
				g.Budget = d.Within(path, value, 0, envelope.MaxTokens)
			case "enabled":
				g.Enabled = d.Truth(path, value)
			case "type":
				switch d.Text(path, value) {
				case "enabled":
					g.Enabled = llm.Some(true)
				case "disabled":
					g.Enabled = llm.Some(false)
				}
			case "exclude":
				g.Hidden = d.Truth(path, value)
			case "summary":
				g.Summary = d.OptText(path, value)
			}
		})
		d.r.Extra = append(d.r.Extra, extra(key, raw))
	case "enable_thinking":
		if on, ok := scan.Truth(raw); ok {
			g.Enabled = llm.Some(on)
		}
		d.r.Extra = append(d.r.Extra, extra(key, raw))
	case "thinking_budget":
		if n, ok := scan.Int(raw); ok && n >= 0 && n <= envelope.MaxTokens {
			g.Budget = llm.Some(n)
		}
		d.r.Extra = append(d.r.Extra, extra(key, raw))
	default:
		return false
	}
	return true
}

func (d *requestDecoder) stop(raw []byte) {
	d.r.Stop = nil
	if scan.KindOf(raw) == scan.String {
		d.r.Stop = []string{d.Text("stop", raw)}
		return
	}
	d.Array("stop", raw, func(path string, value []byte) {
		d.r.Stop = append(d.r.Stop, d.Text(path, value))
	})
}

func (d *requestDecoder) streamOptions(raw []byte) {
	d.Object("stream_options", raw, func(name string, value []byte) {
		if name == "include_usage" {
			d.r.WantsUsage = d.Truth("stream_options.include_usage", value).Or(false)
			return
		}
		d.r.Extra = append(d.r.Extra, extra("stream_options/"+name, value))
	})
}

func (d *requestDecoder) tool(path string, raw []byte) {
	var (
		kind string
		t    llm.Tool
	)
	d.Object(path, raw, func(key string, value []byte) {
		switch key {
		case "type":
			kind = d.Text(path+".type", value)
		case "function":
			d.function(path+".function", value, &t)
		case "cache_control":
			t.Cache = cache(value)
		default:
			t.Extra = append(t.Extra, extra(key, value))
		}
	})
	if kind != "function" && kind != "" || t.Name == "" {
		t = llm.Tool{Extra: llm.Extras{extra("tool", raw)}}
	}
	d.r.Tools = append(d.r.Tools, t)
}

func (d *requestDecoder) function(path string, raw []byte, t *llm.Tool) {
	d.Object(path, raw, func(key string, value []byte) {
		switch key {
		case "name":
			t.Name = d.Text(path+".name", value)
		case "description":
			t.Description = d.Text(path+".description", value)
		case "parameters":
			if !scan.IsNull(value) {
				t.Schema = members.Clone(value)
			}
		case "strict":
			t.Strict = d.Truth(path+".strict", value)
		default:
			t.Extra = append(t.Extra, extra("function/"+key, value))
		}
	})
}

func (d *requestDecoder) toolChoice(raw []byte) llm.ToolChoice {
	opaque := llm.ToolChoice{Mode: llm.ChoiceOpaque, Extra: llm.Extras{extra("tool_choice", raw)}}
	if scan.IsNull(raw) {
		return llm.ToolChoice{}
	}
	if word, ok := scan.Text(raw); ok {
		if mode, known := ChoiceMode(word); known {
			return llm.ToolChoice{Mode: mode}
		}
		return opaque
	}
	if allowed, ok := AllowedTools(members.Find(raw, "type"), members.Find(raw, "allowed_tools"), functionName); ok {
		return allowed
	}
	named := llm.ToolChoice{Mode: llm.ChoiceNamed}
	plain := true
	d.Object("tool_choice", raw, func(key string, value []byte) {
		switch key {
		case "type":
			plain = plain && string(value) == `"function"`
		case "function":
			d.Object("tool_choice.function", value, func(key string, value []byte) {
				if key == "name" {
					named.Name = d.Text("tool_choice.function.name", value)
				}
			})
		default:
			plain = false
		}
	})
	if !plain || named.Name == "" {
		return opaque
	}
	return named
}

// AllowedTools reads a choice of the type allowed_tools: mode and tools are
// members of raw, and nameOf gives the name of an element of tools. False for
// what the neutral model cannot say, such as tools that the provider runs.
func AllowedTools(kind, raw []byte, nameOf func(tool []byte) string) (c llm.ToolChoice, ok bool) {
	if string(kind) != `"allowed_tools"` {
		return c, false
	}
	plain := true
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "mode":
			word, _ := scan.Text(w.Value())
			c.Mode, _ = ChoiceMode(word)
		case "tools":
			for ok := w.Array(); ok && w.Element(); {
				name := nameOf(w.Value())
				plain = plain && name != ""
				c.Allowed = append(c.Allowed, name)
			}
		case "type":
			w.Value()
		default:
			plain = false
		}
	}
	return c, plain && c.Allowed != nil && (c.Mode == llm.ChoiceAuto || c.Mode == llm.ChoiceRequired)
}

// functionName is the name in {"type":"function","function":{"name":…}}; "" for
// anything else.
func functionName(tool []byte) (name string) {
	w := scan.Over(tool)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "type":
			if string(w.Value()) != `"function"` {
				return ""
			}
		case "function":
			name, _ = scan.Text(only(w.Value(), "name"))
		default:
			return ""
		}
	}
	return name
}

var choiceWords = [...]string{llm.ChoiceAuto: "auto", llm.ChoiceNone: "none", llm.ChoiceRequired: "required"}

// ChoiceMode is what a word of tool_choice means in this vendor's dialects;
// false for one that is unknown.
func ChoiceMode(word string) (llm.ChoiceMode, bool) {
	at := slices.Index(choiceWords[:], word)
	return llm.ChoiceMode(max(0, at)), at >= 0 && word != ""
}

// ChoiceWord is the word for a mode that has one.
func ChoiceWord(mode llm.ChoiceMode) string { return choiceWords[mode] }

// format reads response_format; {"type":"json"} with the schema beside it is
// the older spelling of some gateways.
func (d *requestDecoder) format(raw []byte) llm.Format {
	var (
		kind string
		f    llm.Format
	)
	describe := func(path string) func(string, []byte) {
		return func(key string, value []byte) {
			switch key {
			case "name":
				f.Name = d.Text(path+".name", value)
			case "description":
				f.Description = d.Text(path+".description", value)
			case "schema":
				if !scan.IsNull(value) {
					f.Schema = members.Clone(value)
				}
			case "strict":
				f.Strict = d.Truth(path+".strict", value)
			default:
				f.Extra = append(f.Extra, extra(key, value))
			}
		}
	}
	d.Object("response_format", raw, func(key string, value []byte) {
		switch key {
		case "type":
			kind = d.Text("response_format.type", value)
		case "json_schema":
			d.Object("response_format.json_schema", value, describe("response_format.json_schema"))
		default:
			describe("response_format")(key, value)
		}
	})
	switch {
	case scan.IsNull(raw):
		return llm.Format{}
	case kind == "text" && len(f.Extra) == 0:
		return llm.Format{Kind: llm.FormatText}
	case kind == "json_object" && len(f.Extra) == 0, kind == "json" && f.Schema == nil:
		return llm.Format{Kind: llm.FormatJSON}
	case kind == "json_schema" || kind == "json":
		f.Kind = llm.FormatJSONSchema
		return f
	}
	return llm.Format{Kind: llm.FormatOpaque, Extra: llm.Extras{extra("response_format", raw)}}
}
