package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	smithydocument "github.com/aws/aws-sdk-go-v2/service/bedrockruntime/document"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"
	smithyauth "github.com/aws/smithy-go/auth"
	"github.com/google/go-cmp/cmp"
)

const (
	claudeID = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
	novaID   = "amazon.nova-pro-v1:0"
)

// pair is what the provider under test takes.
var pair = AccessKey{ID: "AKIAIOSFODNN7EXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", Region: "eu-west-1"}

func credentialsOf(k AccessKey) aws.CredentialsProviderFunc {
	return func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: k.ID, SecretAccessKey: string(k.Secret), SessionToken: string(k.Token)}, nil
	}
}

// sends adds a script to requests, behind the signature's back.
type sends struct {
	next   http.RoundTripper
	script string
}

func (s sends) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	// The client sends bearer tokens to hosts of TLS only.
	r.URL.Scheme = "http"
	// The client closes its body as soon as an answer begins, which may be
	// before the transport has seen the body's end.
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if err := r.Body.Close(); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	if s.script != "" {
		r.Header.Set(scriptHeader, s.script)
	}
	return s.next.RoundTrip(r)
}

// anonymous signs nothing.
type anonymous struct{}

func (anonymous) ResolveAuthSchemes(context.Context, *bedrockruntime.AuthResolverParameters) ([]*smithyauth.Option, error) {
	return []*smithyauth.Option{{SchemeID: smithyauth.SchemeIDAnonymous}}, nil
}

// amazon is Amazon's own client, without its retries. What it signs is of now.
func (s *stage) amazon(script string, options ...func(*bedrockruntime.Options)) *bedrockruntime.Client {
	o := bedrockruntime.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(s.url), Credentials: credentialsOf(pair), RetryMaxAttempts: 1,
		HTTPClient: &http.Client{Transport: sends{s.http1.Transport, script}}, AuthSchemePreference: []string{"sigv4"},
	}
	for _, option := range options {
		option(&o)
	}
	return bedrockruntime.New(o)
}

func serveBedrock(t *testing.T, c Config) *stage {
	t.Helper()
	if c.AccessKeys == nil {
		c.AccessKeys = []AccessKey{pair}
	}
	c.Now = time.Now
	return serve(t, c)
}

func saysUser(blocks ...types.ContentBlock) types.Message {
	return types.Message{Role: types.ConversationRoleUser, Content: blocks}
}

func asText(text string) types.ContentBlock { return &types.ContentBlockMemberText{Value: text} }

func converse(model, text string) *bedrockruntime.ConverseInput {
	return &bedrockruntime.ConverseInput{ModelId: aws.String(model), Messages: []types.Message{saysUser(asText(text))}}
}

// streaming gives the same request as a stream.
func asStream(in *bedrockruntime.ConverseInput) *bedrockruntime.ConverseStreamInput {
	return &bedrockruntime.ConverseStreamInput{
		ModelId: in.ModelId, Messages: in.Messages, System: in.System, ToolConfig: in.ToolConfig, InferenceConfig: in.InferenceConfig,
		AdditionalModelRequestFields: in.AdditionalModelRequestFields, OutputConfig: in.OutputConfig,
	}
}

// assembled is a stream of Amazon's client put together.
type assembled struct {
	message types.Message
	stop    types.StopReason
	usage   *types.TokenUsage
	events  []string
	err     error
}

func assemble(ctx context.Context, client *bedrockruntime.Client, in *bedrockruntime.ConverseInput) (a assembled) {
	out, err := client.ConverseStream(ctx, asStream(in))
	if err != nil {
		a.err = err
		return a
	}
	stream := out.GetStream()
	defer func() { _ = stream.Close() }()
	var open blockInProgress
	for ev := range stream.Events() {
		switch v := ev.(type) {
		case *types.ConverseStreamOutputMemberMessageStart:
			a.message.Role = v.Value.Role
			a.events = append(a.events, "start")
		case *types.ConverseStreamOutputMemberContentBlockStart:
			open.tool = &v.Value.Start.(*types.ContentBlockStartMemberToolUse).Value
			a.events = append(a.events, "open")
		case *types.ConverseStreamOutputMemberContentBlockDelta:
			open.add(v.Value.Delta)
			a.events = append(a.events, "delta")
		case *types.ConverseStreamOutputMemberContentBlockStop:
			a.message.Content = append(a.message.Content, open.close())
			open = blockInProgress{}
			a.events = append(a.events, "close")
		case *types.ConverseStreamOutputMemberMessageStop:
			a.stop = v.Value.StopReason
			a.events = append(a.events, "stop")
		case *types.ConverseStreamOutputMemberMetadata:
			a.usage = v.Value.Usage
			a.events = append(a.events, "metadata")
		}
	}
	a.err = stream.Err()
	return a
}

type blockInProgress struct {
	tool                            *types.ToolUseBlockStart
	text, thought, signature, input string
	redacted                        []byte
}

func (b *blockInProgress) add(delta types.ContentBlockDelta) {
	switch d := delta.(type) {
	case *types.ContentBlockDeltaMemberText:
		b.text += d.Value
	case *types.ContentBlockDeltaMemberToolUse:
		b.input += *d.Value.Input
	case *types.ContentBlockDeltaMemberReasoningContent:
		switch r := d.Value.(type) {
		case *types.ReasoningContentBlockDeltaMemberText:
			b.thought += r.Value
		case *types.ReasoningContentBlockDeltaMemberSignature:
			b.signature += r.Value
		case *types.ReasoningContentBlockDeltaMemberRedactedContent:
			b.redacted = append(b.redacted, r.Value...)
		}
	}
}

func (b *blockInProgress) close() types.ContentBlock {
	switch {
	case b.tool != nil:
		var input any
		if json.Unmarshal([]byte(b.input), &input) != nil {
			input = map[string]any{}
		}
		return &types.ContentBlockMemberToolUse{Value: types.ToolUseBlock{Name: b.tool.Name, ToolUseId: b.tool.ToolUseId, Input: smithydocument.NewLazyDocument(input)}}
	case b.redacted != nil:
		return &types.ContentBlockMemberReasoningContent{Value: &types.ReasoningContentBlockMemberRedactedContent{Value: b.redacted}}
	case b.thought != "" || b.signature != "":
		block := types.ReasoningTextBlock{Text: aws.String(b.thought)}
		if b.signature != "" {
			block.Signature = aws.String(b.signature)
		}
		return &types.ContentBlockMemberReasoningContent{Value: &types.ReasoningContentBlockMemberReasoningText{Value: block}}
	}
	return asText(b.text)
}

// wholeAndStreamed runs a test on both ways to get the same answer.
func wholeAndStreamed(t *testing.T, client *bedrockruntime.Client, in *bedrockruntime.ConverseInput, test func(t *testing.T, a assembled)) {
	t.Helper()
	t.Run("whole", func(t *testing.T) {
		out, err := client.Converse(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		test(t, assembled{message: out.Output.(*types.ConverseOutputMemberMessage).Value, stop: out.StopReason, usage: out.Usage})
	})
	t.Run("streamed", func(t *testing.T) {
		a := assemble(t.Context(), client, in)
		if a.err != nil {
			t.Fatal(a.err)
		}
		test(t, a)
	})
}

func textIn(m types.Message) (text string) {
	for _, b := range m.Content {
		if v, ok := b.(*types.ContentBlockMemberText); ok {
			text += v.Value
		}
	}
	return text
}

func TestAmazonClientGetsTextInOnePieceAndStreamed(t *testing.T) {
	s := serveBedrock(t, Config{Region: "eu", Models: []string{claudeID}})
	wholeAndStreamed(t, s.amazon(""), converse(claudeID, "Tell me of camels"), func(t *testing.T, a assembled) {
		t.Helper()
		want := "Hello from acme in eu, answering as " + claudeID + ". You said: “Tell me of camels” This provider is simulated, so that is all it has to say."
		if textIn(a.message) != want || a.message.Role != types.ConversationRoleAssistant || a.stop != types.StopReasonEndTurn {
			t.Errorf("got %q, %+v", textIn(a.message), a)
		}
		if u := a.usage; *u.InputTokens == 0 || *u.OutputTokens == 0 || *u.TotalTokens != *u.InputTokens+*u.OutputTokens {
			t.Errorf("usage is %+v", u)
		}
	})
	a := assemble(t.Context(), s.amazon(`{"events":2}`), converse(claudeID, "x"))
	if diff := cmp.Diff([]string{"start", "delta", "delta", "close", "stop", "metadata"}, a.events); diff != "" {
		t.Error(diff)
	}
}

// amazonError compares an error of Amazon's client.
func amazonError(t *testing.T, err error, kind, message string) {
	t.Helper()
	var got smithy.APIError
	if !errors.As(err, &got) {
		t.Fatalf("got %v", err)
	}
	if got.ErrorCode() != kind || got.ErrorMessage() != message {
		t.Errorf("got %s: %s\nwant %s: %s", got.ErrorCode(), got.ErrorMessage(), kind, message)
	}
}

func TestAmazonClientSeesWhyAnAnswerEnds(t *testing.T) {
	s := serveBedrock(t, Config{})
	for script, want := range map[string]types.StopReason{
		`{"finish":"length"}`: types.StopReasonMaxTokens, `{"finish":"content_filter"}`: types.StopReasonContentFiltered,
		`{"finish":"malformed_tool_use"}`: types.StopReasonMalformedToolUse, `{"silent":true}`: types.StopReasonEndTurn, `{"tools":1}`: types.StopReasonToolUse,
		`{"refusal":"content_filter"}`: types.StopReasonContentFiltered, `{"refusal":"content_policy_violation"}`: types.StopReasonGuardrailIntervened,
	} {
		wholeAndStreamed(t, s.amazon(script), converse(novaID, "x"), func(t *testing.T, a assembled) {
			t.Helper()
			if a.stop != want {
				t.Errorf("%s: %+v", script, a)
			}
			if guarded := textIn(a.message) == bedrockBlocked; guarded != (want == types.StopReasonGuardrailIntervened) {
				t.Errorf("%s says %q", script, textIn(a.message))
			}
		})
	}
	in := converse(novaID, "x")
	in.InferenceConfig = &types.InferenceConfiguration{MaxTokens: aws.Int32(3)}
	wholeAndStreamed(t, s.amazon(""), in, func(t *testing.T, a assembled) {
		t.Helper()
		if a.stop != types.StopReasonMaxTokens || textIn(a.message) != "Hello from acme," {
			t.Errorf("got %+v", a)
		}
	})
	in.InferenceConfig = &types.InferenceConfiguration{StopSequences: []string{"acme"}}
	wholeAndStreamed(t, s.amazon(""), in, func(t *testing.T, a assembled) {
		t.Helper()
		if a.stop != types.StopReasonStopSequence || textIn(a.message) != "Hello from " {
			t.Errorf("got %+v", a)
		}
	})
}

func TestAmazonClientSeesUsageAsAmazonCountsIt(t *testing.T) {
	s := serveBedrock(t, Config{})
	client := s.amazon(`{"usage":{"prompt_tokens":100,"cached_tokens":60,"cache_write_tokens":15,"completion_tokens":30,"reasoning_tokens":10}}`)
	wholeAndStreamed(t, client, converse(claudeID, "x"), func(t *testing.T, a assembled) {
		t.Helper()
		u := a.usage
		if *u.InputTokens != 25 || *u.CacheReadInputTokens != 60 || *u.CacheWriteInputTokens != 15 || *u.OutputTokens != 30 || *u.TotalTokens != 130 {
			t.Errorf("got %+v", u)
		}
	})
}

func TestAmazonClientGetsStructuredOutput(t *testing.T) {
	s := serveBedrock(t, Config{})
	in := converse(claudeID, "fill in")
	in.OutputConfig = &types.OutputConfig{TextFormat: &types.OutputFormat{
		Type: types.OutputFormatTypeJsonSchema,
		Structure: &types.OutputFormatStructureMemberJsonSchema{Value: types.JsonSchemaDefinition{
			Schema: aws.String(`{"type":"object","additionalProperties":false,"properties":{"n":{"type":"integer"}},"required":["n"]}`),
		}},
	}}
	wholeAndStreamed(t, s.amazon(""), in, func(t *testing.T, a assembled) {
		t.Helper()
		var v struct{ N *int }
		if json.Unmarshal([]byte(textIn(a.message)), &v) != nil || v.N == nil {
			t.Errorf("got %q", textIn(a.message))
		}
	})
}

func TestAmazonClientSeesErrors(t *testing.T) {
	s := serveBedrock(t, Config{Models: []string{claudeID, novaID}})
	for _, c := range []struct{ script, kind, message string }{
		{`{"context_length":true}`, "ValidationException", "Input is too long for requested model."},
		{`{"status":429}`, "ThrottlingException", "Too many requests, please wait before trying again."},
		{`{"status":503}`, "ServiceUnavailableException", "Bedrock is unable to process your request."},
		{`{"status":500}`, "InternalServerException", "The system encountered an unexpected error during processing. Try your request again."},
		{`{"status":403}`, "AccessDeniedException", "You don't have access to the model with the specified model ID."},
		{`{"status":429,"code":"ModelNotReadyException","message":"warming"}`, "ModelNotReadyException", "warming"},
	} {
		_, err := s.amazon(c.script).Converse(t.Context(), converse(claudeID, "x"))
		amazonError(t, err, c.kind, c.message)
		amazonError(t, assemble(t.Context(), s.amazon(c.script), converse(claudeID, "x")).err, c.kind, c.message)
	}
	_, err := s.amazon("").Converse(t.Context(), converse("anthropic.claude-99", "x"))
	amazonError(t, err, "ValidationException", "The provided model identifier is invalid.")
}

func TestAmazonClientSeesExceptionsInStreams(t *testing.T) {
	s := serveBedrock(t, Config{})
	for script, events := range map[string][]string{
		`{"error_first":true}`: nil, `{"error_after_role":true}`: {"start"}, `{"error_mid":true,"events":4}`: {"start", "delta", "delta"},
	} {
		a := assemble(t.Context(), s.amazon(script), converse(claudeID, "x"))
		if diff := cmp.Diff(events, a.events); diff != "" {
			t.Errorf("%s: %s", script, diff)
		}
		amazonError(t, a.err, "ModelStreamErrorException", "The system encountered an unexpected error during processing. Try your request again.")
	}
	a := assemble(t.Context(), s.amazon(`{"error_mid":true,"code":"ThrottlingException","message":"slow down"}`), converse(claudeID, "x"))
	amazonError(t, a.err, "ThrottlingException", "slow down")
	if a := assemble(t.Context(), s.amazon(`{"malformed":true}`), converse(claudeID, "x")); a.err == nil {
		t.Error("garbage went unnoticed")
	}
	if a := assemble(t.Context(), s.amazon(`{"truncate":true,"events":4}`), converse(claudeID, "x")); a.err != nil || a.stop != "" || len(a.events) != 3 {
		t.Errorf("a stream cut in half: %+v", a)
	}
}
