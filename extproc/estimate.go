package extproc

import (
	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// estimate answers a request to count tokens whose model nobody counts for: no
// provider of it has such an endpoint. Clients that ask (Claude Code asks
// before it compacts a conversation) need a number, so they get the one the
// gateway itself reckons with, and a header that says so.
func (r *routing) estimate(x *exchange) error {
	r.s.meter.Answered(r.asked.endpoint.String())
	usage := llm.Usage{Input: llm.Some(llm.Tokens(max(1, x.tokens())))}
	events := []llm.Event{
		{Kind: llm.UsageUpdate, Usage: &usage},
		{Kind: llm.Finish, Reason: llm.FinishStop},
	}
	body := x.codec.EncodeAnswer(nil, events, dialect.Reply{Generation: string(r.text), Model: x.model})
	return r.immediate(200, body, append(r.limits,
		setHeader{envoy.EstimatedHeader, []byte("true")},
		setHeader{envoy.ModelHeader, []byte(x.model)},
	))
}

// imageTokens is what vendors count for an image of their full resolution
// (Anthropic, "Vision": about 1,600).
const imageTokens = 1600

// tokens estimates the request's. The bytes of an image say nothing of them.
func (e *exchange) tokens() int {
	text, media := e.textOf(e.body)
	return text/bytesPerToken + int(media)
}

// textOf is how many bytes of a request are text, and the tokens of its images.
func (e *exchange) textOf(body []byte) (text int, media quota.Amount) {
	rq, p := e.codec.DecodeRequest(body)
	if p != nil {
		return len(body), 0
	}
	images, size := 0, len(body)
	for i := range rq.Messages {
		n, held := imagesIn(rq.Messages[i].Parts)
		images, size = images+n, size-held
	}
	return max(size, 0), quota.Amount(images * imageTokens)
}

// imagesIn counts the images among parts and the bytes of text they take.
func imagesIn(parts []llm.Part) (n, size int) {
	for i := range parts {
		p := &parts[i]
		if p.Kind == llm.Image && p.Media != nil {
			n, size = n+1, size+len(p.Media.Base64)
		}
		if p.Result != nil {
			m, held := imagesIn(p.Result.Parts)
			n, size = n+m, size+held
		}
	}
	return n, size
}
