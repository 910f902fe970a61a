package extproc

import (
	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// estimate answers a request to count tokens whose model nobody counts for: no
// provider of it has such an endpoint. Clients that ask (Claude Code asks
// before it compacts a conversation) need a number, so they get the one the
// gateway itself reckons with, and a header that says so.
func (r *routing) estimate(x *exchange) error {
	r.s.meter.Answered(r.asked.endpoint.String())
	usage := llm.Usage{Input: llm.Some(llm.Tokens(max(1, len(x.body)/bytesPerToken)))}
	events := []llm.Event{
		{Kind: llm.UsageUpdate, Usage: &usage},
		{Kind: llm.Finish, Reason: llm.FinishStop},
	}
	body := x.codec.EncodeAnswer(nil, events, dialect.Reply{Generation: string(r.text), Model: x.model})
	return r.immediate(200, body, []setHeader{
		{envoy.EstimatedHeader, []byte("true")},
		{envoy.ModelHeader, []byte(x.model)},
	})
}
