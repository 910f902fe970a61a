package responses_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/anthropic"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/gemini"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/responses"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// vendor is OpenAI's own API.
var vendor = dialect.Target{ID: "gpt-5.1", Genuine: true}

// foreign reads a request of another dialect.
func foreign(t *testing.T, c *dialect.Codec, body string) *llm.Request {
	t.Helper()
	r, p := c.DecodeRequest([]byte(body))
	if p != nil {
		t.Fatal(p)
	}
	return r
}

func TestWhatTheTargetCannotReadIsAProblem(t *testing.T) {
	for name, c := range map[string]struct {
		codec *dialect.Codec
		body  string
		param string
	}{
		"an image by its id at Anthropic": {
			anthropic.Codec(), `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"file","file_id":"file_1"}}]}]}`, "messages.0.content",
		},
		"a document by its id at Anthropic": {
			anthropic.Codec(), `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"document","source":{"type":"file","file_id":"file_1"}}]}]}`, "messages.0.content",
		},
		"sound": {
			openai.Codec(), `{"model":"m","messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}]}]}`, "messages.0.content",
		},
		"a film": {
			gemini.Codec(), `{"contents":[{"parts":[{"inlineData":{"mimeType":"video/mp4","data":"AAAA"}}]}]}`, "messages.0.content",
		},
		"a tool whose name OpenAI refuses": {
			gemini.Codec(), `{"contents":[{"parts":[{"text":"a"}]}],"tools":[{"functionDeclarations":[{"name":"a.b:c"}]}]}`, "tools.0.name",
		},
	} {
		_, _, p := responses.EncodeRequest(nil, foreign(t, c.codec, c.body), vendor)
		if p == nil || p.Kind != llm.Unsupported || p.Param != c.param {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestAFileOfChatCompletionsKeepsItsID(t *testing.T) {
	r := foreign(t, openai.Codec(), `{"model":"m","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}]}`)
	out, _, p := responses.EncodeRequest(nil, r, vendor)
	if p != nil || !strings.Contains(string(out), `{"type":"input_file","file_id":"file-1"}`) {
		t.Errorf("%s %v", out, p)
	}
}

func TestAnAssistantShowsNoImages(t *testing.T) {
	r := foreign(t, gemini.Codec(), `{"contents":[{"parts":[{"text":"draw"}]},{"role":"model","parts":[{"text":"here"},{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]},{"parts":[{"text":"more"}]}]}`)
	out, dropped, p := responses.EncodeRequest(nil, r, vendor)
	if p != nil || strings.Contains(string(out), "input_image") || !slices.Contains(dropped, "messages.1.content") {
		t.Errorf("%s drops %v, %v", out, dropped, p)
	}
}

func TestStrictIsOnlySaidOfSchemasThatOpenAITakes(t *testing.T) {
	const head = `{"model":"m","max_tokens":99,"messages":[{"role":"user","content":"a"}],"tools":[{"name":"f","strict":true,"input_schema":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"additionalProperties":false,"required":`
	for required, strict := range map[string]bool{`["a"]`: false, `["a","b"]`: true} {
		r := foreign(t, anthropic.Codec(), head+required+`}}]}`)
		out, dropped, p := responses.EncodeRequest(nil, r, vendor)
		if p != nil || strings.Contains(string(out), `"strict":true`) != strict || slices.Contains(dropped, "tools.0.strict") == strict {
			t.Errorf("%s: %s drops %v, %v", required, out, dropped, p)
		}
	}
}

func TestAnswersOfOtherVendorsClientsAreHeldToTheirSchema(t *testing.T) {
	r := foreign(t, anthropic.Codec(), `{"model":"m","max_tokens":99,"messages":[{"role":"user","content":"a"}],"output_config":{"format":{"type":"json_schema","schema":{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}}}}`)
	out, _, p := responses.EncodeRequest(nil, r, vendor)
	if p != nil || !strings.Contains(string(out), `"additionalProperties":false},"strict":true}`) {
		t.Errorf("%s, %v", out, p)
	}
}

func TestLongIDsOfCallsAreShortenedAlike(t *testing.T) {
	id := "toolu_" + strings.Repeat("x", 90)
	r := foreign(t, anthropic.Codec(), `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"`+id+
		`","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"`+id+`","content":"b"}]}]}`)
	out, _, p := responses.EncodeRequest(nil, r, vendor)
	if p != nil {
		t.Fatal(p)
	}
	again := decode(t, string(out))
	call, result := again.Messages[1].Parts[0].Call, again.Messages[2].Parts[0].Result
	if len(call.ID) != 64 || call.ID != result.ID {
		t.Errorf("%q, %q", call.ID, result.ID)
	}
}

func TestThinkingThatTheModelDecidesOnHasNoEffort(t *testing.T) {
	r := foreign(t, gemini.Codec(), `{"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"thinkingConfig":{"thinkingBudget":-1}}}`)
	out, dropped, p := responses.EncodeRequest(nil, r, vendor)
	if p != nil || strings.Contains(string(out), "effort") || len(dropped) > 0 {
		t.Errorf("%s drops %v, %v", out, dropped, p)
	}
}

func TestCallsWithoutArgumentsHaveAnEmptyObject(t *testing.T) {
	r := foreign(t, openai.Codec(), `{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":""}}]}]}`)
	out, _, p := responses.EncodeRequest(nil, r, vendor)
	if p != nil || !strings.Contains(string(out), `"arguments":"{}"`) {
		t.Errorf("%s, %v", out, p)
	}
}

func TestAnAnswerThatFailedMidwaySaysSo(t *testing.T) {
	events := []llm.Event{
		{Kind: llm.Start, ID: "a"},
		{Kind: llm.TextDelta, Text: "so far"},
		{Kind: llm.Finish, Reason: llm.FinishError, Name: "MALFORMED_FUNCTION_CALL"},
		{Kind: llm.UsageUpdate, Usage: &llm.Usage{Input: llm.Count(4)}},
	}
	out := string(responses.EncodeAnswer(nil, events, dialect.Reply{Generation: "g", Model: "m"}))
	for _, want := range []string{`"status":"failed"`, `"error":{"code":"server_error"`, `"input_tokens":4`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in %s", want, out)
		}
	}
}

func TestAResultOfWhichNothingIsLeftIsEmptyText(t *testing.T) {
	r := foreign(t, anthropic.Codec(), `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":[{"type":"tool_reference","tool_name":"f"}]}]}]}`)
	out, dropped, p := responses.EncodeRequest(nil, r, vendor)
	if p != nil || !strings.Contains(string(out), `"call_id":"c","output":""}`) || !slices.Contains(dropped, "messages.0.content") {
		t.Errorf("%s drops %v, %v", out, dropped, p)
	}
}

// This API pairs calls and outputs by id wherever they stand, such as when the
// user interrupts; every other one wants the output directly behind the call.
func TestOutputsComeDirectlyBehindTheirCalls(t *testing.T) {
	r := decode(t, `{"model":"m","input":[{"role":"user","content":"a"},{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},`+
		`{"type":"function_call","call_id":"c2","name":"f","arguments":"{}"},{"role":"user","content":"wait"},{"type":"function_call_output","call_id":"c2","output":"2"},`+
		`{"role":"assistant","content":"ok"},{"type":"function_call","call_id":"c3","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":"1"},`+
		`{"type":"function_call_output","call_id":"c3","output":"3"},{"type":"function_call_output","call_id":"nobody's","output":"4"},{"role":"user","content":"b"}]}`)
	var got []string
	for _, m := range r.Messages {
		for _, p := range m.Parts {
			switch {
			case p.Call != nil:
				got = append(got, p.Call.ID)
			case p.Result != nil:
				got = append(got, "of "+p.Result.ID)
			default:
				got = append(got, p.Text)
			}
		}
	}
	want := []string{"a", "c1", "c2", "of c2", "of c1", "wait", "ok", "c3", "of c3", "of nobody's", "b"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSoundIsReadAndWrittenBack(t *testing.T) {
	const body = `{"model":"m","input":[{"type":"message","role":"user","content":[{"type":"input_audio","input_audio":{"data":"AAAA","format":"mp3"}}]}],"store":false}`
	r := decode(t, body)
	want := llm.Part{Kind: llm.Audio, Media: &llm.Media{Type: "audio/mpeg", Base64: "AAAA"}}
	if diff := cmp.Diff(want, r.Messages[0].Parts[0]); diff != "" {
		t.Error(diff)
	}
	if out, dropped, p := responses.EncodeRequest(nil, r, dialect.Target{ID: "m"}); p != nil || string(out) != body || len(dropped) > 0 {
		t.Errorf("%s drops %v, %v", out, dropped, p)
	}
	odd := `{"model":"m","input":[{"type":"message","role":"user","content":[{"type":"input_audio","input_audio":{"data":"AAAA","format":"mp3","rate":8}}]}],"store":false}`
	if out, _, p := responses.EncodeRequest(nil, decode(t, odd), dialect.Target{ID: "m"}); p != nil || string(out) != odd {
		t.Errorf("%s, %v", out, p)
	}
}

func TestMessagesThatSayNothingAreLeftOut(t *testing.T) {
	for _, c := range []struct {
		codec *dialect.Codec
		body  string
	}{
		{anthropic.Codec(), `{"model":"m","max_tokens":99,"messages":[{"role":"user","content":[]},{"role":"user","content":"q"}]}`},
		{openai.Codec(), `{"model":"m","messages":[{"role":"assistant","content":""},{"role":"user","content":"q"}]}`},
	} {
		out, _, p := responses.EncodeRequest(nil, foreign(t, c.codec, c.body), vendor)
		if p != nil || !strings.Contains(string(out), `"input":[{"type":"message","role":"user","content":"q"}]`) {
			t.Errorf("%s: %s, %v", c.body, out, p)
		}
	}
}
