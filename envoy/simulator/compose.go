package simulator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/http"
	"slices"
	"strings"
	"time"
)

// quoteRunes is how much of the user's message the default answer repeats.
const quoteRunes = 60

// compose decides what the provider says to a request under a script.
func (p *Provider) compose(a *ask, s *Script, r *Request, now time.Time) *say {
	seed := a.seed ^ uint64(crc32.Checksum([]byte(p.config.Name), castagnoli))<<32
	d := dice(seed)
	out := &say{
		id:          d.name(29),
		model:       a.model,
		fingerprint: "fp_" + strings.ToLower(d.name(10)),
		created:     now.Unix(),
		reasoning:   words(s.Reasoning, d.throw()),
		wantsUsage:  a.wantsUsage,
		asked:       a,
	}
	out.calls = p.calls(a, s, &d)
	out.content = p.content(a, s, r, &d)
	_, pieces := out.content.size()
	out.finish = "stop"
	if len(out.calls) > 0 {
		out.finish = "tool_calls"
	}
	if scripted := s.Events > 0 || s.sources() > 0; a.limit > 0 && pieces > a.limit && !scripted {
		out.content = out.content.first(a.limit)
		out.finish, pieces = "length", a.limit
	}
	out.finish = cmp.Or(s.Finish, out.finish)
	if !s.NoUsage {
		out.usage = out.count(a.prompt, pieces, s.Usage)
	}
	return out
}

// content plans the prose of an answer.
func (p *Provider) content(a *ask, s *Script, r *Request, d *dice) prose {
	text := s.Text
	switch {
	case s.Silent:
		return prose{}
	case s.Echo:
		text = p.echo(r)
	case text == "" && (s.Events > 0 || s.Size > 0):
	case text == "" && (s.Tools > 0 || a.choice != ""):
		return prose{}
	case text == "":
		text = p.greeting(a)
	}
	return newProse(s, text, d.throw())
}

// greeting is the default answer: who speaks, as which model, to what.
func (p *Provider) greeting(a *ask) string {
	who := p.config.Name
	if p.config.Region != "" {
		who += " in " + p.config.Region
	}
	text := "Hello from " + who + ", answering as " + a.model + "."
	quote := strings.Join(strings.Fields(strings.ToValidUTF8(a.quote, "")), " ")
	if runes := []rune(quote); len(runes) > quoteRunes {
		quote = strings.TrimSpace(string(runes[:quoteRunes])) + "…"
	}
	if quote != "" {
		text += " You said: “" + quote + "”"
	}
	return text + " This provider is simulated, so that is all it has to say."
}

// echo is what was received, as JSON with credentials masked.
func (p *Provider) echo(r *Request) string {
	headers := http.Header{}
	for name, values := range r.Header {
		if name == "Authorization" || name == "X-Api-Key" || name == "Api-Key" {
			masked := make([]string, len(values))
			for i, v := range values {
				scheme, key, two := strings.Cut(v, " ")
				if masked[i] = mask(v); two {
					masked[i] = scheme + " " + mask(key)
				}
			}
			values = masked
		}
		headers[name] = values
	}
	text, err := json.Marshal(struct {
		Provider string          `json:"provider"`
		Method   string          `json:"method"`
		Path     string          `json:"path"`
		Host     string          `json:"host"`
		Headers  http.Header     `json:"headers"`
		Body     json.RawMessage `json:"body"`
	}{p.config.Name, r.Method, r.Path, r.Host, headers, r.Body})
	if err != nil { // the scanner lets pass what encoding/json refuses
		return err.Error()
	}
	return string(text)
}

// calls plans the tool calls that the script or the client's choice demands.
func (p *Provider) calls(a *ask, s *Script, d *dice) []call {
	n := s.Tools
	if n == 0 && a.choice != "" && !s.Silent {
		n = 1
	}
	if n == 0 {
		return nil
	}
	var tools []tool
	if a.tools != nil {
		tools = a.tools()
	}
	if i := slices.IndexFunc(tools, func(t tool) bool { return t.name == a.choice }); i >= 0 {
		tools = tools[i : i+1]
	}
	if len(tools) == 0 {
		tools = []tool{{name: "lookup", parameters: []byte(`{"properties":{"query":{"type":"string"}}}`)}}
	}
	calls := make([]call, n)
	for i := range calls {
		t := tools[i%len(tools)]
		calls[i] = call{id: "call_" + d.name(24), name: t.name, arguments: arguments(t.parameters, d)}
	}
	return calls
}

// arguments makes a JSON object that fits the properties of a schema, as far
// as their types say.
func arguments(schema []byte, d *dice) string {
	var properties []byte
	members(schema, func(name string, value []byte) bool {
		if name == "properties" {
			properties = value
		}
		return true
	})
	out := []byte{'{'}
	members(properties, func(name string, value []byte) bool {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(appendString(out, name), ':')
		out = append(out, sample(value, d)...)
		return true
	})
	return string(append(out, '}'))
}

// sample is a value of a schema's type.
func sample(schema []byte, d *dice) []byte {
	var s struct {
		Type  any
		Enum  []json.RawMessage
		Const json.RawMessage
	}
	if json.Unmarshal(schema, &s) != nil {
		return []byte("null")
	}
	switch {
	case s.Const != nil:
		return s.Const
	case len(s.Enum) > 0:
		return s.Enum[d.throw()%uint64(len(s.Enum))]
	}
	if many, ok := s.Type.([]any); ok && len(many) > 0 {
		s.Type = many[0]
	}
	switch s.Type {
	case "integer", "number":
		return fmt.Append(nil, d.throw()%100)
	case "boolean":
		return []byte("true")
	case "array":
		return []byte("[]")
	case "object":
		return []byte(arguments(schema, d))
	case "null":
		return []byte("null")
	}
	p := words(3, d.throw())
	n, _ := p.size()
	for text := range p.blocks(n) {
		return appendString(nil, strings.TrimSpace(text))
	}
	return []byte(`""`)
}

// count gives the tokens of an answer: one for each content event.
func (s *say) count(prompt int64, pieces int, u *Usage) *counts {
	_, thought := s.reasoning.size()
	c := &counts{prompt: prompt, reasoning: int64(thought), completion: int64(thought + pieces)}
	for _, call := range s.calls {
		_, n := call.fragments().size()
		c.completion += int64(n) + 1
	}
	if u == nil {
		u = &Usage{}
	}
	set := func(to *int64, v *int64) {
		if v != nil {
			*to = *v
		}
	}
	set(&c.prompt, u.Prompt)
	set(&c.completion, u.Completion)
	set(&c.cached, u.Cached)
	set(&c.reasoning, u.Reasoning)
	c.total = c.prompt + c.completion
	set(&c.total, u.Total)
	return c
}
