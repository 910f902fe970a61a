package simulator

import (
	"iter"
	"net/http"
	"strconv"
	"time"
)

// afterRole is how long an error after the prelude lets wait.
const afterRole = 50 * time.Millisecond

// ending is what becomes of the connection when a plan is carried out.
type ending uint8

const (
	endWhole ending = iota // the message is complete
	endHang                // wait until the client leaves
	endReset
	endClose
)

// plan is the answer to one request, ready to be carried out.
type plan struct {
	first, firstEvent, pause time.Duration
	// mute answers nothing at all before ending.
	mute   bool
	status int
	header http.Header
	// stream is the body of a stream, else body and sent are used: the first
	// sent bytes of body are written.
	stream iter.Seq[frame]
	body   document
	sent   int
	ending ending

	write  Split
	seed   uint64
	tokens counts
}

// frame is one event as it goes over the wire.
type frame struct {
	part  Part
	bytes []byte
	// wait is the time before it.
	wait time.Duration
	// flush ends a write.
	flush bool
}

// exchange is one request at one provider, in the dialect it speaks.
type exchange struct {
	*Provider
	speaks *dialect
	route  route
	asked  *Request
	now    time.Time
}

// exchange finds the dialect of a request, and whether there is one.
func (p *Provider) exchange(r *Request, now time.Time) (*exchange, bool) {
	d, rt, found := dialectOf(r)
	return &exchange{Provider: p, speaks: d, route: rt, asked: r, now: now}, found
}

// plan decides on the answer to a request of a client that may be here.
func (p *Provider) plan(r *Request, now time.Time) *plan {
	x, _ := p.exchange(r, now)
	return x.plan()
}

func (x *exchange) plan() *plan {
	a, f := ask{route: x.route}, (*failure)(nil)
	if x.route.op != opModels {
		a, f = x.speaks.read(x.route, x.asked)
	}
	if f != nil {
		return x.refuse(&Script{}, f)
	}
	a.header = []byte(x.asked.Header.Get(scriptHeader))
	s, f := x.script(&a)
	if f != nil {
		return x.refuse(&Script{}, f)
	}
	if f = x.scripted(s, &a); f != nil && !x.blocks(f, &a) {
		return x.refuse(s, f)
	}
	if a.op != opModels && !x.serves(a.model) {
		return x.refuse(s, &failure{status: http.StatusNotFound, reason: unknownModel, subject: a.model})
	}
	pl := x.begin(s, http.StatusOK)
	pl.seed = a.seed
	switch a.op {
	case opModels:
		pl.body.head = x.speaks.models(x.config.Name, x.now.Unix(), x.config.Models)
	case opCount:
		if s.Usage != nil && s.Usage.Prompt != nil {
			a.prompt = *s.Usage.Prompt
		}
		pl.body.head = x.speaks.count(&a)
	case opEmbeddings:
		e := x.embedding(&a, s)
		if pl.body.head = x.speaks.embed(&a, e); x.speaks.embedHeaders != nil {
			x.speaks.embedHeaders(pl.header, e)
		}
		pl.tokens.prompt = a.prompt
	default:
		x.planChat(pl, s, &a)
		return pl
	}
	pl.header.Set("Content-Type", "application/json")
	x.planBody(pl, s)
	pl.dress(s, wire{}, false)
	return pl
}

// blocks tells whether a failure is an answer that says nothing: a prompt that
// is refused, in a dialect that answers so.
func (x *exchange) blocks(f *failure, a *ask) bool {
	return f.reason == contentRefused && f.status == http.StatusBadRequest && x.speaks.blocks && a.op == opChat
}

// planChat plans what is said, as a stream or in one piece.
func (x *exchange) planChat(pl *plan, s *Script, a *ask) {
	said := x.compose(a, s, x.asked, x.now)
	said.hidden = said.redacted || x.speaks.hides != nil && x.speaks.hides(said)
	if x.speaks.headers != nil {
		x.speaks.headers(pl.header, said.id)
	}
	if said.usage != nil {
		pl.tokens = *said.usage
	}
	if a.stream {
		pl.header.Set("Content-Type", a.framing.contentType())
		pl.header.Set("Cache-Control", "no-cache")
	} else {
		pl.header.Set("Content-Type", "application/json")
	}
	if a.stream && !s.HTML && !s.Empty {
		x.planStream(pl, s, said)
	} else {
		pl.body = x.speaks.answer(said)
		x.planBody(pl, s)
	}
	pl.dress(s, a.framing, a.stream)
}

// scripted is the failure the script asks for, if any.
func (p *Provider) scripted(s *Script, a *ask) *failure {
	f := &failure{status: http.StatusBadRequest, prompt: a.prompt, subject: a.model, retryAfter: s.RetryAfter}
	switch {
	case s.ContextLength:
		f.reason = promptTooLong
	case s.Unsupported != "":
		f.reason, f.subject = unsupportedParameter, s.Unsupported
	case s.Refusal != "":
		f.reason, f.subject = contentRefused, s.Refusal
	case s.Status != 0:
	default:
		return nil
	}
	if s.Status != 0 {
		f.status = s.Status
	}
	return f
}

// refuse plans an error answer; what the script breaks, it breaks too.
func (x *exchange) refuse(s *Script, f *failure) *plan {
	f.code, f.message, f.route = s.Code, s.Message, x.route
	if x.speaks.revise != nil {
		x.speaks.revise(f)
	}
	pl := x.begin(s, f.status)
	pl.header.Set("Content-Type", "application/json")
	if x.speaks.failureHeaders != nil {
		x.speaks.failureHeaders(pl.header, f)
	}
	pl.body.head = x.speaks.failure(f)
	x.planBody(pl, s)
	pl.dress(s, wire{}, false)
	if x.speaks.retryInBody && s.Headers["Retry-After"] == nil {
		pl.header.Del("Retry-After")
	}
	return pl
}

func (p *Provider) begin(s *Script, status int) *plan {
	return &plan{
		first: s.First, firstEvent: s.FirstEvent, pause: s.Pause, write: s.Write,
		status: status, header: http.Header{},
	}
}

// dress sets what a script says of the headers.
func (pl *plan) dress(s *Script, of wire, stream bool) {
	if s.WrongType && stream {
		pl.header.Set("Content-Type", "application/json")
	} else if s.WrongType {
		pl.header.Set("Content-Type", of.contentType())
	}
	if s.RetryAfter > 0 {
		pl.header.Set("Retry-After", strconv.Itoa(s.RetryAfter))
	}
	for name, values := range s.Headers {
		pl.header[name] = values
	}
}

// planBody damages and measures a body that is no stream.
func (x *exchange) planBody(pl *plan, s *Script) {
	_, b := s.breakages()
	switch b {
	case errorFirst, errorAfterRole, errorMid:
		if pl.status == http.StatusOK {
			pl.body = document{head: x.speaks.streamFailure(x.midway(s)).data}
		}
	case garbledFirst, garbledMid:
		pl.body = document{head: []byte(x.speaks.garbage)}
	case page:
		pl.header.Set("Content-Type", "text/html; charset=utf-8")
		pl.body = document{head: []byte(webPage)}
	case empty:
		pl.body = document{}
	}
	length := pl.body.size()
	pl.sent = length
	switch b {
	case truncated:
		pl.sent, length = length/2, length/2
	case hangs, resets, closes:
		pl.breakOff(b, s.place())
		pl.sent = map[Place]int{Prelude: min(1, length), Mid: length / 2}[s.place()]
	}
	if !s.Chunked {
		pl.header.Set("Content-Length", strconv.Itoa(length))
	}
}

// breakOff sets how the plan ends, and whether it says anything before.
func (pl *plan) breakOff(b breakage, at Place) {
	pl.mute = at == Before
	pl.ending = map[breakage]ending{hangs: endHang, resets: endReset, closes: endClose}[b]
}

// midway is the failure of an error event.
func (x *exchange) midway(s *Script) *failure {
	return &failure{status: http.StatusServiceUnavailable, code: s.Code, message: s.Message, route: x.route, midway: true}
}

const webPage = `<!DOCTYPE html>
<html><head><title>Just a moment…</title></head>
<body><h1>The service is being maintained</h1><p>Please come back later.</p></body></html>
`
