package extproc

import (
	"strconv"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// ExpressLimit is the largest body in bytes of an express request. Envoy keeps
// it for the next attempt; larger ones it should not hold.
const ExpressLimit = 256 << 10

// expressed are the dialects whose answers the express guard can judge.
var expressed = map[llm.Dialect]bool{
	llm.OpenAI: true, llm.Responses: true, llm.Anthropic: true, llm.Gemini: true, llm.Bedrock: true, llm.Embeddings: true,
}

// direct is the call that an express request makes of its first target.
type direct struct {
	credential.Call
	codec   *dialect.Codec
	keys    []credential.Header
	dropped []string
	wishes  wishes
	// translates: the answer has to be translated, too.
	translates bool
}

// expresses tells whether the router stage writes the request for its first
// target itself, and writes it. Not a stream, whose answer needs the attempt
// stage; not where the client is to be told of what only that stage knows
// (refusals that go on, targets passed over), and not where the target cannot
// be called just so: that stage finds out and says why. Nor where Envoy may have
// no way to the provider.
func (r *routing) expresses(x *exchange) bool {
	if x.envelope.Stream || len(x.body) > ExpressLimit || len(x.chain.Targets) < 2 || len(x.chain.Skipped) > 0 || x.evades() {
		return false
	}
	t := &x.chain.Targets[0]
	d := &x.direct
	d.codec = table.For(x.codec.Name, t.Dialects)
	if t.Model.Lane == catalog.LaneLeave || !expressed[d.codec.Name] || !r.s.reached.has(t.Provider) {
		return false
	}
	target := x.dialectTarget(t)
	d.translates = x.translates(d.codec, t)
	if d.translates && r.head.contentLength < 0 {
		return false // no answer comes back here
	}
	d.Call = x.call(d.codec, t, target)
	if !r.writeDirect(x, target) {
		return false
	}
	keys, err := x.authorize(t, &d.Call, r.started)
	if err != nil {
		return false
	}
	d.keys = keys
	for _, h := range keys {
		x.expressHeaders = append(x.expressHeaders, []byte(h.Name))
	}
	if d.codec != x.codec {
		for _, h := range d.codec.Headers {
			x.expressHeaders = append(x.expressHeaders, []byte(h.Name))
		}
	}
	return true
}

// writeDirect writes the body for the target.
func (r *routing) writeDirect(x *exchange, target dialect.Target) bool {
	d := &x.direct
	if !d.translates && x.patches(x.body, d.codec, target) {
		d.Body = d.codec.Patch(x.body, &x.envelope, target)
		return true
	}
	rq, p := x.decode(x.body)
	if p != nil {
		return false
	}
	d.wishes = wishesOf(rq)
	if inlines(d.codec, target) && len(byURL(rq, d.codec.Fetches)) > 0 {
		return false
	}
	text, dropped, p := d.codec.EncodeRequest(make([]byte, 0, len(x.body)+bodyRoom), rq, target)
	if p != nil || len(dropped) > 0 && x.envelope.Options.Strict {
		return false
	}
	d.Body, d.dropped = [][]byte{text}, dropped
	return true
}

// sendExpress sends that call: one round trip in all, and one more if the
// answer has to be translated. Later targets are reached through their attempt
// listeners.
func (r *routing) sendExpress(x *exchange) error {
	d := &x.direct
	body := &reply{part: toRequestBody, op: streamedBody, more: d.Body}
	d.Body = nil // what outlives the request is the pristine one, which counts as held
	head := reply{
		part:    toRequestHeaders,
		reroute: true,
		remove:  r.head.strip,
		facts:   r.facts(x, d.codec.Name),
		chain:   r.view.express[x.model],
		set: []setHeader{
			{"x-request-id", r.text},
			{envoy.RouteHeader, []byte(envoy.ExpressRoute)},
			{"x-envoy-max-retries", strconv.AppendInt(nil, int64(len(x.chain.Targets)-1), 10)},
			{":path", []byte(d.Path)},
			{":authority", []byte(d.Authority)},
			{"content-length", strconv.AppendInt(nil, int64(body.bodySize()), 10)},
		},
	}
	if len(r.head.contentType) == 0 {
		head.set = append(head.set, setHeader{"content-type", []byte("application/json")})
	}
	if x.chain.Override || head.chain == nil {
		head.chain = encodeChain(x.chain.Targets, true)
	}
	set, remove := x.callHeaders(d.codec, d.keys)
	head.set, head.remove = append(head.set, set...), append(head.remove, remove...)
	if err := r.answer(x, &head, body); err != nil || !d.translates {
		return err
	}
	return r.comeBack(x)
}
