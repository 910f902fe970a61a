package simulator

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

const (
	withTool    = `"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object"}}}}]}`
	withThought = `"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":1024}}`
	userSays    = `{"role":"user","content":[{"text":"x"}]}`
)

// bedrockRefusals are requests to Anthropic's model with the sentences that
// refuse them.
var bedrockRefusals = []struct{ body, sentence string }{
	{`{}`, "1 validation error detected: Value null at 'messages' failed to satisfy constraint: Member must not be null"},
	{`{"messages":[]}`, "A conversation must start with a user message. Try again with a conversation that starts with a user message."},
	{`{"messages":[{"role":"assistant","content":[{"text":"x"}]}]}`, "A conversation must start with a user message. Try again with a conversation that starts with a user message."},
	{
		`{"messages":[{"role":"system","content":[{"text":"x"}]}]}`,
		"1 validation error detected: Value 'system' at 'messages.1.member.role' failed to satisfy constraint: Member must satisfy enum value set: [user, assistant]",
	},
	{
		`{"messages":[` + userSays + `,` + userSays + `]}`,
		"A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again.",
	},
	{`{"messages":[{"role":"user","content":[]}]}`, "The content field in the Message object at messages.0 is empty. Add a ContentBlock object to the content field and try again."},
	{`{"messages":[{"role":"user","content":[{"text":" "}]}]}`, "The text field in the ContentBlock object at messages.0.content.0 is blank. Add text to the text field, and try again."},
	{`{"messages":[` + userSays + `],"system":[{"text":""}]}`, "The text field in the SystemContentBlock object at system.0 is blank. Add text to the text field, and try again."},
	{`{"messages":[{"role":"user","content":[{"type":"text"}]}]}`, "The content field in the ContentBlock object at messages.0.content.0 is invalid. Set exactly one of its members and try again."},
	{
		`{"messages":[{"role":"user","content":[{"image":{"format":"jpg","source":{"bytes":"aGk="}}}]}]}`,
		"1 validation error detected: Value 'jpg' at 'messages.0.content.0.image.format' failed to satisfy constraint: Member must satisfy enum value set: [png, jpeg, gif, webp]",
	},
	{
		`{"messages":[{"role":"user","content":[{"document":{"name":"a.pdf","format":"pdf","source":{"bytes":"aGk="}}}]}]}`,
		"The file name can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, and square brackets. " +
			"The name can't contain more than one consecutive whitespace character.",
	},
	{
		`{"messages":[` + userSays + `,{"role":"assistant","content":[{"toolUse":{"toolUseId":"t","name":"f","input":{}}}]},` +
			`{"role":"user","content":[{"toolResult":{"toolUseId":"t","content":[]}}]}]}`,
		"The toolConfig field must be defined when using toolUse and toolResult content blocks.",
	},
	{
		`{"messages":[` + userSays + `,{"role":"assistant","content":[{"toolUse":{"toolUseId":"a b","name":"f","input":{}}}]}],` + withTool + `}`,
		"1 validation error detected: Value 'a b' at 'messages.1.content.0.toolUse.toolUseId' failed to satisfy constraint: " +
			"Member must satisfy regular expression pattern: [a-zA-Z0-9_.:-]+ and have length of 1 to 64",
	},
	{
		`{"messages":[` + userSays + `,{"role":"assistant","content":[{"toolUse":{"toolUseId":"t","name":"f","input":"{}"}}]}],` + withTool + `}`,
		"The format of the value at messages.1.content.0.toolUse.input is invalid. Provide a json object for the field and try again.",
	},
	{
		`{"messages":[` + userSays + `,{"role":"assistant","content":[{"toolUse":{"toolUseId":"t","name":"f","input":{}}},{"toolUse":{"toolUseId":"u","name":"f","input":{}}}]},` +
			`{"role":"user","content":[{"toolResult":{"toolUseId":"t","content":[{"text":"r"}]}}]}],` + withTool + `}`,
		"Expected toolResult blocks at messages.2.content for the following Ids: u",
	},
	{
		`{"messages":[` + userSays + `,{"role":"assistant","content":[{"text":"y"}]},{"role":"user","content":[{"toolResult":{"toolUseId":"t","content":[{"text":"r"}]}}]}],` + withTool + `}`,
		"The number of toolResult blocks at messages.2.content exceeds the number of toolUse blocks of previous turn.",
	},
	{
		`{"messages":[` + userSays + `,{"role":"assistant","content":[{"toolUse":{"toolUseId":"t","name":"f","input":{}}}]},` +
			`{"role":"user","content":[{"toolResult":{"toolUseId":"t","status":"error","content":[]}}]}],` + withTool + `}`,
		"The content field at messages.2.content.0.toolResult cannot be empty when status value is error.",
	},
	{`{"messages":[` + userSays + `],"toolConfig":{"tools":[]}}`, "1 validation error detected: Value '[]' at 'toolConfig.tools' failed to satisfy constraint: Member must have length greater than or equal to 1"},
	{
		`{"messages":[` + userSays + `],"toolConfig":{"tools":[{"toolSpec":{"name":"f","description":"","inputSchema":{"json":{"type":"object"}}}}]}}`,
		"1 validation error detected: Value '' at 'toolConfig.tools.1.member.toolSpec.description' failed to satisfy constraint: Member must have length greater than or equal to 1",
	},
	{
		`{"messages":[` + userSays + `],"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{}}}}]}}`,
		"The value at toolConfig.tools.0.toolSpec.inputSchema.json.type must be one of the following: object.",
	},
	{
		`{"messages":[` + userSays + `],"inferenceConfig":{"maxTokens":0}}`,
		"1 validation error detected: Value '0' at 'inferenceConfig.maxTokens' failed to satisfy constraint: Member must have value greater than or equal to 1",
	},
	{
		`{"messages":[` + userSays + `],"inferenceConfig":{"temperature":1.5}}`,
		"1 validation error detected: Value '1.5' at 'inferenceConfig.temperature' failed to satisfy constraint: Member must have value less than or equal to 1",
	},
	{
		`{"messages":[` + userSays + `],"additionalModelRequestFields":{"seed":1}}`,
		"Malformed input request: #: extraneous key [seed] is not permitted, please reformat your input and try again.",
	},
	{
		`{"messages":[` + userSays + `],"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":10}}}`,
		"The model returned the following errors: thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
	},
	{
		`{"messages":[` + userSays + `],"inferenceConfig":{"maxTokens":1000},` + withThought + `}`,
		"The model returned the following errors: `max_tokens` must be greater than `thinking.budget_tokens`. " + thinkingGuide + "#max-tokens-and-context-window-size",
	},
	{
		`{"messages":[` + userSays + `],"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object"}}}}],"toolChoice":{"any":{}}},` + withThought + `}`,
		"The model returned the following errors: Thinking may not be enabled when tool_choice forces tool use.",
	},
	{
		`{"messages":[` + userSays + `,{"role":"assistant","content":[{"text":"so "}]}]}`,
		"The model returned the following errors: messages: final assistant content cannot end with trailing whitespace",
	},
	{
		`{"messages":[{"role":"user","content":[{"reasoningContent":{"reasoningText":{"text":"x"}}}]}]}`,
		"User messages cannot contain reasoning content. Please remove the reasoning content and try again.",
	},
	{
		`{"messages":[{"role":"user","content":[{"text":"x"},{"cachePoint":{"type":"default"}},{"cachePoint":{"type":"default"}},{"cachePoint":{"type":"default"}},` +
			`{"cachePoint":{"type":"default"}},{"cachePoint":{"type":"default"}}]}]}`,
		"The model returned the following errors: A maximum of 4 blocks with cache_control may be provided. Found 5.",
	},
	{`{"messages":"x"}`, "STRING_VALUE can not be converted to a List"},
	{`{"messages":[{"role":"user","content":"x"}]}`, "STRING_VALUE can not be converted to a List"},
	{`{"messages":[{"role":{},"content":[]}]}`, "Start of structure or map found where not expected."},
	{`{`, "Unable to parse the request body as JSON."},
}

func TestBedrockRefusesInItsOwnSentences(t *testing.T) {
	p := New(Config{Name: "acme", Now: noon})
	for _, c := range bedrockRefusals {
		for _, operation := range []string{"converse", "converse-stream"} {
			r := Request{Method: http.MethodPost, Path: "/model/" + claudeID + "/" + operation, Body: []byte(c.body)}
			var got struct{ Message string }
			if err := json.Unmarshal(p.Body(r), &got); err != nil || got.Message != c.sentence {
				t.Errorf("%s: %v\n got %q\nwant %q", c.body, err, got.Message, c.sentence)
			}
		}
	}
}

func TestBedrockIgnoresMembersThatItDoesNotKnow(t *testing.T) {
	for _, body := range []string{
		`{"messages":[` + userSays + `],"stream":true,"top_p":7}`,
		`{"messages":[{"role":"user","name":"n","content":[{"text":"x","type":"text"}]}]}`,
	} {
		if _, err := Hear(Request{Path: "/model/" + claudeID + "/converse", Body: []byte(body)}); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestModelsThatDoNotSignRefuseSignatures(t *testing.T) {
	body := func(block string) []byte {
		return []byte(`{"messages":[` + userSays + `,{"role":"assistant","content":[{"reasoningContent":` + block + `},{"text":"y"}]},{"role":"user","content":[{"text":"z"}]}]}`)
	}
	for block, sentence := range map[string]string{
		`{"reasoningText":{"text":"t"}}`: "",
		`{"reasoningText":{"text":"t","signature":"s"}}`: "This model doesn't support the reasoningContent.reasoningText.signature field. " +
			"Remove reasoningContent.reasoningText.signature and try again.",
		`{"redactedContent":"aGk="}`: "This model doesn't support the reasoningContent.redactedContent field. Remove reasoningContent.redactedContent and try again.",
	} {
		_, err := Hear(Request{Path: "/model/openai.gpt-oss-120b-1%3A0/converse", Body: body(block)})
		if sentence == "" && err != nil || sentence != "" && (err == nil || !strings.Contains(err.Error(), sentence)) {
			t.Errorf("%s: %v", block, err)
		}
	}
}

func TestClaudesThoughtsAreGoodOnBedrockAndAtAnthropic(t *testing.T) {
	p := New(Config{Name: "acme", Now: noon})
	for _, redacted := range []string{"false", "true"} {
		var answer struct {
			Content []struct{ Type, Thinking, Signature, Data string }
		}
		said := p.Body(Request{Path: "/v1/messages", Header: http.Header{"Anthropic-Version": {"2023-06-01"}}, Body: []byte(
			`{"model":"claude-sonnet-4-5","max_tokens":9,"messages":[` + `{"role":"user","content":"x"}],"sim":{"*":{"reasoning":3,"redacted":` + redacted + `}}}`)})
		if err := json.Unmarshal(said, &answer); err != nil {
			t.Fatal(err)
		}
		thought := answer.Content[0]
		block := `{"reasoningText":{"text":` + quote(thought.Thinking) + `,"signature":` + quote(thought.Signature) + `}}`
		if redacted == "true" {
			block = `{"redactedContent":` + quote(base64Text([]byte(thought.Data))) + `}`
		}
		replay := []byte(`{"messages":[` + userSays + `,{"role":"assistant","content":[{"reasoningContent":` + block + `},{"text":"y"}]},{"role":"user","content":[{"text":"z"}]}]}`)
		h, err := Hear(Request{Path: "/model/" + claudeID + "/converse", Body: replay})
		if err != nil {
			t.Fatal(err)
		}
		if part := h.Turns[1].Parts[0]; part.Text != thought.Thinking || part.Signature != thought.Signature+thought.Data {
			t.Errorf("heard %+v of %+v", part, thought)
		}
	}
}

// FuzzConverse feeds the reader what it may get; it must refuse or hear, never
// panic.
func FuzzConverse(f *testing.F) {
	for _, c := range bedrockRefusals {
		f.Add(c.body, claudeID)
	}
	f.Add(bedrockBody("x"), novaID)
	f.Add(`{"inputText":"x"}`, "amazon.titan-embed-text-v2:0")
	f.Fuzz(func(t *testing.T, body, model string) {
		for _, operation := range []string{"converse", "count-tokens", "invoke"} {
			h, err := Hear(Request{Path: "/model/" + encodeURI(model) + "/" + operation, Body: []byte(body)})
			if (h == nil) == (err == nil) {
				t.Errorf("heard %v, %v", h, err)
			}
		}
	})
}
