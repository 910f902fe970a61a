package simulator

import (
	"cmp"
	"encoding/json"
	"hash/crc32"
	"net/http"
	"slices"
	"strings"
	"time"
)

// quoteRunes is how much of the user's message the default answer repeats.
const quoteRunes = 60

// resultRunes is how much of a tool's result it repeats.
const resultRunes = 200

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
		redacted:    s.Redacted,
		wantsUsage:  a.wantsUsage,
		asked:       a,
	}
	out.calls = p.calls(a, s, &d)
	out.content = p.content(a, s, r, &d)
	if !s.Echo { // which has the sequences in it
		out.content, out.stopped = out.content.until(a.stops)
	}
	_, pieces := out.content.size()
	out.finish = "stop"
	if len(out.calls) > 0 {
		out.finish = "tool_calls"
	}
	if scripted := s.Events > 0 || s.sources() > 0; a.limit > 0 && pieces > a.limit && !scripted {
		out.content = out.content.first(a.limit)
		out.finish, pieces = "length", a.limit
	}
	if s.Refusal != "" { // in a dialect that answers so
		out.blocked, out.finish, out.content, out.calls, pieces = s.Refusal, "content_filter", prose{}, nil, 0
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
		text = p.echo(a, r)
	case text == "" && (s.Events > 0 || s.Size > 0):
	case text == "" && (s.Tools > 0 || a.choice != ""):
		return prose{}
	case text == "" && a.schema != nil:
		text = fitted(a.schema, d)
	case text == "" && a.wantsJSON:
		text = string(append(appendString([]byte(`{"answer":`), p.greeting(a)), '}'))
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
	var text strings.Builder
	text.WriteString("Hello from " + who + ", answering as " + a.model + ".")
	if quote := quoted(a.quote, quoteRunes); quote != "" {
		text.WriteString(" You said: “" + quote + "”")
	}
	for _, r := range a.results {
		text.WriteString(" The tool call " + r.id + " returned “" + quoted(r.text, resultRunes) + "”.")
	}
	text.WriteString(" This provider is simulated, so that is all it has to say.")
	return text.String()
}

// quoted is the beginning of a text on one line, without its marker.
func quoted(text string, most int) string {
	quote := strings.Join(strings.Fields(strings.ToValidUTF8(unmarked(text), "")), " ")
	if runes := []rune(quote); len(runes) > most {
		quote = strings.TrimSpace(string(runes[:most])) + "…"
	}
	return quote
}

// credentials are the headers that Echo masks.
var credentials = []string{"Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key", "X-Amz-Security-Token"}

// echo is what was received, as JSON with credentials masked.
func (p *Provider) echo(a *ask, r *Request) string {
	headers := http.Header{}
	for name, values := range r.Header {
		if slices.Contains(credentials, name) {
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
	text, err := json.Marshal(Echo{p.config.Name, r.Method, maskQuery(r.Path), r.Host, headers, r.Body, a.hear()})
	if err != nil { // the scanner lets pass what encoding/json refuses
		return err.Error()
	}
	return string(text)
}

// maskQuery masks the key that Google's APIs take in the query.
func maskQuery(path string) string {
	path, query, _ := strings.Cut(path, "?")
	if query == "" {
		return path
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		if key, found := strings.CutPrefix(pair, "key="); found {
			pairs[i] = "key=" + mask(key)
		}
	}
	return path + "?" + strings.Join(pairs, "&")
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
		calls[i] = call{id: "call_" + d.name(24), name: t.name, arguments: arguments(t.parameters, d), shape: s.Arguments}
		if s.Arguments == argumentsEmpty {
			calls[i].arguments = ""
		}
	}
	return calls
}

// count gives the tokens of an answer: one for each content event.
func (s *say) count(prompt int64, pieces int, u *Usage) *counts {
	_, thought := s.reasoning.size()
	c := &counts{prompt: prompt, reasoning: int64(thought), completion: int64(thought + pieces)}
	for _, call := range s.calls {
		_, n := call.tokens().size()
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
	set(&c.written, u.Written)
	set(&c.reasoning, u.Reasoning)
	c.total = c.prompt + c.completion
	set(&c.total, u.Total)
	return c
}
