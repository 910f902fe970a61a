package extproc

import (
	"context"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/identity"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/meter"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// stream is one ext_proc conversation with Envoy.
type stream interface {
	Context() context.Context
	RecvMsg(m any) error
	SendMsg(m any) error
}

// routing is the router stage of one request.
type routing struct {
	s       *Service
	st      stream
	view    *view
	head    head
	asked   asked
	key     *identity.Key
	id      exchangeID
	text    []byte // the id as text
	started time.Time
	limits  []setHeader // what the client learns of its limits
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
	now := s.now()
	r := &routing{s: s, st: st, view: s.view.Load(), id: newExchangeID(now), started: now}
	r.text = []byte(r.id.text())
	readHead(&first, &r.head)
	r.asked = surfaceOf(r.head.path)
	e := r.asked.endpoint
	if r.asked.dialect == llm.OpenAI && (e == listModels || e == oneModel) {
		r.asked.dialect = r.head.lists() // on one path
	}
	if e == healthz || e == readyz {
		return r.health(e)
	}
	if !r.view.known { // nor who is suspended, nor what anybody may spend
		return r.refuse(&llm.Problem{Kind: llm.Overloaded, RetryAfter: time.Second, Message: "The gateway does not know its keys and budgets yet; try again in a moment."})
	}
	if p := r.authenticate(); p != nil {
		return r.refuse(p)
	}
	switch {
	case e.generates():
		return r.exchange(first.end)
	case e == listModels || e == oneModel:
		return r.models()
	case e == oneGeneration || e == report || e == credits:
		return r.records()
	default:
		return r.refuse(e.refuse(r.head.path))
	}
}

func (r *routing) authenticate() (p *llm.Problem) {
	if c := r.view.catalog; c.Open {
		return r.head.local(c.Listen.CORSOrigins)
	}
	token, isToken := r.head.presented.JWT()
	if !isToken || !r.view.tokens.Trusts() {
		r.key, p = r.view.keys.Check(&r.head.presented, r.started)
		if b := r.s.books; p == nil && r.key.Origin == identity.FromDirectory && b != nil && b.Used != nil {
			b.Used(r.key.ID)
		}
		return p
	}
	if r.key, p = r.view.tokens.Verify(r.st.Context(), token); p == nil {
		r.key, p = r.view.keys.Admit(r.key)
	}
	return p
}

// exchange is a request that wants a model.
func (r *routing) exchange(bodiless bool) error {
	limits := r.view.catalog.Limits
	if p := r.head.checkPost(limits.Body); p != nil {
		return r.refuse(p)
	}
	if bodiless {
		return r.refuse(noBody("The request has no body; send a JSON object with model and messages."))
	}
	body, p, err := r.collect(limits.Body)
	if err != nil {
		return nil //nolint:nilerr // the client left while it sent its body
	}
	if p != nil {
		return r.refuse(p)
	}
	x, p := r.plan(body)
	switch {
	case p != nil:
	case len(x.chain.Targets) == 0:
		r.s.table.letGo(len(body))
		if p := r.answered(r.st.Context(), x); p != nil {
			return r.refuse(p)
		}
		return r.estimate(x)
	default:
		p = r.register(x)
	}
	if p != nil {
		r.s.table.letGo(len(body))
		return r.refuse(p)
	}
	if x.express {
		return r.sendExpress(x)
	}
	return r.send(x)
}

// register opens the exchange: what it may cost is set aside, and attempts find
// it.
func (r *routing) register(x *exchange) *llm.Problem {
	if p := r.reserve(r.st.Context(), x); p != nil {
		return p
	}
	x.seen = r.s.now() // the body may have taken longer than any silence
	if x.kept {
		x.contents = r.requested(x.body)
	}
	if !r.s.table.add(x) {
		r.s.table.letGo(x.contentsHeld())
		r.spent(x, quota.Amounts{})
		return full()
	}
	return nil
}

// plan scans the body once and decides who serves it. A chain without targets
// is for estimate.
func (r *routing) plan(body []byte) (*exchange, *llm.Problem) {
	codec := r.asked.codec()
	env, p := codec.Scan(body)
	if p != nil {
		return nil, p
	}
	if r.asked.model != "" {
		env.Model, env.Stream = r.asked.model, r.asked.stream
	}
	m, p := r.resolve(env.Model)
	if p != nil {
		return nil, p
	}
	ch, p := r.chain(m, &env, len(body))
	if p != nil {
		return nil, p
	}
	if len(ch.Targets) == 0 && !r.asked.endpoint.counts() {
		return nil, &llm.Problem{
			Kind: llm.Unsupported, Param: "model",
			Message: "No provider of " + m.Name + " serves " + r.asked.endpoint.String() + ".",
		}
	}
	x := &exchange{
		id: r.id, view: r.view, key: r.key, own: r.own(), asked: r.asked, vendor: r.head.vendor, codec: codec, envelope: env, chain: ch,
		model: m.Name, started: r.started, seen: r.started, body: body, size: int64(len(body)),
	}
	x.kept = r.view.catalog.Generations.Contents && r.s.books != nil
	if x.express = r.expresses(x); x.express {
		x.served = meter.Express
	} else {
		x.direct = direct{}
	}
	return x, nil
}

// own are the provider keys of the tenant that asks; nil = it has none.
func (r *routing) own() *credential.Own {
	if r.key == nil {
		return nil
	}
	return r.view.owns[r.key.Tenant]
}

// resolve finds the model a client names.
func (r *routing) resolve(name string) (*catalog.Model, *llm.Problem) {
	w := chain.Wish{Name: name, Creator: endpoints[r.asked.endpoint].creator, Param: "model", Allowed: r.allowed}
	return w.Find(r.view.catalog)
}

func (r *routing) allowed(model string) bool { return r.key == nil || r.key.Allows(model) }

// bytesPerToken estimates input tokens from a request's bytes.
const bytesPerToken = 4

func (r *routing) chain(m *catalog.Model, env *dialect.Envelope, size int) (chain.Chain, *llm.Problem) {
	if !r.view.ready {
		return chain.Chain{}, &llm.Problem{Kind: llm.Overloaded, RetryAfter: time.Second, Message: "The gateway has no routes yet; try again in a moment."}
	}
	client := r.asked.dialect
	in := chain.Input{
		Catalog: r.view.catalog, Order: r.view.order, Model: m, Options: env.Options, Needs: env.Needs,
		InputTokens: int64(size / bytesPerToken), MaxTokens: env.MaxTokens,
		Cooling: r.s.cooling, Now: r.started, Allowed: r.allowed,
		Serves: func(t *chain.Target) bool { return table.For(client, t.Dialects) != nil },
	}
	if own := r.own(); own != nil {
		in.Own, in.OwnOnly = own.Has, !r.view.catalog.Quota.OwnFallback
	}
	if ch, ok := r.view.defaults.For(in); ok {
		return ch, nil
	}
	return chain.Build(in)
}
