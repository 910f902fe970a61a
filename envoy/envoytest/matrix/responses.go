package matrix

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

// responding is OpenAI's SDK at the Responses API, stateless as Codex uses it.
type responding struct{ client openai.Client }

func newResponses(url string, client *http.Client) *responding {
	return &responding{newOpenAI(url, client)}
}

// Client implements Driver.
func (*responding) Client() (string, Surface) { return "openai-go", Responses }

// Ask implements Driver.
func (d *responding) Ask(ctx context.Context, q *Question) (*Outcome, error) {
	ctx, o := overhear(ctx)
	p := responsesParams(q)
	if q.Stream {
		return o, d.stream(ctx, p, o)
	}
	got, err := d.client.Responses.New(ctx, p)
	if o.Problem, err = openAIProblem(err); err != nil || o.Problem != nil {
		return o, err
	}
	err = o.response(got)
	return o, err
}

// response reads a response that is over.
func (o *Outcome) response(r *responses.Response) error {
	var whole, bare []json.RawMessage
	for i := range r.Output {
		item := &r.Output[i]
		raw := json.RawMessage(item.RawJSON())
		whole = append(whole, raw)
		switch item.Type {
		case "reasoning":
			for _, s := range item.Summary {
				o.Reasoning += s.Text
			}
			continue
		case "function_call":
			o.Calls = append(o.Calls, Call{item.CallID, item.Name, item.Arguments.OfString})
		case "message":
			o.fault(item.Role != "assistant", "a message without role")
		}
		o.fault(item.Status != "completed" && r.Status == "completed", "an item is not completed: "+item.RawJSON())
		bare = append(bare, raw)
	}
	o.Text, o.Turn, o.Bare = r.OutputText(), encode(whole), encode(bare)
	switch {
	case r.Status == "failed":
		o.Problem = &Problem{Code: string(r.Error.Code), Message: r.Error.Message}
	case r.Status == "incomplete":
		o.Finish = cmp.Or(map[string]string{"max_output_tokens": "length"}[r.IncompleteDetails.Reason], r.IncompleteDetails.Reason)
	case r.Status == "completed" && len(o.Calls) > 0:
		o.Finish = "tool_calls"
	case r.Status == "completed":
		o.Finish = "stop"
	default:
		return fmt.Errorf("a response is over and has the status %q", r.Status)
	}
	if r.JSON.Usage.Valid() {
		u := &r.Usage
		o.Usage = Usage{
			Input: &u.InputTokens, Output: &u.OutputTokens, Cached: &u.InputTokensDetails.CachedTokens,
			Written: &u.InputTokensDetails.CacheWriteTokens, Reasoning: &u.OutputTokensDetails.ReasoningTokens,
		}
	}
	return nil
}

// said is what the events of a stream have said of an item.
type said struct {
	text, arguments, summary string
	open                     bool
}

func (d *responding) stream(ctx context.Context, p responses.ResponseNewParams, o *Outcome) error {
	s := d.client.Responses.NewStreaming(ctx, p)
	items := map[string]*said{}
	var last *responses.Response
	for n := int64(0); s.Next(); n++ {
		ev := s.Current()
		o.fault(ev.SequenceNumber != n, fmt.Sprintf("event %d has the number %d", n, ev.SequenceNumber))
		o.fault(last != nil, "an event after the last: "+ev.RawJSON())
		o.fault(n == 0 && ev.Type != "response.created" && ev.Type != "error", "a stream begins with "+ev.Type)
		switch ev.Type {
		case "error":
			o.Problem = &Problem{Code: ev.Code, Message: ev.Message}
		case "response.completed", "response.incomplete", "response.failed":
			last = &ev.Response
		default:
			o.itemEvent(items, &ev)
		}
	}
	problem, err := openAIProblem(s.Err())
	if problem != nil {
		o.Problem = problem
	}
	if err != nil || o.Problem != nil {
		return err
	}
	if last == nil {
		o.fault(true, "a stream without its last event")
		return nil
	}
	for i := range last.Output {
		item := &last.Output[i]
		was := items[item.ID]
		o.fault(was == nil || was.open, "an item that was not opened, or not closed: "+item.RawJSON())
		o.fault(was != nil && was.arguments != item.Arguments.OfString, "arguments differ from what was streamed: "+item.RawJSON())
		o.fault(item.Type == "reasoning" && was != nil && len(item.Summary) > 0 && was.summary != item.Summary[0].Text, "a summary differs: "+item.RawJSON())
	}
	o.fault(len(items) != len(last.Output), fmt.Sprintf("%d items were opened, %d are in the response", len(items), len(last.Output)))
	var text strings.Builder
	for i := range last.Output {
		if was := items[last.Output[i].ID]; was != nil {
			text.WriteString(was.text)
		}
	}
	o.fault(text.String() != last.OutputText(), "the text differs from what was streamed")
	return o.response(last)
}

func (o *Outcome) itemEvent(items map[string]*said, ev *responses.ResponseStreamEventUnion) {
	switch ev.Type {
	case "response.output_item.added":
		o.fault(items[ev.Item.ID] != nil, "an item is opened twice: "+ev.RawJSON())
		items[ev.Item.ID] = &said{open: true}
		return
	case "response.output_item.done":
		item := items[ev.Item.ID]
		o.fault(item == nil || !item.open, "an item is closed that is not open: "+ev.RawJSON())
		if item != nil {
			item.open = false
		}
		return
	}
	item := items[ev.ItemID]
	if ev.ItemID == "" {
		return
	}
	if item == nil || !item.open {
		o.fault(true, "an event of an item that is not open: "+ev.RawJSON())
		return
	}
	switch ev.Type {
	case "response.output_text.delta":
		item.text += ev.Delta
	case "response.output_text.done":
		o.fault(item.text != ev.Text, "a done text differs from its deltas")
	case "response.function_call_arguments.delta":
		item.arguments += ev.Delta
	case "response.function_call_arguments.done":
		o.fault(item.arguments != "" && item.arguments != ev.Arguments, "done arguments differ from their deltas")
		item.arguments = ev.Arguments
	case "response.reasoning_summary_text.delta":
		item.summary += ev.Delta
	}
}

func responsesParams(q *Question) responses.ResponseNewParams {
	p := responses.ResponseNewParams{Model: q.Model, Store: openai.Bool(false)}
	if q.System != "" {
		p.Instructions = openai.String(q.System)
	}
	for _, t := range q.Turns {
		p.Input.OfInputItemList = append(p.Input.OfInputItemList, responsesTurn(t)...)
	}
	for _, t := range q.Tools {
		p.Tools = append(p.Tools, responses.ToolUnionParam{OfFunction: &responses.FunctionToolParam{
			Name: t.Name, Description: openai.String(t.Description), Parameters: object(t.Schema),
		}})
	}
	if name, ok := toolNamed(q.Choice); ok {
		p.ToolChoice.OfFunctionTool = &responses.ToolChoiceFunctionParam{Name: name}
	} else if q.Choice != "" {
		p.ToolChoice.OfToolChoiceMode = openai.Opt(responses.ToolChoiceOptions(map[string]string{"any": "required", "auto": "auto", "none": "none"}[q.Choice]))
	}
	if q.Serial {
		p.ParallelToolCalls = openai.Bool(false)
	}
	if q.Schema != nil {
		p.Text.Format.OfJSONSchema = &responses.ResponseFormatTextJSONSchemaConfigParam{Name: "answer", Strict: openai.Bool(true), Schema: object(q.Schema)}
	}
	if q.Effort != "" {
		p.Reasoning = shared.ReasoningParam{Effort: shared.ReasoningEffort(q.Effort), Summary: "auto"}
		p.Include = []responses.ResponseIncludable{"reasoning.encrypted_content"}
	}
	if q.MaxTokens > 0 {
		p.MaxOutputTokens = openai.Int(q.MaxTokens)
	}
	if q.Temperature != nil {
		p.Temperature = openai.Float(*q.Temperature)
	}
	return p
}

func responsesTurn(t Turn) (out []responses.ResponseInputItemUnionParam) {
	switch {
	case t.Replay != nil:
		var items []json.RawMessage
		if json.Unmarshal(t.Replay, &items) != nil {
			return nil // shows at the provider
		}
		for _, item := range items {
			out = append(out, param.Override[responses.ResponseInputItemUnionParam](item))
		}
		return out
	case t.Said != "":
		return append(out, responses.ResponseInputItemParamOfMessage(t.Said, "assistant"))
	}
	for _, r := range t.Results {
		item := responses.ResponseInputItemParamOfFunctionCallOutput(r.Text)
		item.OfFunctionCallOutput.CallID = openai.String(r.ID)
		out = append(out, item)
	}
	var parts responses.ResponseInputMessageContentListParam
	for _, m := range t.Media {
		if m.Name != "" {
			parts = append(parts, responses.ResponseInputContentUnionParam{OfInputFile: &responses.ResponseInputFileParam{
				Filename: openai.String(m.Name), FileData: openai.String(dataURL(m)),
			}})
			continue
		}
		image := responses.ResponseInputContentParamOfInputImage("auto")
		image.OfInputImage.ImageURL = openai.String(dataURL(m))
		parts = append(parts, image)
	}
	if t.Text != "" {
		out = append(out, responses.ResponseInputItemParamOfMessage(append(parts, responses.ResponseInputContentParamOfInputText(t.Text)), "user"))
	}
	return out
}
