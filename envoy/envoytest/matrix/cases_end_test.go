package matrix

import "strings"

func endCases() []Case {
	cases := []Case{
		{name: "the output limit ends an answer (bifrost#4679)", run: func(x *exam) {
			q := Question{MaxTokens: 16, Turns: []Turn{x.user("Talk.", "")}}
			o := x.answer(q)
			x.equal("finish", "length", o.Finish)
			if !strings.HasPrefix(o.Text, "Hello from "+x.target.Name) {
				x.Errorf("text is %q", o.Text)
			}
			x.checkHeard(q)
		}},
		{name: "a stop sequence ends an answer", unless: noStop, run: func(x *exam) {
			q := Question{Stop: []string{"never said", " answering"}, Turns: []Turn{x.user("Talk.", "")}}
			o := x.answer(q)
			x.equal("finish", "stop", o.Finish)
			h := x.heard()
			if lacks(x.target, "stop") != "" {
				if !o.dropped("stop", "stop_sequences", "stopSequences") || len(h.Stop) > 0 {
					x.Errorf("dropped is %q", o.Header["x-dragoman-dropped"])
				}
				return
			}
			x.equal("stop sequences", q.Stop, h.Stop)
			x.equal("text", "Hello from "+x.target.Name+",", o.Text)
		}},
		{name: "a prompt that is refused", run: func(x *exam) {
			o := x.ask(Question{Turns: []Turn{x.user("Say something bad.", `{"refusal":"content_filter"}`)}})
			refused := o.Problem != nil && o.Problem.Status == 400
			if !refused && (o.Problem != nil || o.Finish != "content_filter") {
				x.Errorf("got %s", encode(o))
			}
		}},
		{name: "usage", run: usage},
	}
	for _, word := range []string{"length", "content_filter"} {
		cases = append(cases, Case{name: "finish " + word + " (bifrost#6782)", run: func(x *exam) {
			o := x.answer(Question{Turns: []Turn{x.user("Say it.", saying(awkward, `,"finish":"`+word+`"`))}})
			x.equal("finish", word, o.Finish)
			x.equal("text", awkward, o.Text)
		}})
	}
	return append(cases, Case{name: "truncated calls end with length (bifrost#6782)", run: func(x *exam) {
		o := x.answer(Question{Tools: []Tool{weather()}, Turns: []Turn{x.user("Say it.", `{"tools":1,"finish":"length"}`)}})
		x.equal("finish", "length", o.Finish)
	}})
}

func noStop(s Surface, _ *Target) string {
	if s == Responses {
		return "the Responses API has no stop sequences"
	}
	return ""
}

// counted are the classes of tokens that vendors tell beside input and output.
var counted = map[Family]struct{ cached, written, reasoning bool }{
	OpenAI:    {cached: true, written: true, reasoning: true},
	Responded: {cached: true, written: true, reasoning: true},
	Anthropic: {cached: true, written: true, reasoning: true},
	Gemini:    {cached: true, reasoning: true},
	Bedrock:   {cached: true, written: true},
}

// usage has counts that tell apart who counts what beside what (litellm#31069,
// ai-gateway#2290, tensorzero#5746).
func usage(x *exam) {
	const script = `,"usage":{"prompt_tokens":1000,"cached_tokens":600,"cache_write_tokens":100,"completion_tokens":50,"reasoning_tokens":20}`
	o := x.answer(Question{Turns: []Turn{x.user("Say it.", saying("Said.", script))}})
	known := counted[x.target.Family]
	x.equalCount("input", 1000, o.Usage.Input)
	x.equalCount("output", 50, o.Usage.Output)
	x.equalCount("cached", told(known.cached, 600), o.Usage.Cached)
	x.equalCount("reasoning", told(known.reasoning, 20), o.Usage.Reasoning)
	if x.surface != Generate { // Google's API has no word for it
		x.equalCount("written", told(known.written, 100), o.Usage.Written)
	}
	if x.surface == Messages && x.stream && x.target.Family == Anthropic {
		if o.First == nil {
			x.Fatal("a stream begins without usage")
		}
		x.equalCount("input at the start", 1000, o.First.Input)
		x.equalCount("cached at the start", 600, o.First.Cached)
		x.equalCount("written at the start", 100, o.First.Written)
	}
}

// told is a count where the vendor tells it.
func told(known bool, n int64) int64 {
	if !known {
		return 0
	}
	return n
}

// equalCount compares a count, of which nothing and zero are the same.
func (x *exam) equalCount(what string, want int64, got *int64) {
	x.Helper()
	if got == nil {
		got = new(int64)
	}
	if *got != want {
		x.Errorf("%s: %d tokens, want %d", what, *got, want)
	}
}
