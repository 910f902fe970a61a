package matrix

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Case is a row of the matrix.
type Case struct {
	// name is what the case is about, in a test's name; the fault of other
	// gateways that it guards against is named in words and by its thread.
	name string
	run  func(x *exam)
	// everyday cases are run for every pair, each day.
	everyday bool
	// only, if set, says which of JSON and stream the case is about.
	only form
	// unless gives the reason why a pair has no such case; "" = it has.
	unless func(s Surface, t *Target) string
}

// form is a form of answers.
type form uint8

const (
	both form = iota
	streams
	wholes
)

// awkward is text that translations get wrong.
const awkward = "Grüße, \"Bern\"!\n\tΔ 🐪 \\ </s> data: [DONE]\u2028 {\"a\":[1]}  two spaces, end"

func saying(text, more string) string {
	quoted := encode(text)
	return `{"text":` + string(quoted) + more + `}`
}

// city has what assemblers of partial JSON lose: quotes, braces at the end and
// characters beyond ASCII (bifrost#3475).
const city = `São "Paulo" {a}}`

// weather has an enum of one value: its arguments can be foretold.
func weather() Tool {
	return Tool{"weather", "Tells the weather.", json.RawMessage(`{"type":"object","properties":{"city":{"type":"string","enum":[` + string(encode(city)) +
		`]},"days":{"type":"integer","description":"how many"}},"required":["city","days"],"additionalProperties":false}`)}
}

func clock() Tool {
	return Tool{"clock", "Tells the time.", json.RawMessage(`{"type":"object","properties":{}}`)}
}

// checkCalls wants calls of weather and clock in turn.
func (x *exam) checkCalls(o *Outcome, n int) {
	x.Helper()
	if len(o.Calls) != n {
		x.Fatalf("want %d calls, got %+v", n, o.Calls)
	}
	seen := map[string]bool{}
	for i, c := range o.Calls {
		want := []string{"weather", "clock"}[i%2]
		if c.Name != want {
			x.Errorf("call %d is of %q, want %q", i, c.Name, want)
		}
		if c.ID != "" && seen[c.ID] || c.ID == "" && x.surface != Generate {
			x.Errorf("call %d has the id %q, which is none or another's", i, c.ID)
		}
		seen[c.ID] = true
		var args struct {
			City string
			Days *int
		}
		if err := json.Unmarshal([]byte(c.Args), &args); err != nil {
			x.Errorf("call %d: %v in %q", i, err, c.Args)
		}
		if want == "weather" && (args.City != city || args.Days == nil) || want == "clock" && c.Args != "{}" {
			x.Errorf("call %d has the arguments %s", i, c.Args)
		}
	}
	x.equal("finish", "tool_calls", o.Finish)
}

func textCases() []Case {
	return []Case{
		{name: "text", everyday: true, run: func(x *exam) {
			q := Question{Turns: []Turn{x.user("Say it.", saying(awkward, ""))}}
			o := x.answer(q)
			x.equal("text", awkward, o.Text)
			x.equal("finish", "stop", o.Finish)
			x.equal("reasoning", "", o.Reasoning)
			x.checkHeard(q)
			if o.Usage.Input == nil || *o.Usage.Input == 0 || *o.Usage.Output == 0 {
				x.Errorf("usage is %s", encode(o.Usage))
			}
			x.equal("dropped", "", o.Header["x-dragoman-dropped"])
		}},
		{name: "pings, odd writes and CRLF (Portkey PR#1537)", only: streams, unless: noComments, run: func(x *exam) {
			q := Question{Turns: []Turn{x.user("Say it.", saying(awkward, `,"comments":2,"write":"odd","eol":"crlf","tokens_bytes":3`))}}
			x.equal("text", awkward, x.answer(q).Text)
		}},
		{name: "several turns and a system prompt", run: func(x *exam) {
			half := 0.5
			q := Question{System: "Be brief.\nBe kind.", MaxTokens: 777, Temperature: &half, Turns: []Turn{
				x.user("One.", ""), {Said: "Two."}, {Text: scripted("Three.", saying("Four.", ""))},
			}}
			x.equal("text", "Four.", x.answer(q).Text)
			x.checkHeard(q)
		}},
		{name: "a long answer", run: func(x *exam) {
			o := x.answer(Question{Turns: []Turn{x.user("Talk.", `{"size":300000,"tokens_bytes":2000}`)}})
			x.equal("size", 300_000, len(o.Text))
		}},
		{name: "no content is no error and no empty block (litellm#34692)", run: func(x *exam) {
			o := x.answer(Question{Turns: []Turn{x.user("Say nothing.", `{"silent":true}`)}})
			x.equal("text", "", o.Text)
			x.equal("finish", "stop", o.Finish)
		}},
		{name: "a missing end marker is supplied (litellm#37132)", only: streams, run: func(x *exam) {
			o := x.answer(Question{Turns: []Turn{x.user("Say it.", saying(awkward, `,"no_done":true`))}})
			x.equal("text", awkward, o.Text)
			x.equal("finish", "stop", o.Finish)
		}},
		{name: "same question, same bytes (bifrost#2347)", run: func(x *exam) {
			q := Question{System: "Be brief.", Turns: []Turn{x.user("Hello.", "")}}
			for _, name := range strings.Fields("zeta alpha mu beta omega gamma nu delta") {
				tool := weather()
				tool.Name = name
				q.Tools = append(q.Tools, tool)
			}
			x.answer(q)
			x.answer(q)
			x.checkHeard(q)
			all := x.requests(x.target)
			if len(all) != 2 || !bytes.Equal(all[0].Body, all[1].Body) {
				x.Errorf("%d requests, which differ", len(all))
			}
		}},
	}
}

// noComments leaves Google's SDK alone with Google's API, which sends none: the
// SDK takes a comment for a broken chunk, and the stream passes as it is.
func noComments(s Surface, t *Target) string {
	if s == Generate && t.Family == Gemini {
		return "the SDK knows no comments, and the API sends none"
	}
	return ""
}
