package extproc

import (
	"bytes"
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/identity"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/meter"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// stream is one ext_proc conversation with Envoy.
type stream interface {
	Context() context.Context
	RecvMsg(m any) error
	SendMsg(m any) error
}

// ExpressLimit is the largest body in bytes of an express request. Envoy keeps
// it for the next attempt; larger ones it should not hold.
const ExpressLimit = 256 << 10

// routing is the router stage of one request.
type routing struct {
	s       *Service
	st      stream
	view    *view
	head    head
	key     *identity.Key
	id      exchangeID
	text    []byte // the id as text
	started time.Time
	// trailers tells that the body ended with trailers, which want an answer
	// of their own.
	trailers bool
	// late names those trailers. None goes on: providers see nothing that is
	// not on the list, and an attempt listener takes a body beyond its buffer
	// only for a request that ends without trailers.
	late [][]byte
}

// router serves the router stage: headers and body come without waiting, and
// one answer goes back. Returning ends the stage; Envoy needs nothing more.
func (s *Service) router(st stream) error {
	var first message
	defer first.release()
	if err := st.RecvMsg(&first); err != nil {
		return nil // the client left before its headers were sent on
	}
	if first.kind != requestHeaders {
		return errOutOfOrder
	}
	r := &routing{s: s, st: st, view: s.view.Load(), id: newExchangeID(), started: s.now()}
	r.text = []byte(r.id.text())
	readHead(&first, &r.head)
	e, model := surfaceOf(r.head.path)
	if e == healthz || e == readyz {
		return r.health(e)
	}
	if p := r.authenticate(); p != nil {
		return r.refuse(e, p)
	}
	switch e {
	case chatCompletions:
		return r.exchange(first.end)
	case listModels, oneModel:
		return r.models(e, model)
	default:
		return r.refuse(e, e.refuse(r.head.path))
	}
}

func (r *routing) authenticate() *llm.Problem {
	if c := r.view.catalog; c.Open {
		return r.head.local(c.Listen.CORSOrigins)
	}
	key, p := r.view.keys.Check(&r.head.presented, r.started)
	r.key = key
	return p
}

// exchange is a request that wants a model.
func (r *routing) exchange(bodiless bool) error {
	limits := r.view.catalog.Limits
	if p := r.head.checkPost(limits.Body); p != nil {
		return r.refuse(chatCompletions, p)
	}
	if bodiless {
		return r.refuse(chatCompletions, noBody("The request has no body; send a JSON object with model and messages."))
	}
	body, p, err := r.collect(limits.Body)
	if err != nil {
		return nil //nolint:nilerr // the client left while it sent its body
	}
	if p != nil {
		return r.refuse(chatCompletions, p)
	}
	x, p := r.plan(body)
	if p == nil && !r.s.table.add(x) {
		p = full()
	}
	if p != nil {
		r.s.table.letGo(len(body))
		return r.refuse(chatCompletions, p)
	}
	if x.express {
		return r.sendExpress(x)
	}
	return r.send(x)
}

// collect reads the body to its end. Every byte counts against what the
// process may hold; on any way out but success they are given back.
func (r *routing) collect(limit int64) ([]byte, *llm.Problem, error) {
	const firstRoom = 1 << 20 // a length is a claim until the bytes are here
	var body []byte
	if n := r.head.contentLength; n > 0 {
		body = make([]byte, 0, min(n, firstRoom))
	}
	held := 0
	m := message{sink: &body}
	defer m.release()
	await := r.awaitBody()
	for {
		var p *llm.Problem
		err := r.st.RecvMsg(&m)
		if !await() {
			return nil, nil, errAnswered
		}
		if err == nil {
			p = r.hold(&m, limit-int64(held))
		}
		switch {
		case err != nil || p != nil:
			r.s.table.letGo(held)
			return nil, p, err
		case m.kind == requestTrailers:
			r.trailers = true
			for i := range m.headers {
				r.late = append(r.late, bytes.Clone(m.headers[i].name))
			}
			return body, nil, nil
		}
		held = len(body)
		if m.end && m.kind == requestBody {
			return body, nil, nil
		}
	}
}

// firstByte is how long a request whose length is not said may take to begin
// its body. Envoy keeps trailers that come without any body until the headers
// are answered, so such a request would never end.
const firstByte = 30 * time.Second

// awaitBody answers a request whose body does not begin in time. What it
// returns is called when something came, and tells whether there is still
// somebody to answer.
func (r *routing) awaitBody() (came func() bool) {
	if r.head.contentLength >= 0 {
		return func() bool { return true }
	}
	var decided atomic.Bool
	late := newDeadline(firstByte, func() {
		if decided.CompareAndSwap(false, true) {
			_ = r.refuse(chatCompletions, noBody("The request's body did not begin in time.")) // the client is gone then
		}
	})
	first := true
	return func() bool {
		if first {
			first = false
			mine := decided.CompareAndSwap(false, true)
			late.stop()
			return mine
		}
		return true
	}
}

func noBody(message string) *llm.Problem {
	return &llm.Problem{Kind: llm.InvalidRequest, Code: "no_body", Message: message}
}

// hold counts the bytes a message brought, of which so many are allowed.
func (r *routing) hold(m *message, most int64) *llm.Problem {
	switch {
	case m.kind != requestBody:
		return nil
	case int64(len(m.body)) > most:
		return tooLarge(r.view.catalog.Limits.Body)
	case !r.s.table.hold(len(m.body)):
		return full()
	default:
		return nil
	}
}

func full() *llm.Problem {
	return &llm.Problem{
		Kind: llm.Overloaded, RetryAfter: time.Second,
		Message: "The gateway holds as many requests as it can; try again in a moment.",
	}
}

// plan scans the body once and decides who serves it.
func (r *routing) plan(body []byte) (*exchange, *llm.Problem) {
	codec := table.Codec(llm.OpenAI)
	env, p := codec.Scan(body)
	if p != nil {
		return nil, p
	}
	m, p := r.resolve(env.Model)
	if p != nil {
		return nil, p
	}
	ch, p := r.chain(m, &env, len(body))
	if p != nil {
		return nil, p
	}
	x := &exchange{
		id: r.id, view: r.view, key: r.key, codec: codec, envelope: env, chain: ch,
		model: m.Name, started: r.started, seen: r.started, body: body,
	}
	first := ch.Targets[0]
	x.express = !env.Stream && len(body) <= ExpressLimit && first.Model.Lane == catalog.LaneAuto &&
		first.Provider.Dialect == codec.Name && !x.evades() // the express guard passes refusals
	if x.express {
		x.served = meter.Express
	}
	return x, nil
}

// resolve finds the model a client names.
func (r *routing) resolve(name string) (*catalog.Model, *llm.Problem) {
	m, err := r.view.catalog.Resolve(name, "")
	if err != nil {
		return nil, &llm.Problem{Kind: llm.NotFound, Code: "model_not_found", Param: "model", Message: err.Error()}
	}
	if !r.allowed(m.Name) {
		return nil, &llm.Problem{
			Kind: llm.Forbidden, Code: "model_not_allowed", Param: "model",
			Message: "This key may not use the model " + m.Name + ".",
		}
	}
	return m, nil
}

func (r *routing) allowed(model string) bool { return r.key == nil || r.key.Allows(model) }

// bytesPerToken estimates input tokens from a request's bytes.
const bytesPerToken = 4

func (r *routing) chain(m *catalog.Model, env *dialect.Envelope, size int) (chain.Chain, *llm.Problem) {
	if !r.view.ready {
		return chain.Chain{}, &llm.Problem{Kind: llm.Overloaded, RetryAfter: time.Second, Message: "The gateway has no routes yet; try again in a moment."}
	}
	in := chain.Input{
		Catalog: r.view.catalog, Order: r.view.order, Model: m, Options: env.Options, Needs: env.Needs,
		InputTokens: int64(size / bytesPerToken), MaxTokens: env.MaxTokens,
		Cooling: r.s.cooling, Now: r.started, Allowed: r.allowed,
	}
	if ch, ok := r.view.defaults.For(in); ok {
		return ch, nil
	}
	return chain.Build(in)
}

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

// sendExpress rewrites the request for its first target here and now: one
// round trip in all. Later targets are reached through their attempt listeners.
func (r *routing) sendExpress(x *exchange) error {
	t := x.chain.Targets[0]
	target := dialect.Target{ID: t.ID, BasePath: t.Provider.BaseURL.Path}
	body := &reply{part: toRequestBody, op: streamedBody, more: x.codec.Patch(x.body, &x.envelope, target)}
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
			{":path", []byte(t.Provider.BaseURL.Path + x.codec.Path(&x.envelope, target))},
			{":authority", []byte(t.Provider.BaseURL.Authority())},
			{"content-length", strconv.AppendInt(nil, int64(body.bodySize()), 10)},
		},
	}
	if len(r.head.contentType) == 0 {
		head.set = append(head.set, setHeader{"content-type", []byte("application/json")})
	}
	if x.chain.Override || head.chain == nil {
		head.chain = encodeChain(x.chain.Targets, true)
	}
	for _, h := range r.view.credentials.Headers(t.Provider.Name) {
		head.set = append(head.set, setHeader{h.Name, h.Value})
		x.expressHeaders = append(x.expressHeaders, []byte(h.Name))
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
		fact{envoy.FactExchange, string(r.text)}, fact{envoy.FactModel, x.model}, fact{envoy.FactKey, key})
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
