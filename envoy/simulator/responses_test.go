package simulator

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

// staged is the script that a header carries.
func staged(script string) option.RequestOption { return option.WithHeader("X-Sim", script) }

func input(text string) responses.ResponseNewParams {
	return responses.ResponseNewParams{Model: "acme-1", Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(text)}}
}

func inputWeather() responses.ResponseNewParams {
	p := responses.ResponseNewParams{Model: "acme-1", Input: responses.ResponseNewParamsInputUnion{OfInputItemList: responses.ResponseInputParam{
		responses.ResponseInputItemParamOfMessage("How is the weather?", "user"),
	}}}
	city := map[string]any{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}}
	p.Tools = []responses.ToolUnionParam{
		{OfFunction: &responses.FunctionToolParam{Name: "weather", Parameters: city}},
		{OfFunction: &responses.FunctionToolParam{Name: "clock", Parameters: map[string]any{"type": "object", "properties": map[string]any{}}}},
	}
	return p
}

// responded runs a request plain and streamed, and wants one and the same
// response; the events of the stream must add up to it.
func responded(t *testing.T, client openai.Client, p responses.ResponseNewParams, options ...option.RequestOption) responses.Response {
	t.Helper()
	whole, err := client.Responses.New(t.Context(), p, options...)
	if err != nil {
		t.Fatal(err)
	}
	stream := client.Responses.NewStreaming(t.Context(), p, options...)
	var last responses.Response
	text, arguments, summary := map[string]string{}, map[string]string{}, ""
	opened, closed := 0, 0
	for n := int64(0); stream.Next(); n++ {
		ev := stream.Current()
		if ev.SequenceNumber != n {
			t.Errorf("event %d has number %d", n, ev.SequenceNumber)
		}
		switch ev.Type {
		case "response.output_item.added":
			opened++
		case "response.output_item.done":
			closed++
		case "response.output_text.delta":
			text[ev.ItemID] += ev.Delta
		case "response.output_text.done":
			if text[ev.ItemID] != ev.Text {
				t.Errorf("%q was said, %q is done", text[ev.ItemID], ev.Text)
			}
		case "response.function_call_arguments.delta":
			arguments[ev.ItemID] += ev.Delta
		case "response.function_call_arguments.done":
			if arguments[ev.ItemID] != "" && arguments[ev.ItemID] != ev.Arguments {
				t.Errorf("%q was streamed, %q is done", arguments[ev.ItemID], ev.Arguments)
			}
		case "response.reasoning_summary_text.delta":
			summary += ev.Delta
		case "response.completed", "response.incomplete", "response.failed":
			last = ev.Response
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole.RawJSON(), last.RawJSON()); diff != "" {
		t.Errorf("a stream ends otherwise than an answer (-answer +stream):\n%s", diff)
	}
	if opened != closed || opened != len(whole.Output) {
		t.Errorf("%d items opened, %d closed, %d in the answer", opened, closed, len(whole.Output))
	}
	for _, item := range whole.Output {
		if item.Type == "reasoning" && len(item.Summary) > 0 && item.Summary[0].Text != summary {
			t.Errorf("summary %q was streamed, %q is done", summary, item.Summary[0].Text)
		}
	}
	return *whole
}

func TestTheOfficialClientCreatesResponses(t *testing.T) {
	s := serve(t, Config{Key: "sk-right-key-000"})
	p := input("Tell me of camels")
	p.Instructions = openai.String("Be kind.")
	got := responded(t, s.official("sk-right-key-000"), p)
	want := "Hello from acme, answering as acme-1. You said: “Tell me of camels” This provider is simulated, so that is all it has to say."
	if got.OutputText() != want || got.Status != "completed" || got.Model != "acme-1" || !strings.HasPrefix(got.ID, "resp_") ||
		got.Usage.InputTokens == 0 || got.Usage.TotalTokens != got.Usage.InputTokens+got.Usage.OutputTokens || got.Instructions.OfString != "Be kind." {
		t.Errorf("got %s", got.RawJSON())
	}
}

func returned(id, text string) responses.ResponseInputItemUnionParam {
	out := responses.ResponseInputItemParamOfFunctionCallOutput(text)
	out.OfFunctionCallOutput.CallID = openai.String(id)
	return out
}

// replayed are the items of a response as the next request carries them.
func replayed(t *testing.T, r responses.Response) (items []responses.ResponseInputItemUnionParam) {
	t.Helper()
	for _, item := range r.Output {
		var param responses.ResponseInputItemUnionParam
		if err := json.Unmarshal([]byte(item.RawJSON()), &param); err != nil {
			t.Fatal(err)
		}
		items = append(items, param)
	}
	return items
}

func TestResponsesReplayReasoningAndCalls(t *testing.T) {
	s := serve(t, Config{})
	client := s.official("any")
	for _, script := range []string{
		`{"tools":3,"reasoning":5}`, `{"tools":3,"reasoning":5,"arguments":"mixed"}`, `{"tools":2,"reasoning":5,"arguments":"last","redacted":true}`,
		`{"tools":2,"reasoning":1,"arguments":"first","events":3}`,
	} {
		p := inputWeather()
		p.Reasoning = shared.ReasoningParam{Effort: "low", Summary: "auto"}
		p.Include = []responses.ResponseIncludable{"reasoning.encrypted_content"}
		p.Store = openai.Bool(false)
		first := responded(t, client, p, staged(script))
		if first.Output[0].Type != "reasoning" || first.Output[0].EncryptedContent == "" || (len(first.Output[0].Summary) == 0) != strings.Contains(script, "redacted") {
			t.Fatalf("%s: got %s", script, first.RawJSON())
		}
		ids := []string{}
		p.Input.OfInputItemList = append(p.Input.OfInputItemList, replayed(t, first)...)
		for _, item := range first.Output {
			if item.Type == "function_call" {
				ids = append(ids, item.CallID)
				p.Input.OfInputItemList = append(p.Input.OfInputItemList, returned(item.CallID, "sunny in "+item.CallID))
			}
		}
		answer := responded(t, client, p).OutputText()
		for _, id := range ids {
			if !strings.Contains(answer, id+" returned “sunny in "+id+"”") {
				t.Errorf("%s: the answer does not mention the result of %s: %s", script, id, answer)
			}
		}
	}
}

func TestReasoningThatIsNotWhatItWasIsRefused(t *testing.T) {
	s := serve(t, Config{})
	client := s.official("any")
	for name, c := range map[string]struct {
		change func(*responses.ResponseReasoningItemParam)
		code   string
		want   string
	}{
		"changed summary":   {func(r *responses.ResponseReasoningItemParam) { r.Summary[0].Text += "!" }, "invalid_encrypted_content", "could not be verified"},
		"changed content":   {func(r *responses.ResponseReasoningItemParam) { r.EncryptedContent = openai.String("gAAAAAxyz") }, "invalid_encrypted_content", "The encrypted content gAAA...Axyz could"},
		"changed id":        {func(r *responses.ResponseReasoningItemParam) { r.ID = "rs_1" }, "invalid_encrypted_content", "item_id did not match the target item id"},
		"no content":        {func(r *responses.ResponseReasoningItemParam) { r.EncryptedContent.Value = "" }, "", "Items are not persisted when `store` is set to false"},
		"id of another API": {func(r *responses.ResponseReasoningItemParam) { r.ID = "thought_1" }, "invalid_value", "Expected an ID that begins with 'rs'"},
		"as it was":         {func(*responses.ResponseReasoningItemParam) {}, "", ""},
		"no id":             {func(r *responses.ResponseReasoningItemParam) { r.ID = "" }, "", ""},
	} {
		p := inputWeather()
		p.Reasoning = shared.ReasoningParam{Summary: "auto"}
		p.Include = []responses.ResponseIncludable{"reasoning.encrypted_content"}
		p.Store = openai.Bool(false)
		first, err := client.Responses.New(t.Context(), p, staged(`{"reasoning":3,"text":"Well."}`))
		if err != nil {
			t.Fatal(err)
		}
		again := replayed(t, *first)
		c.change(again[0].OfReasoning)
		p.Input.OfInputItemList = append(p.Input.OfInputItemList, again...)
		p.Input.OfInputItemList = append(p.Input.OfInputItemList, responses.ResponseInputItemParamOfMessage("And?", "user"))
		_, err = client.Responses.New(t.Context(), p)
		var problem *openai.Error
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (!errors.As(err, &problem) || problem.Code != c.code || !strings.Contains(problem.Message, c.want)):
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

func TestResponsesFitTheirSchema(t *testing.T) {
	s := serve(t, Config{})
	p := input("Where?")
	schema := map[string]any{"type": "object", "additionalProperties": false, "properties": map[string]any{"city": map[string]any{"type": "string", "minLength": 40}}}
	p.Text.Format = responses.ResponseFormatTextConfigUnionParam{OfJSONSchema: &responses.ResponseFormatTextJSONSchemaConfigParam{Name: "place", Strict: openai.Bool(true), Schema: schema}}
	var got struct{ City string }
	text := responded(t, s.official("any"), p)
	if err := json.Unmarshal([]byte(text.OutputText()), &got); err != nil || len(got.City) < 40 {
		t.Errorf("got %s, %v", text.OutputText(), err)
	}
}

func TestResponsesEndForTheirOwnReasons(t *testing.T) {
	s := serve(t, Config{})
	client := s.official("any")
	for script, want := range map[string][2]string{
		`{"finish":"length"}`: {"incomplete", "max_output_tokens"}, `{"finish":"content_filter"}`: {"incomplete", "content_filter"},
		`{"finish":"failed"}`: {"failed", ""}, `{"silent":true}`: {"completed", ""},
		`{"usage":{"prompt_tokens":1000,"completion_tokens":20,"cached_tokens":900,"cache_write_tokens":50,"reasoning_tokens":7}}`: {"completed", ""},
	} {
		got := responded(t, client, input("x"), staged(script))
		if string(got.Status) != want[0] || got.IncompleteDetails.Reason != want[1] || (got.Error.Code == "server_error") != (want[0] == "failed") {
			t.Errorf("%s: got %s", script, got.RawJSON())
		}
		if u := got.Usage; strings.Contains(script, "usage") && (u.InputTokens != 1000 || u.OutputTokens != 20 || u.InputTokensDetails.CachedTokens != 900 ||
			u.InputTokensDetails.CacheWriteTokens != 50 || u.OutputTokensDetails.ReasoningTokens != 7 || u.TotalTokens != 1020) {
			t.Errorf("usage is %s", u.RawJSON())
		}
	}
	short := input("x")
	short.MaxOutputTokens = openai.Int(16)
	if got := responded(t, client, short); got.Status != "incomplete" || got.Usage.OutputTokens != 16 {
		t.Errorf("got %s", got.RawJSON())
	}
}

func TestTheOfficialClientNoticesWhenAResponseBreaksOff(t *testing.T) {
	s := serve(t, Config{})
	client := s.official("any")
	for text, want := range map[string]string{
		`{"malformed_mid":true}`: "in string literal", `{"close":"mid"}`: "unexpected EOF", `{"reset":"mid"}`: "reset by peer",
	} {
		stream := client.Responses.NewStreaming(t.Context(), input("x"), staged(text))
		for stream.Next() {
			continue
		}
		if err := stream.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", text, err, want)
		}
	}
	for _, text := range []string{`{"error_first":true}`, `{"error_after_role":true}`, `{"error_mid":true}`} {
		stream := client.Responses.NewStreaming(t.Context(), input("x"), staged(text))
		var last responses.ResponseStreamEventUnion
		n := int64(0)
		for ; stream.Next(); n++ {
			last = stream.Current()
		}
		if stream.Err() != nil || last.Type != "error" || last.Code != "server_overloaded" || last.SequenceNumber != n-1 {
			t.Errorf("%s: the last event is %s, %v", text, last.RawJSON(), stream.Err())
		}
	}
}

func TestResponsesRefuseWhatTheAPIRefuses(t *testing.T) {
	p := New(Config{Name: "acme", Now: noon})
	body := func(input string, extra ...string) string {
		return strings.Join(append([]string{`{"model":"m","input":` + input}, extra...), ",") + "}"
	}
	call := `{"type":"function_call","call_id":"call_1","name":"a","arguments":"{}"}`
	output := `{"type":"function_call_output","call_id":"call_1","output":"y"}`
	for _, c := range []struct{ body, want string }{
		{`{`, "could not parse the JSON"},
		{`{"input":"x"}`, "Missing required parameter: 'model'."},
		{`{"model":"m"}`, "Missing required parameter: 'input'."},
		{body(`"x"`, `"messages":[]`), "Unknown parameter: 'messages'."},
		{body(`"x"`, `"max_tokens":5`), "Unknown parameter: 'max_tokens'."},
		{body(`"x"`, `"max_output_tokens":5`), "Expected a value >= 16, but got 5 instead."},
		{body(`"x"`, `"tools":[{"type":"function","function":{"name":"a"}}]`), "Missing required parameter: 'tools[0].name'."},
		{body(`"x"`, `"previous_response_id":"resp_1"`), "Previous response with id 'resp_1' not found."},
		{body(`"x"`, `"text":{"format":{"type":"json_schema","name":"n","strict":true,"schema":{"type":"object"}}}`), "'additionalProperties' is required to be supplied and to be false"},
		{body(`"x"`, `"user":"`+strings.Repeat("u", 65)+`"`), "Invalid 'user': string too long. Expected a string with maximum length 64, but got a string with length 65"},
		{body(`[{"role":"tool","content":"x"}]`), "Invalid value: 'tool'. Supported values are"},
		{body(`[{"role":"user","content":[{"type":"text","text":"x"}]}]`), "Invalid value: 'text'. Supported values are"},
		{body(`[{"role":"assistant","content":[{"type":"input_text","text":"x"}]}]`), "Supported values are: 'output_text', 'refusal'."},
		{body(`[{"role":"user","content":[{"type":"input_image","image_url":{"url":"x"}}]}]`), "Expected a valid URL"},
		{body(`[` + call + `]`), "No tool output found for function call call_1."},
		{body(`[` + output + `]`), "No tool call found for function call output with call_id call_1."},
		{body(`[` + strings.ReplaceAll(call+","+output, "call_1", strings.Repeat("x", 65)) + `]`), "string too long. Expected a string with maximum length 64"},
		{body(`[` + strings.Replace(call, `"call_id"`, `"id":"call_1","call_id"`, 1) + `,` + output + `]`), "Expected an ID that begins with 'fc'."},
		{body(`[{"type":"reasoning","id":"rs_1","summary":[]},{"role":"user","content":"x"}]`), "was provided without its required following item."},
		{body(`[`+call+`,`+output+`]`, `"sim":{"*":{"context_length":true}}`), "Your input exceeds the context window of this model."},
		{body(`[` + call + `,` + output + `]`), `"status":"completed"`},
	} {
		if got := string(p.Body(Request{Method: http.MethodPost, Path: "/v1/responses", Body: []byte(c.body)})); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want %q in it", c.body, got, c.want)
		}
	}
}
