package matrix

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
	"github.com/anthropics/anthropic-sdk-go/packages/param"
)

// messaging is Anthropic's SDK.
type messaging struct{ client anthropic.Client }

func newMessages(url string, client *http.Client) *messaging {
	return &messaging{anthropic.NewClient(option.WithoutEnvironmentDefaults(), option.WithBaseURL(url), option.WithAPIKey("any"),
		option.WithHTTPClient(client), option.WithMaxRetries(0))}
}

// Client implements Driver.
func (*messaging) Client() (string, Surface) { return "anthropic-sdk-go", Messages }

// Ask implements Driver.
func (d *messaging) Ask(ctx context.Context, q *Question) (*Outcome, error) {
	ctx, o := overhear(ctx)
	p := messagesParams(q)
	if q.Stream {
		return o, d.stream(ctx, p, o)
	}
	got, err := d.client.Messages.New(ctx, p)
	if o.Problem, err = anthropicProblem(err); err != nil || o.Problem != nil {
		return o, err
	}
	o.message(got)
	o.fault(!got.JSON.StopSequence.Valid() && got.StopReason == "stop_sequence", "a stop sequence that is not named")
	return o, nil
}

// message reads a message that is over.
func (o *Outcome) message(m *anthropic.Message) {
	o.fault(m.Role != "assistant" || m.Type != "message", "a message without role or type: "+m.RawJSON())
	bare := *m
	bare.Content = nil
	for _, b := range m.Content {
		switch b.Type {
		case "text":
			o.fault(b.Text == "", "an empty text block")
			o.Text += b.Text
		case "thinking":
			o.Reasoning += b.Thinking
			continue
		case "redacted_thinking":
			continue
		case "tool_use":
			o.Calls = append(o.Calls, Call{b.ID, b.Name, string(b.Input)})
		}
		bare.Content = append(bare.Content, b)
	}
	o.Turn, o.Bare = encode(m.ToParam()), encode(bare.ToParam())
	o.Finish = cmp.Or(map[anthropic.StopReason]string{
		"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "model_context_window_exceeded": "length",
		"tool_use": "tool_calls", "refusal": "content_filter",
	}[m.StopReason], string(m.StopReason))
	u := &m.Usage
	o.Usage = messagesUsage(u)
	if u.OutputTokensDetails.JSON.ThinkingTokens.Valid() {
		o.Usage.Reasoning = &u.OutputTokensDetails.ThinkingTokens
	}
}

// messagesUsage adds what Anthropic counts beside the input.
func messagesUsage(u *anthropic.Usage) Usage {
	return Usage{
		Input: count(u.InputTokens + u.CacheReadInputTokens + u.CacheCreationInputTokens), Output: count(u.OutputTokens),
		Cached: count(u.CacheReadInputTokens), Written: count(u.CacheCreationInputTokens),
	}
}

// fitting are the deltas that a block of each type takes.
var fitting = map[string][]string{
	"text": {"text_delta", "citations_delta"}, "thinking": {"thinking_delta", "signature_delta"}, "tool_use": {"input_json_delta"},
}

func (d *messaging) stream(ctx context.Context, p anthropic.MessageNewParams, o *Outcome) error {
	s := d.client.Messages.NewStreaming(ctx, p)
	var m anthropic.Message
	open, blocks, ended := "", int64(0), false
	for s.Next() {
		ev := s.Current()
		if err := m.Accumulate(ev); err != nil {
			return err
		}
		o.fault(ended, "an event after message_stop")
		switch ev.Type {
		case "message_start":
			first := messagesUsage(&ev.Message.Usage)
			o.First = &first
		case "content_block_start":
			o.fault(open != "" || ev.Index != blocks, "a block that overlaps: "+ev.RawJSON())
			open = ev.ContentBlock.Type
		case "content_block_delta":
			o.fault(open == "" || ev.Index != blocks, "a delta outside its block: "+ev.RawJSON())
			o.fault(!slices.Contains(fitting[open], ev.Delta.Type), "a delta that does not fit "+open+": "+ev.RawJSON())
		case "content_block_stop":
			o.fault(open == "" || ev.Index != blocks, "a stop outside its block: "+ev.RawJSON())
			open, blocks = "", blocks+1
		case "message_delta":
			o.fault(open != "", "a message ends with an open block")
		case "message_stop":
			ended = true
		}
	}
	var err error
	if o.Problem, err = anthropicProblem(s.Err()); err != nil || o.Problem != nil {
		return err
	}
	o.fault(!ended, "a stream without message_stop")
	o.message(&m)
	return nil
}

// Count implements Counter.
func (d *messaging) Count(ctx context.Context, q *Question) (*Outcome, error) {
	ctx, o := overhear(ctx)
	p := messagesParams(q)
	n := anthropic.MessageCountTokensParams{Model: p.Model, Messages: p.Messages, Thinking: p.Thinking}
	if len(p.System) > 0 {
		n.System.OfTextBlockArray = p.System
	}
	for _, t := range p.Tools {
		n.Tools = append(n.Tools, anthropic.MessageCountTokensToolUnionParam{OfTool: t.OfTool})
	}
	got, err := d.client.Messages.CountTokens(ctx, n)
	if o.Problem, err = anthropicProblem(err); err != nil || o.Problem != nil {
		return o, err
	}
	o.Usage.Input = &got.InputTokens
	return o, nil
}

func messagesParams(q *Question) anthropic.MessageNewParams {
	const most = 20_000 // beyond, the SDK demands a stream
	p := anthropic.MessageNewParams{Model: q.Model, MaxTokens: cmp.Or(q.MaxTokens, most), StopSequences: q.Stop}
	if q.System != "" {
		p.System = []anthropic.TextBlockParam{{Text: q.System}}
	}
	for _, t := range q.Turns {
		p.Messages = append(p.Messages, messagesTurn(t))
	}
	for _, t := range q.Tools {
		var schema anthropic.ToolInputSchemaParam
		if err := json.Unmarshal(t.Schema, &schema); err != nil {
			continue // shows at the provider
		}
		p.Tools = append(p.Tools, anthropic.ToolUnionParam{OfTool: &anthropic.ToolParam{
			Name: t.Name, Description: anthropic.String(t.Description), InputSchema: schema,
		}})
	}
	if name, ok := toolNamed(q.Choice); ok {
		p.ToolChoice = anthropic.ToolChoiceParamOfTool(name)
	}
	switch q.Choice {
	case "any":
		p.ToolChoice.OfAny = &anthropic.ToolChoiceAnyParam{}
	case "none":
		p.ToolChoice.OfNone = &anthropic.ToolChoiceNoneParam{}
	case "auto":
		p.ToolChoice.OfAuto = &anthropic.ToolChoiceAutoParam{}
	}
	if q.Serial {
		p.ToolChoice.OfAuto = &anthropic.ToolChoiceAutoParam{DisableParallelToolUse: anthropic.Bool(true)}
	}
	if q.Schema != nil {
		p.OutputConfig.Format = anthropic.JSONOutputFormatParam{Schema: object(q.Schema)}
	}
	if q.Effort != "" {
		p.Thinking = anthropic.ThinkingConfigParamOfEnabled(budget(q.Effort))
	}
	if q.Temperature != nil {
		p.Temperature = anthropic.Float(*q.Temperature)
	}
	return p
}

func messagesTurn(t Turn) anthropic.MessageParam {
	switch {
	case t.Replay != nil:
		return param.Override[anthropic.MessageParam](t.Replay)
	case t.Said != "":
		return anthropic.NewAssistantMessage(anthropic.NewTextBlock(t.Said))
	}
	var blocks []anthropic.ContentBlockParamUnion
	for _, r := range t.Results {
		blocks = append(blocks, anthropic.NewToolResultBlock(r.ID, r.Text, r.Error))
	}
	for _, m := range t.Media {
		if m.Name == "" {
			blocks = append(blocks, anthropic.NewImageBlockBase64(m.Type, m.Base64))
			continue
		}
		file := anthropic.NewDocumentBlock(anthropic.Base64PDFSourceParam{Data: m.Base64})
		file.OfDocument.Title = anthropic.String(m.Name)
		blocks = append(blocks, file)
	}
	if t.Text != "" {
		blocks = append(blocks, anthropic.NewTextBlock(t.Text))
	}
	return anthropic.NewUserMessage(blocks...)
}

// anthropicProblem is an error of Anthropic's SDK.
func anthropicProblem(err error) (*Problem, error) {
	var answered *anthropic.Error
	if !errors.As(err, &answered) {
		return nil, err
	}
	p := &Problem{Type: string(answered.Type()), Status: answered.StatusCode}
	var body struct {
		Type  string
		Error struct{ Message string }
	}
	if err := json.Unmarshal([]byte(answered.RawJSON()), &body); err != nil || body.Type != "error" {
		return nil, fmt.Errorf("an error without Anthropic's envelope: %s", answered.RawJSON())
	}
	if p.Message = body.Error.Message; p.Status == http.StatusOK {
		p.Status = 0
	}
	return p, nil
}
