package extproc

import (
	"strconv"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
)

// ExpressLimit is the largest body in bytes of an express request. Envoy keeps
// it for the next attempt; larger ones it should not hold.
const ExpressLimit = 256 << 10

// send hands the request to attempt listeners: Envoy gets an empty body and
// each attempt stage the pristine one from the exchange.
func (r *routing) send(x *exchange) error {
	head := reply{
		part:    toRequestHeaders,
		reroute: true,
		remove:  append(r.head.strip, []byte("content-length")),
		facts:   r.facts(x),
		set: []setHeader{
			{"x-request-id", r.text},
			{envoy.RouteHeader, []byte(x.model)},
			{"x-envoy-max-retries", strconv.AppendInt(nil, int64(len(x.chain.Targets)-1), 10)},
		},
	}
	if x.envelope.Stream {
		head.set = append(head.set, setHeader{envoy.StreamHeader, []byte("1")})
	}
	if x.chain.Override {
		head.chain = encodeChain(x.chain.Targets, false)
	}
	return r.answer(&head, &reply{part: toRequestBody, op: streamedBody})
}

// direct is the call that an express request makes of its first target.
type direct struct {
	credential.Call
	keys []credential.Header
}

// callExpress writes the call of an express request; false if its provider's
// credential is not ready, which the attempt stage will tell the client.
func (r *routing) callExpress(x *exchange) bool {
	t := x.chain.Targets[0]
	target := dialect.Target{
		ID: t.ID, BasePath: t.Provider.BaseURL.Path, Platform: dialect.Platform(t.Provider.Platform), APIVersion: t.Provider.APIVersion,
	}
	r.direct.Call = credential.Call{
		Method: "POST", Authority: t.Provider.BaseURL.Authority(),
		Path: t.Provider.BaseURL.Path + x.codec.Path(&x.envelope, target), Body: x.codec.Patch(x.body, &x.envelope, target),
	}
	keys, err := r.view.credentials.Authorize(t.Provider.Name, &r.direct.Call, r.started)
	if err != nil {
		return false
	}
	r.direct.keys = keys
	for _, h := range keys {
		x.expressHeaders = append(x.expressHeaders, []byte(h.Name))
	}
	return true
}

// sendExpress rewrites the request for its first target here and now: one
// round trip in all. Later targets are reached through their attempt listeners.
func (r *routing) sendExpress(x *exchange) error {
	call := &r.direct
	body := &reply{part: toRequestBody, op: streamedBody, more: call.Body}
	head := reply{
		part:    toRequestHeaders,
		reroute: true,
		remove:  r.head.strip,
		facts:   r.facts(x),
		chain:   r.view.express[x.model],
		set: []setHeader{
			{"x-request-id", r.text},
			{envoy.RouteHeader, []byte(envoy.ExpressRoute)},
			{"x-envoy-max-retries", strconv.AppendInt(nil, int64(len(x.chain.Targets)-1), 10)},
			{":path", []byte(call.Path)},
			{":authority", []byte(call.Authority)},
			{"content-length", strconv.AppendInt(nil, int64(body.bodySize()), 10)},
		},
	}
	if len(r.head.contentType) == 0 {
		head.set = append(head.set, setHeader{"content-type", []byte("application/json")})
	}
	if x.chain.Override || head.chain == nil {
		head.chain = encodeChain(x.chain.Targets, true)
	}
	for _, h := range x.codec.Headers {
		head.set = append(head.set, setHeader{h.Name, []byte(h.Value)})
	}
	for _, h := range call.keys {
		head.set = append(head.set, setHeader{h.Name, h.Value})
	}
	return r.answer(&head, body)
}

// facts are the exchange's metadata: response headers and access logs carry
// them, and a restarted process settles by them.
func (r *routing) facts(x *exchange) []byte {
	key := ""
	if x.key != nil {
		key = x.key.Name
	}
	return appendFacts(nil, envoy.ExchangeNamespace,
		fact{envoy.FactExchange, string(r.text)}, fact{envoy.FactModel, x.model}, fact{envoy.FactKey, key},
		fact{envoy.FactDialect, string(x.codec.Name)})
}

// answer sends headers and the whole body; the stage is over then.
func (r *routing) answer(head, body *reply) error {
	if err := r.st.SendMsg(head); err != nil {
		return nil //nolint:nilerr // the client left; the access log ends the exchange
	}
	body.end = !r.trailers
	err := r.st.SendMsg(body)
	if err == nil && r.trailers {
		err = r.st.SendMsg(&reply{part: toRequestTrailers, remove: r.late})
	}
	return ignoreGone(err)
}
