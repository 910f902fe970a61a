package simulator

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	smithydocument "github.com/aws/aws-sdk-go-v2/service/bedrockruntime/document"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"
	smithybearer "github.com/aws/smithy-go/auth/bearer"
	"github.com/google/go-cmp/cmp"
)

func bedrockWeather() *types.ToolConfiguration {
	tool := func(name string, schema map[string]any) types.Tool {
		return &types.ToolMemberToolSpec{Value: types.ToolSpecification{
			Name: aws.String(name), Description: aws.String("the " + name),
			InputSchema: &types.ToolInputSchemaMemberJson{Value: smithydocument.NewLazyDocument(schema)},
		}}
	}
	return &types.ToolConfiguration{Tools: []types.Tool{
		tool("weather", map[string]any{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}}),
		tool("clock", map[string]any{"type": "object", "additionalProperties": false}),
	}}
}

// thinkingOn lets Claude think.
func thinkingOn() smithydocument.Interface {
	return smithydocument.NewLazyDocument(map[string]any{"thinking": map[string]any{"type": "enabled", "budget_tokens": 1024}})
}

func resultsOf(m types.Message) types.Message {
	out := saysUser()
	for _, b := range m.Content {
		if call, ok := b.(*types.ContentBlockMemberToolUse); ok {
			out.Content = append(out.Content, &types.ContentBlockMemberToolResult{Value: types.ToolResultBlock{
				ToolUseId: call.Value.ToolUseId,
				Content:   []types.ToolResultContentBlock{&types.ToolResultContentBlockMemberText{Value: "it is " + *call.Value.Name}},
			}})
		}
	}
	return out
}

func TestAmazonClientCallsToolsInParallelAndReplaysThem(t *testing.T) {
	s := serveBedrock(t, Config{})
	in := converse(claudeID, "How is the weather, and when?")
	in.ToolConfig, in.AdditionalModelRequestFields = bedrockWeather(), thinkingOn()
	for _, script := range []string{`{"tools":3,"reasoning":2}`, `{"tools":3,"reasoning":2,"redacted":true}`} {
		wholeAndStreamed(t, s.amazon(script), in, func(t *testing.T, a assembled) {
			t.Helper()
			if a.stop != types.StopReasonToolUse || len(a.message.Content) != 4 {
				t.Fatalf("got %+v", a)
			}
			call := a.message.Content[1].(*types.ContentBlockMemberToolUse).Value
			var input struct{ City string }
			raw, err := call.Input.MarshalSmithyDocument()
			if err != nil || json.Unmarshal(raw, &input) != nil || input.City == "" || *call.Name != "weather" || !strings.HasPrefix(*call.ToolUseId, "tooluse_") {
				t.Errorf("%v: %+v, %+v", err, call, input)
			}
			next := converse(claudeID, "How is the weather, and when?")
			next.ToolConfig, next.AdditionalModelRequestFields = in.ToolConfig, in.AdditionalModelRequestFields
			next.Messages = append(next.Messages, a.message, resultsOf(a.message))
			out, err := s.amazon("").Converse(t.Context(), next)
			if err != nil {
				t.Fatal(err)
			}
			want := "The tool call " + *call.ToolUseId + " returned “it is weather”."
			if text := textIn(out.Output.(*types.ConverseOutputMemberMessage).Value); !strings.Contains(text, want) {
				t.Errorf("%q is not in %q", want, text)
			}
		})
	}
}

func TestBedrockVerifiesReasoningThatIsReplayed(t *testing.T) {
	s := serveBedrock(t, Config{})
	in := converse(claudeID, "How is the weather?")
	in.ToolConfig, in.AdditionalModelRequestFields = bedrockWeather(), thinkingOn()
	thought := func(m *types.Message) *types.ReasoningTextBlock {
		return &m.Content[0].(*types.ContentBlockMemberReasoningContent).Value.(*types.ReasoningContentBlockMemberReasoningText).Value
	}
	const head = "The model returned the following errors: messages.1.content.0"
	for name, c := range map[string]struct {
		change func(m *types.Message)
		want   string
	}{
		"unchanged":           {func(*types.Message) {}, ""},
		"another text":        {func(m *types.Message) { *thought(m).Text += "!" }, head + ": Invalid `signature` in `thinking` block"},
		"another signature":   {func(m *types.Message) { *thought(m).Signature = "AAAA" }, head + ": Invalid `signature` in `thinking` block"},
		"without a signature": {func(m *types.Message) { thought(m).Signature = nil }, head + ".thinking.signature: Field required"},
		"left out": {
			func(m *types.Message) { m.Content = m.Content[1:] }, head + ".type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` is enabled, " +
				"a final `assistant` message must start with a thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks). We recommend you include " + //nolint:misspell // the API spells it so
				"thinking blocks from previous turns. To avoid this requirement, disable `thinking`. " + thinkingGuide,
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := assemble(t.Context(), s.amazon(`{"tools":1,"reasoning":3}`), in)
			if a.err != nil {
				t.Fatal(a.err)
			}
			next := converse(claudeID, "How is the weather?")
			next.ToolConfig, next.AdditionalModelRequestFields = in.ToolConfig, in.AdditionalModelRequestFields
			c.change(&a.message)
			next.Messages = append(next.Messages, a.message, resultsOf(a.message))
			_, err := s.amazon("").Converse(t.Context(), next)
			if c.want == "" && err != nil {
				t.Fatal(err)
			}
			if c.want != "" {
				amazonError(t, err, "ValidationException", c.want)
			}
		})
	}
}

func TestAmazonClientIsHeardInNeutralWords(t *testing.T) {
	s := serveBedrock(t, Config{})
	png := []byte("\x89PNG\r\n\x1a\n picture")
	in := converse(claudeID, "look")
	in.System = []types.SystemContentBlock{
		&types.SystemContentBlockMemberText{Value: "be brief"},
		&types.SystemContentBlockMemberCachePoint{Value: types.CachePointBlock{Type: types.CachePointTypeDefault}},
	}
	in.Messages[0].Content = append(in.Messages[0].Content,
		&types.ContentBlockMemberImage{Value: types.ImageBlock{Format: types.ImageFormatPng, Source: &types.ImageSourceMemberBytes{Value: png}}},
		&types.ContentBlockMemberDocument{Value: types.DocumentBlock{
			Name: aws.String("a paper"), Format: types.DocumentFormatPdf, Source: &types.DocumentSourceMemberBytes{Value: png},
		}})
	in.Messages = append(in.Messages, types.Message{Role: types.ConversationRoleAssistant, Content: []types.ContentBlock{
		&types.ContentBlockMemberToolUse{Value: types.ToolUseBlock{
			Name: aws.String("weather"), ToolUseId: aws.String("call_1"), Input: smithydocument.NewLazyDocument(map[string]any{"city": "Bern"}),
		}},
	}}, saysUser(&types.ContentBlockMemberToolResult{Value: types.ToolResultBlock{
		ToolUseId: aws.String("call_1"), Status: types.ToolResultStatusError, Content: []types.ToolResultContentBlock{
			&types.ToolResultContentBlockMemberText{Value: "no such city"},
			&types.ToolResultContentBlockMemberJson{Value: smithydocument.NewLazyDocument(map[string]any{"code": 7})},
		},
	}}))
	in.ToolConfig = bedrockWeather()
	in.ToolConfig.ToolChoice = &types.ToolChoiceMemberAuto{}
	in.InferenceConfig = &types.InferenceConfiguration{MaxTokens: aws.Int32(2000), StopSequences: []string{"END"}}
	in.AdditionalModelRequestFields = thinkingOn()
	image, _ := mediaPart("image", "image/png", base64Text(png))
	file, _ := mediaPart("file", "application/pdf", base64Text(png))
	file.Name = "a paper"
	budget := int64(1024)
	want := &Heard{
		Dialect: "bedrock", Model: claudeID, System: []string{"be brief"},
		Turns: []Turn{
			{Role: "user", Parts: []HeardPart{{Kind: "text", Text: "look"}, image, file}},
			{Role: "assistant", Parts: []HeardPart{{Kind: "call", ID: "call_1", Name: "weather", Arguments: json.RawMessage(`{"city":"Bern"}`)}}},
			{Role: "user", Parts: []HeardPart{{Kind: "result", ID: "call_1", Text: "no such city\n" + `{"code":7}`, Error: true}}},
		},
		Tools: []HeardTool{
			{Name: "weather", Description: "the weather", Schema: json.RawMessage(`{"properties":{"city":{"type":"string"}},"type":"object"}`)},
			{Name: "clock", Description: "the clock", Schema: json.RawMessage(`{"additionalProperties":false,"type":"object"}`)},
		},
		Choice: "auto", MaxTokens: 2000, Stop: []string{"END"}, CacheMarks: 1, Reasoning: &HeardReasoning{Mode: "on", Budget: &budget},
	}
	// A request that says nothing of the end of a turn is thinking on: the call
	// that is replayed must then come with its thought.
	in.AdditionalModelRequestFields = nil
	want.Reasoning = nil
	wholeAndStreamed(t, s.amazon(`{"echo":true}`), in, func(t *testing.T, a assembled) {
		t.Helper()
		var echo Echo
		if err := json.Unmarshal([]byte(textIn(a.message)), &echo); err != nil {
			t.Fatal(err)
		}
		want.Stream = a.events != nil
		if diff := cmp.Diff(want, echo.Heard, cmp.Transformer("sorted", sortedJSON)); diff != "" {
			t.Error(diff)
		}
		if auth := echo.Headers.Get("Authorization"); strings.Contains(auth, pair.ID+"/") && strings.Contains(auth, "Signature=") && len(auth) > 100 && !strings.Contains(auth, "*") {
			t.Errorf("the credential is shown: %s", auth)
		}
	})
}

// sortedJSON orders the members of JSON, whose order the client throws away.
func sortedJSON(raw json.RawMessage) string {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return string(raw)
	}
	out, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(out)
}

func TestBedrockTakesSignaturesAndAPIKeys(t *testing.T) {
	temporary := AccessKey{ID: "ASIAIOSFODNN7EXAMPLE", Secret: "secret/of+a=session", Token: "FwoGZXIvYXdzE//token+with/slashes=="}
	s := serveBedrock(t, Config{Key: "bedrock-api-key-right", AccessKeys: []AccessKey{pair, temporary}})
	with := func(k AccessKey, region string) func(*bedrockruntime.Options) {
		return func(o *bedrockruntime.Options) { o.Credentials, o.Region = credentialsOf(k), region }
	}
	token := func(token string) func(*bedrockruntime.Options) {
		return func(o *bedrockruntime.Options) {
			o.BearerAuthTokenProvider = smithybearer.StaticTokenProvider{Token: smithybearer.Token{Value: token}}
			o.BaseEndpoint = aws.String("https" + strings.TrimPrefix(s.url, "http"))
			o.AuthSchemePreference = []string{"httpBearerAuth"}
		}
	}
	wrong := pair
	wrong.Secret += "!"
	untokened := temporary
	untokened.Token = ""
	for name, c := range map[string]struct {
		option        func(*bedrockruntime.Options)
		kind, message string
	}{
		"a pair":                      {with(pair, "eu-west-1"), "", ""},
		"a pair of a session":         {with(temporary, "us-gov-west-1"), "", ""},
		"an API key":                  {token("bedrock-api-key-right"), "", ""},
		"a wrong API key":             {token("bedrock-api-key-wrong"), "AccessDeniedException", "Authentication failed: Please make sure your API Key is valid."},
		"a wrong secret":              {with(wrong, "eu-west-1"), "InvalidSignatureException", "The request signature we calculated does not match"},
		"a session without its token": {with(untokened, "eu-west-1"), "UnrecognizedClientException", "The security token included in the request is invalid."},
		"an unknown pair":             {with(AccessKey{ID: "AKIA0", Secret: "x"}, "eu-west-1"), "UnrecognizedClientException", "The security token included in the request is invalid."},
		"a pair of another region":    {with(pair, "us-east-1"), "InvalidSignatureException", "Credential should be scoped to a valid region, not 'us-east-1'."},
		"nothing, where something must": {
			func(o *bedrockruntime.Options) { o.AuthSchemeResolver = anonymous{} }, "MissingAuthenticationTokenException", "Missing Authentication Token",
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, model := range []string{claudeID, "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "odd id/with spaces+plus%"} {
				_, err := s.amazon("", c.option).Converse(t.Context(), converse(model, "x"))
				var got smithy.APIError
				switch {
				case c.kind == "" && err != nil:
					t.Fatal(err)
				case c.kind != "" && (!errors.As(err, &got) || got.ErrorCode() != c.kind || !strings.HasPrefix(got.ErrorMessage(), c.message)):
					t.Errorf("got %v", err)
				}
			}
		})
	}
}
