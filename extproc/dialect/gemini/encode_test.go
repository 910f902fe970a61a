package gemini_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/gemini"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func text(s string) llm.Part { return llm.Part{Kind: llm.Text, Text: s} }

func call(id, name, args string) llm.Part {
	return llm.Part{Kind: llm.Call, Call: &llm.ToolCall{ID: id, Name: name, Args: args}}
}

func result(id string, failed bool, parts ...llm.Part) llm.Part {
	return llm.Part{Kind: llm.Result, Result: &llm.ToolResult{ID: id, Error: failed, Parts: parts}}
}

func thinking(s string, t *llm.Thought) llm.Part {
	return llm.Part{Kind: llm.Thinking, Text: s, Thought: t}
}

func said(r llm.Role, parts ...llm.Part) llm.Message { return llm.Message{Role: r, Parts: parts} }

// native is a thought of the vendor's own.
func native(signature string) *llm.Thought {
	return &llm.Thought{Signature: signature, Format: llm.FormatGemini}
}

var (
	flash25 = dialect.Target{ID: "gemini-2.5-flash"}
	flash3  = dialect.Target{ID: "gemini-3-flash-preview"}
	flash20 = dialect.Target{ID: "gemini-2.0-flash"}
)

// image is one that came inlined.
var image = llm.Part{Kind: llm.Image, Media: &llm.Media{Type: "image/png", Base64: "iVBORw0KGgo="}}

func TestAMessageOfWhichNothingIsLeftCutsNoTurnInTwo(t *testing.T) {
	unknown := llm.Part{Kind: llm.OpaquePart, Extra: llm.Extras{{Dialect: llm.Responses, Name: "item", Value: llm.Raw(`{"type":"local_shell_call_output"}`)}}}
	out, dropped, p := gemini.EncodeRequest(nil, &llm.Request{Dialect: llm.Responses, Messages: []llm.Message{
		said(llm.User, text("q")), said(llm.Assistant, text("a")), said(llm.ToolRole, unknown),
		said(llm.Assistant, call("c1", "f", "{}")), said(llm.ToolRole, result("c1", false, text("r"))), said(llm.User, text("more")),
	}}, flash25)
	const want = `{"contents":[{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":[{"text":"a"},{"functionCall":{"id":"c1","name":"f","args":{}}}]},` +
		`{"role":"user","parts":[{"functionResponse":{"id":"c1","name":"f","response":{"output":"r"}}}]},{"role":"user","parts":[{"text":"more"}]}]}`
	if p != nil || string(out) != want || !cmp.Equal(dropped, []string{"messages.2.content"}) {
		t.Errorf("got %v, dropped %q:\n%s", p, dropped, out)
	}
}

func TestMessagesOfOtherDialectsBecomeContents(t *testing.T) {
	foreign := &llm.Thought{Signature: "sig", Format: llm.FormatAnthropic}
	for _, c := range []struct {
		name     string
		target   dialect.Target
		messages []llm.Message
		want     string
		drops    string
	}{
		{
			"system messages are one instruction", flash25,
			[]llm.Message{said(llm.System, text("a")), said(llm.User, text("b")), said(llm.Developer, text("c"))},
			`{"contents":[{"role":"user","parts":[{"text":"b"}]}],"systemInstruction":{"parts":[{"text":"a"},{"text":"c"}]}}`, "",
		},
		{
			"a system message alone is said by the user", flash25,
			[]llm.Message{said(llm.System, text("a"))},
			`{"contents":[{"role":"user","parts":[{"text":"a"}]}]}`, "",
		},
		{
			"messages of one speaker are one content", flash25,
			[]llm.Message{said(llm.User, text("a")), said(llm.User, text("b")), said(llm.Assistant, text("c")), said(llm.Assistant, text(""))},
			`{"contents":[{"role":"user","parts":[{"text":"a"},{"text":"b"}]},{"role":"model","parts":[{"text":"c"}]}]}`, "",
		},
		{
			"results carry the function's name and stay together, apart from what the user says", flash25,
			[]llm.Message{said(llm.Assistant, call("t1", "a", `{"x":1}`), call("t2", "b", "")), said(llm.ToolRole, result("t1", false, text("sunny"))), said(llm.ToolRole, result("t2", true, text("broken"))), said(llm.User, text("go on"))},
			`{"contents":[{"role":"model","parts":[{"functionCall":{"id":"t1","name":"a","args":{"x":1}}},{"functionCall":{"id":"t2","name":"b","args":{}}}]},` +
				`{"role":"user","parts":[{"functionResponse":{"id":"t1","name":"a","response":{"output":"sunny"}}},{"functionResponse":{"id":"t2","name":"b","response":{"error":"broken"}}}]},{"role":"user","parts":[{"text":"go on"}]}]}`, "",
		},
		{
			"a result that is a JSON object goes as it is", flash25,
			[]llm.Message{said(llm.User, result("?", false, text(`{"t": 1}`)))},
			`{"contents":[{"role":"user","parts":[{"functionResponse":{"id":"?","name":"tool","response":{"t": 1}}}]}]}`, "",
		},
		{
			"media of results follows them before Gemini 3", flash25,
			[]llm.Message{said(llm.Assistant, call("t1", "a", ""), call("t2", "b", "")), said(llm.ToolRole, result("t1", false, image)), said(llm.ToolRole, result("t2", false, text("x")))},
			`{"contents":[{"role":"model","parts":[{"functionCall":{"id":"t1","name":"a","args":{}}},{"functionCall":{"id":"t2","name":"b","args":{}}}]},` +
				`{"role":"user","parts":[{"functionResponse":{"id":"t1","name":"a","response":{"output":""}}},{"functionResponse":{"id":"t2","name":"b","response":{"output":"x"}}},{"inlineData":{"mimeType":"image/png","data":"iVBORw0KGgo="}}]}]}`, "",
		},
		{
			"media of results lies in them since Gemini 3", flash3,
			[]llm.Message{said(llm.ToolRole, result("t1", false, text("see"), image))},
			`{"contents":[{"role":"user","parts":[{"functionResponse":{"id":"t1","name":"tool","response":{"output":"see"},"parts":[{"inlineData":{"mimeType":"image/png","data":"iVBORw0KGgo="}}]}}]}]}`, "",
		},
		{
			"another vendor's thoughts are left out and named, and the call may go without", flash3,
			[]llm.Message{said(llm.Assistant, thinking("deep", foreign), call("t1", "a", "{}"), call("t2", "a", "{}"))},
			`{"contents":[{"role":"model","parts":[{"functionCall":{"id":"t1","name":"a","args":{}},"thoughtSignature":"skip_thought_signature_validator"},{"functionCall":{"id":"t2","name":"a","args":{}}}]}]}`, "messages.0.reasoning",
		},
		{
			"a signature that came as a reasoning block goes back to its call", flash3,
			[]llm.Message{said(llm.Assistant, thinking("hm", native("S")), text("Let me see"), call("t1", "a", "{}"))},
			`{"contents":[{"role":"model","parts":[{"text":"hm","thought":true},{"text":"Let me see"},{"functionCall":{"id":"t1","name":"a","args":{}},"thoughtSignature":"S"}]}]}`, "",
		},
		{
			"a signature goes to the call it names", flash3,
			[]llm.Message{said(llm.Assistant, thinking("", &llm.Thought{ID: "t2", Encrypted: "S", Format: llm.FormatGemini}), call("t1", "a", "{}"), call("t2", "a", "{}"))},
			`{"contents":[{"role":"model","parts":[{"functionCall":{"id":"t1","name":"a","args":{}},"thoughtSignature":"skip_thought_signature_validator"},{"functionCall":{"id":"t2","name":"a","args":{}},"thoughtSignature":"S"}]}]}`, "",
		},
		{
			"a signature of no call stands on a part without text", flash25,
			[]llm.Message{said(llm.Assistant, text("Yes"), thinking("", native("S")))},
			`{"contents":[{"role":"model","parts":[{"text":"Yes"},{"text":"","thoughtSignature":"S"}]}]}`, "",
		},
		{
			"arguments that are no object are wrapped", flash25,
			[]llm.Message{said(llm.Assistant, call("1", "a", "[1]"), call("2", "b", "{bro"), llm.Part{Kind: llm.Call, Call: &llm.ToolCall{ID: "3", Name: "c", Args: "{}", Custom: true}})},
			`{"contents":[{"role":"model","parts":[{"functionCall":{"id":"1","name":"a","args":{"input":[1]}}},{"functionCall":{"id":"2","name":"b","args":{"input":"{bro"}}},{"functionCall":{"id":"3","name":"c","args":{"input":"{}"}}}]}]}`, "",
		},
		{
			"what has no words is named", flash25,
			[]llm.Message{{Role: llm.User, Name: "bob", Parts: []llm.Part{
				{Kind: llm.Text, Text: "x", Cache: llm.Raw(`{"type":"ephemeral"}`)},
				{Kind: llm.OpaquePart, Extra: llm.Extras{{Dialect: llm.OpenAI, Name: "part", Value: llm.Raw(`{}`)}}},
			}}},
			`{"contents":[{"role":"user","parts":[{"text":"x"}]}]}`, "messages.0.name messages.0.cache_control messages.0.content",
		},
		{
			"files by reference", flash25,
			[]llm.Message{said(llm.User, llm.Part{Kind: llm.File, Media: &llm.Media{FileID: "files/abc"}}, llm.Part{Kind: llm.Image, Media: &llm.Media{Base64: "/9j/AA=="}})},
			`{"contents":[{"role":"user","parts":[{"fileData":{"fileUri":"https://generativelanguage.googleapis.com/v1beta/files/abc"}},{"inlineData":{"mimeType":"image/jpeg","data":"/9j/AA=="}}]}]}`, "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, dropped, p := gemini.EncodeRequest(nil, &llm.Request{Dialect: llm.OpenAI, Messages: c.messages}, c.target)
			if p != nil {
				t.Fatal(p)
			}
			if diff := cmp.Diff(c.want, string(out)); diff != "" {
				t.Error(diff)
			}
			if got := strings.Join(dropped, " "); got != c.drops {
				t.Errorf("dropped %q, want %q", got, c.drops)
			}
		})
	}
}

func TestMediaThatNobodyFetchesIsAProblem(t *testing.T) {
	for _, m := range []*llm.Media{{URL: "https://example.com/a.png"}, {FileID: "file-123"}} {
		r := &llm.Request{Dialect: llm.OpenAI, Messages: []llm.Message{said(llm.User, llm.Part{Kind: llm.Image, Media: m})}}
		if _, _, p := gemini.EncodeRequest(nil, r, flash25); p == nil || p.Kind != llm.Unsupported || p.Param != "messages.0.content" {
			t.Errorf("%+v: problem %+v", m, p)
		}
	}
	if _, _, p := gemini.EncodeRequest(nil, &llm.Request{Embed: &llm.Embed{}}, flash25); p == nil {
		t.Error("embeddings are accepted")
	}
}

func TestReasoningIsAskedForInTheModelsOwnWay(t *testing.T) {
	effort := func(w string) llm.Reasoning { return llm.Reasoning{Effort: llm.Some(w)} }
	budget := func(n int64) llm.Reasoning { return llm.Reasoning{Budget: llm.Some(n)} }
	shown, off := `,"includeThoughts":true`, llm.Reasoning{Enabled: llm.Some(false)}
	hidden := effort("low")
	hidden.Hidden = llm.Some(true)
	for _, c := range []struct {
		id    string
		ask   llm.Reasoning
		want  string
		drops string
	}{
		{"gemini-2.5-flash", llm.Reasoning{}, ``, ""},
		{"gemini-2.5-flash", effort("low"), `"thinkingBudget":2048` + shown, ""},
		{"gemini-2.5-flash", effort("max"), `"thinkingBudget":24576` + shown, ""},
		{"gemini-2.5-pro", effort("max"), `"thinkingBudget":32768` + shown, ""},
		{"gemini-2.5-flash", effort("none"), `"thinkingBudget":0`, ""},
		{"gemini-2.5-pro", off, `"thinkingBudget":128`, "reasoning.effort"},
		{"gemini-2.5-flash", budget(-1), `"thinkingBudget":-1` + shown, ""},
		{"gemini-2.5-flash", hidden, `"thinkingBudget":2048,"includeThoughts":false`, ""},
		{"gemini-2.5-flash", effort("ultra"), `"includeThoughts":true`, "reasoning.effort"},
		{"gemini-robotics-er-1.5-preview", effort("medium"), `"thinkingBudget":8192` + shown, ""},
		{"gemini-flash-latest", effort("medium"), `"thinkingLevel":"MEDIUM"` + shown, ""},
		{"gemini-3-flash-preview", effort("minimal"), `"thinkingLevel":"MINIMAL"` + shown, ""},
		{"gemini-3-pro-preview", effort("minimal"), `"thinkingLevel":"LOW"` + shown, ""},
		{"gemini-3-pro-preview", effort("medium"), `"thinkingLevel":"HIGH"` + shown, ""},
		{"publishers/google/models/gemini-3.1-pro-preview", effort("medium"), `"thinkingLevel":"MEDIUM"` + shown, ""},
		{"gemini-3-pro-preview", effort("xhigh"), `"thinkingLevel":"HIGH"` + shown, ""},
		{"gemini-3-pro-preview", effort("none"), `"thinkingLevel":"LOW"`, "reasoning.effort"},
		{"gemini-3-pro-preview", budget(20000), `"thinkingLevel":"HIGH"` + shown, "reasoning.budget"},
		{"gemini-2.0-flash", effort("high"), ``, "reasoning"},
	} {
		r := &llm.Request{Dialect: llm.OpenAI, Messages: []llm.Message{said(llm.User, text("x"))}, Reasoning: c.ask}
		out, dropped, p := gemini.EncodeRequest(nil, r, dialect.Target{ID: c.id})
		if p != nil {
			t.Fatal(p)
		}
		want := `{"contents":[{"role":"user","parts":[{"text":"x"}]}]`
		if c.want != "" {
			want += `,"generationConfig":{"thinkingConfig":{` + strings.TrimPrefix(c.want, ",") + `}}`
		}
		if got := string(out); got != want+"}" || strings.Join(dropped, " ") != c.drops {
			t.Errorf("%s %+v: %s drops %v", c.id, c.ask, got, dropped)
		}
	}
}

func TestParametersWithoutWordsAreNamed(t *testing.T) {
	r := &llm.Request{
		Dialect: llm.OpenAI, Messages: []llm.Message{said(llm.User, text("x"))},
		Tools: []llm.Tool{
			{Name: "f", Strict: llm.Some(true), Cache: llm.Raw("{}"), Schema: llm.Raw(`{"type": "object"}`)},
			{Extra: llm.Extras{{Dialect: llm.OpenAI, Name: "tool", Value: llm.Raw("{}")}}},
		},
		ToolChoice: llm.ToolChoice{Mode: llm.ChoiceNamed, Name: "f"}, ParallelToolCalls: llm.Some(false),
		Stop: []string{"1", "2", "3", "4", "5", "6"}, N: llm.Some[int64](2), Logprobs: llm.Some(true), TopLogprobs: llm.Some[int64](3),
		User: "u", Metadata: []llm.Pair{{Name: "a", Value: "b"}},
		Extra:           llm.Extras{{Dialect: llm.OpenAI, Name: "logit_bias", Value: llm.Raw("{}")}},
		ProviderOptions: []llm.Member{{Name: "openai", Value: llm.Raw("{}")}},
	}
	out, dropped, p := gemini.EncodeRequest(nil, r, flash25)
	if p != nil {
		t.Fatal(p)
	}
	want := `{"contents":[{"role":"user","parts":[{"text":"x"}]}],"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":{"type": "object"}}]}],` +
		`"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}},` +
		`"generationConfig":{"candidateCount":2,"stopSequences":["1","2","3","4","5"],"responseLogprobs":true,"logprobs":3}}`
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Error(diff)
	}
	wantDropped := []string{
		"tools.0.strict", "tools.0.cache_control", "tools.1", "stop", "logit_bias", "user", "metadata", "parallel_tool_calls", "providerOptions.openai",
	}
	if diff := cmp.Diff(wantDropped, dropped); diff != "" {
		t.Error(diff)
	}
}

func TestReferencesOfASchemaThatMultiplyAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"$ref":"#/$defs/a0","$defs":{`)
	for i := range 40 {
		n := string(rune('0'+i/10)) + string(rune('0'+i%10))
		m := string(rune('0'+(i+1)/10)) + string(rune('0'+(i+1)%10))
		b.WriteString(`"a` + strings.TrimPrefix(n, "0") + `":{"type":"object","properties":{"x":{"$ref":"#/$defs/a` + strings.TrimPrefix(m, "0") +
			`"},"y":{"$ref":"#/$defs/a` + strings.TrimPrefix(m, "0") + `"}}},`)
	}
	b.WriteString(`"z":{"type":"string"}}}`)
	r := &llm.Request{Dialect: llm.OpenAI, Messages: []llm.Message{said(llm.User, text("x"))}, Format: llm.Format{Kind: llm.FormatJSONSchema, Schema: llm.Raw(b.String())}}
	out, dropped, p := gemini.EncodeRequest(nil, r, flash20)
	if p != nil || len(out) > 1<<20 || len(dropped) != 1 || dropped[0] != "response_format.$ref" {
		t.Errorf("%d bytes, dropped %v, problem %v", len(out), dropped, p)
	}
}

func TestAToolWithoutParametersHasNone(t *testing.T) {
	for schema, want := range map[string]string{
		`{"type":"object","properties":{}}`:                      `{"name":"f"}`,
		`{"type":"object"}`:                                      `{"name":"f"}`,
		`{"type":"object","properties":{"a":{"type":"string"}}}`: `{"name":"f","parameters":{"type":"OBJECT","properties":{"a":{"type":"STRING"}}}}`,
	} {
		out, _, p := gemini.EncodeRequest(nil, &llm.Request{
			Dialect: llm.OpenAI, Messages: []llm.Message{said(llm.User, text("q"))},
			Tools: []llm.Tool{{Name: "f", Schema: llm.Raw(schema)}},
		}, flash20)
		if p != nil || !strings.Contains(string(out), `"functionDeclarations":[`+want+`]`) {
			t.Errorf("%s: %s, %v", schema, out, p)
		}
	}
}

func TestAToolWhoseNameTheVendorRefusesIsAProblem(t *testing.T) {
	for name, fine := range map[string]bool{"f": true, "_a-1": true, "1st": false, "-a": false, "a b": false, strings.Repeat("a", 129): false} {
		_, _, p := gemini.EncodeRequest(nil, &llm.Request{
			Dialect: llm.OpenAI, Messages: []llm.Message{said(llm.User, text("q"))},
			Tools: []llm.Tool{{Name: name}},
		}, flash3)
		if fine != (p == nil) || p != nil && (p.Kind != llm.Unsupported || p.Param != "tools.0.name") {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestABudgetLeavesRoomForTheAnswerAndIsNamedIfItChanges(t *testing.T) {
	for _, c := range []struct {
		reasoning llm.Reasoning
		most      int64
		want      string
		named     bool
	}{
		{llm.Reasoning{Effort: llm.Some("high")}, 500, `"thinkingBudget":400,`, false},
		{llm.Reasoning{Budget: llm.Some[int64](60000)}, 0, `"thinkingBudget":24576,`, true},
		{llm.Reasoning{Budget: llm.Some[int64](2000)}, 0, `"thinkingBudget":2000,`, false},
	} {
		r := &llm.Request{Dialect: llm.OpenAI, Messages: []llm.Message{said(llm.User, text("q"))}, Reasoning: c.reasoning}
		if c.most > 0 {
			r.MaxTokens = llm.Some(c.most)
		}
		out, dropped, p := gemini.EncodeRequest(nil, r, flash25)
		if p != nil || !strings.Contains(string(out), c.want) || c.named != cmp.Equal(dropped, []string{"reasoning.budget"}) {
			t.Errorf("%+v: %s drops %v, %v", c.reasoning, out, dropped, p)
		}
	}
}

func TestAnEmptyStopSequenceIsLeftOut(t *testing.T) {
	for stop, want := range map[string]string{"": `"maxOutputTokens":9}`, "x": `"stopSequences":["x"]}`} {
		out, dropped, p := gemini.EncodeRequest(nil, &llm.Request{
			Dialect: llm.OpenAI, Messages: []llm.Message{said(llm.User, text("q"))}, Stop: []string{stop}, MaxTokens: llm.Some[int64](9),
		}, flash25)
		if p != nil || !strings.Contains(string(out), want) || (stop == "") != cmp.Equal(dropped, []string{"stop"}) {
			t.Errorf("%q: %s drops %v, %v", stop, out, dropped, p)
		}
	}
}
