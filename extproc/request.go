package extproc

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// request answers the request headers with the whole request for this target,
// or, where the target must not be tried again, with the verdict.
func (a *attempt) request() (done bool, err error) {
	if stop, wait := a.repeats(); stop {
		return true, a.sendVerdict()
	} else if wait > 0 && !a.s.wait(a.st.Context(), wait) {
		return true, nil
	}
	body, ok := a.x.pristine()
	if !ok { // an earlier attempt's answer was committed, and broke off before Envoy had sent any of it
		return true, a.pass(&llm.Problem{
			Kind: llm.Overloaded, RetryAfter: time.Second, Message: "The answer broke off as it began; send the request again.",
		})
	}
	target := a.x.dialectTarget(&a.target)
	out, p := a.encode(body, target)
	if p == nil && len(a.dropped) > 0 && a.x.envelope.Options.Strict {
		p = inexpressible(a.dropped)
	}
	if p != nil {
		return true, a.refuse(p)
	}
	call := a.x.call(a.codec, &a.target, target)
	call.Body = out
	keys, err := a.x.authorize(&a.target, &call, a.s.now())
	if err != nil {
		return true, a.refuse(unauthorized(err))
	}
	err = a.st.SendMsg(a.requestReply(&call, keys))
	a.letGo()
	return false, err
}

// requestReply is the message that makes Envoy send the call.
func (a *attempt) requestReply(call *credential.Call, keys []credential.Header) *reply {
	r := &reply{part: toRequestHeaders, op: replaceBody, more: call.Body, remove: a.x.expressHeaders}
	r.set = []setHeader{
		{":path", []byte(call.Path)},
		{envoy.LengthHeader, strconv.AppendInt(nil, int64(r.bodySize()), 10)},
		{"content-type", []byte("application/json")},
	}
	if a.codec.StreamType != "" && a.x.envelope.Stream {
		r.set = append(r.set, setHeader{"accept", []byte(a.codec.StreamType)})
	}
	set, remove := a.x.callHeaders(a.codec, keys)
	r.set, r.remove = append(r.set, set...), slices.Concat(r.remove, remove)
	r.facts = appendFacts(make([]byte, 0, 224), envoy.ExchangeNamespace,
		fact{envoy.FactExchange, a.x.id.text()}, fact{envoy.FactAttempt, strconv.Itoa(a.number)}, fact{envoy.FactModel, a.target.Model.Name},
		fact{envoy.FactDialect, string(a.x.codec.Name)}, fact{envoy.FactSurface, string(table.Family(a.x.codec.Name))})
	if !a.translate {
		r.facts = append(r.facts, guardOrders(a.codec.Name, a.x.envelope.Stream && !a.x.envelope.WantsUsage)...)
	}
	return r
}

// refuse is a problem this target has with the request before it is sent:
// another may not have it. One that no target could serve is the client's.
func (a *attempt) refuse(p *llm.Problem) error {
	o := chain.Outcome{Status: p.Kind.Status(), Problem: p}
	if _, next := chain.Classify(o); !next {
		return a.pass(p)
	}
	return a.fail(o)
}

// unauthorized is a call that no credential can be had for.
func unauthorized(err error) *llm.Problem {
	if p := (*llm.Problem)(nil); errors.As(err, &p) {
		return p
	}
	return &llm.Problem{Kind: llm.Unauthenticated, Message: "the gateway has no valid credential for the provider", Cause: err}
}

func inexpressible(fields []string) *llm.Problem {
	return &llm.Problem{
		Kind: llm.Inexpressible, Param: fields[0],
		Message: "The request asks for strictness, and the target has no words for " + joinShort(fields) + ".",
	}
}

// dialectTarget is what dialects must know of a target.
func (e *exchange) dialectTarget(t *chain.Target) dialect.Target {
	p := t.Provider
	return dialect.Target{
		ID: t.ID, BasePath: p.BaseURL.Path, Genuine: p.Genuine(), Platform: dialect.Platform(p.Platform), APIVersion: p.APIVersion,
		MaxOutput: t.Output, Quirks: &p.Quirks, Betas: e.betas(), AddUsage: e.envelope.Stream && !e.envelope.WantsUsage,
	}
}

// call is the call of a target, but for its body.
func (e *exchange) call(c *dialect.Codec, t *chain.Target, target dialect.Target) credential.Call {
	u := &t.Provider.BaseURL
	return credential.Call{Method: http.MethodPost, Authority: u.Authority(), Path: u.Path + c.Path(&e.envelope, target)}
}

// authorize gives the headers that authorize a call to a target, by the account
// that pays for it.
func (e *exchange) authorize(t *chain.Target, c *credential.Call, now time.Time) ([]credential.Header, error) {
	if t.Own {
		return e.own.Authorize(t.Provider)
	}
	return e.view.credentials.Authorize(t.Provider.Name, c, now)
}

// redact takes our credential, and the tenant's own, out of what a provider
// said, should it repeat them.
func (e *exchange) redact(provider string, body []byte) []byte {
	return e.own.Redact(e.view.catalog.Provider(provider), e.view.credentials.Redact(provider, body))
}

// translates tells whether a target's answer comes in other words than the
// client's: in another dialect, as one array, or because the operator wants it:
// for the model, or to keep what is said, which only passes here then.
func (e *exchange) translates(c *dialect.Codec, t *chain.Target) bool {
	return c != e.codec || t.Model.Lane == catalog.LaneTranslate || e.asked.array || e.kept
}

// decode reads the client's request. Gemini's model and stream stand in the path.
func (e *exchange) decode(body []byte) (*llm.Request, *llm.Problem) {
	rq, p := e.codec.DecodeRequest(body)
	if p == nil {
		rq.Model, rq.Stream = e.envelope.Model, e.envelope.Stream
	}
	return rq, p
}

// wishes are what of a decoded request shapes the answer.
type wishes struct {
	freeText []string // tools whose calls are free text
	base64   bool     // vectors are wanted in base64
}

func wishesOf(rq *llm.Request) wishes {
	return wishes{rq.FreeText(), rq.Embed != nil && rq.Embed.Base64}
}

// inlines tells whether the target needs media as bytes; Claude on Vertex reads
// no URLs either.
func inlines(c *dialect.Codec, t dialect.Target) bool {
	return c.Inlines || t.Platform == dialect.Vertex
}

// patches tells whether the target takes the request as the client wrote it, but
// for a few members: in the client's dialect, without what its quirks want
// otherwise, and without media by URL where the platform reads none and the
// dialect itself does.
func (e *exchange) patches(body []byte, c *dialect.Codec, t dialect.Target) bool {
	const media = llm.NeedImages | llm.NeedFiles
	if c != e.codec || e.envelope.Uses.Meets(t.Quirks) {
		return false
	}
	return c.Inlines || !inlines(c, t) || e.envelope.Needs&media == 0 || !bytes.Contains(body, []byte(`"url"`))
}

// bodyRoom is what a request grows by in bytes, as a rule.
const bodyRoom = 64

// encode writes the request for this target, always from the pristine one:
// patched where the target speaks the client's dialect as the client does.
func (a *attempt) encode(body []byte, t dialect.Target) (out [][]byte, p *llm.Problem) {
	if a.target.Model.Lane != catalog.LaneTranslate && a.x.patches(body, a.codec, t) {
		return a.codec.Patch(body, &a.x.envelope, t), nil
	}
	rq, p := a.x.decode(body)
	if p != nil {
		return nil, p
	}
	a.wishes = wishesOf(rq)
	if inlines(a.codec, t) {
		held, p := a.s.inline(a.st.Context(), rq, a.codec.Fetches, a.x.view.catalog.Limits.Body-int64(len(body)))
		if a.kept += held; p != nil {
			return nil, p
		}
	}
	text, dropped, p := a.codec.EncodeRequest(make([]byte, 0, len(body)+bodyRoom), rq, t)
	a.dropped = dropped
	return [][]byte{text}, p
}

// joinShort joins names for a header or a message, cut short. Some are a
// client's own, and only visible ASCII may stand in a header.
func joinShort(names []string) string {
	const most = 1000
	text := strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, strings.Join(names, ", "))
	if len(text) <= most {
		return text
	}
	if at := strings.LastIndexByte(text[:most], ','); at > 0 {
		return text[:at] + ", ..."
	}
	return text[:most] + "..."
}

// guardOrders are what the guard of an answer that passes untouched must do: read
// its end, make that of a stream tell the truth, and take out usage nobody asked
// for where the gateway asked for it.
func guardOrders(d llm.Dialect, dropUsage bool) []byte {
	if d != llm.OpenAI || !dropUsage {
		return guardTails[d]
	}
	return guardDrop
}

// The orders a guard can get, encoded once.
var (
	guardDrop  = appendFacts(nil, envoy.GuardNamespace, fact{envoy.GuardUsage, "drop"}, fact{envoy.GuardTail, string(llm.OpenAI)})
	guardTails = func() map[llm.Dialect][]byte {
		tails := map[llm.Dialect][]byte{}
		for _, d := range []llm.Dialect{llm.OpenAI, llm.Responses, llm.Anthropic, llm.Gemini, llm.Embeddings} {
			tails[d] = appendFacts(nil, envoy.GuardNamespace, fact{envoy.GuardTail, string(d)})
		}
		return tails
	}()
)
