package extproc

import (
	"strconv"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// send hands the request to attempt listeners: Envoy gets an empty body and
// each attempt stage the pristine one from the exchange.
func (r *routing) send(x *exchange) error {
	head := reply{
		part:    toRequestHeaders,
		reroute: true,
		remove:  append(r.head.strip, []byte("content-length")),
		facts:   r.facts(x, x.codec.Name),
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
	return r.answer(x, &head, &reply{part: toRequestBody, op: streamedBody})
}

// facts are the exchange's metadata: response headers and access logs carry
// them, and a restarted process settles by them. The dialect is that of the
// bytes a guard finds usage in.
func (r *routing) facts(x *exchange, d llm.Dialect) []byte {
	var key, translate, dropped string
	if x.key != nil {
		key = x.key.Name
	}
	if x.express {
		dropped = joinShort(x.direct.dropped)
		if x.direct.translates {
			translate = "1"
		}
	}
	return appendFacts(limitFacts(r.limits), envoy.ExchangeNamespace,
		fact{envoy.FactExchange, string(r.text)}, fact{envoy.FactModel, x.model}, fact{envoy.FactKey, key},
		fact{envoy.FactDialect, string(d)}, fact{envoy.FactSurface, string(table.Family(x.codec.Name))}, fact{envoy.FactTranslate, translate}, fact{envoy.FactDropped, dropped})
}

// answer sends headers and the whole body; the stage is over then.
func (r *routing) answer(x *exchange, head, body *reply) error {
	err := r.st.Context().Err()
	if err == nil {
		err = r.st.SendMsg(head)
	}
	if err != nil { // the client left
		r.abandon(x)
		return nil //nolint:nilerr // there is nobody to tell
	}
	body.end = !r.trailers
	err = r.st.SendMsg(body)
	if err == nil && r.trailers {
		err = r.st.SendMsg(&reply{part: toRequestTrailers, remove: r.late})
	}
	return ignoreGone(err)
}
