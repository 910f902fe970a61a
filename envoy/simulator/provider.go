package simulator

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"
)

// maxBody is the largest request body that a provider reads, in bytes.
const maxBody = 128 << 20

// Config describes a provider.
type Config struct {
	// Name is what scripts, greetings and control call the provider.
	Name string
	// Region is mentioned in greetings; may be empty.
	Region string
	// Key is the bearer token to expect; empty accepts any, and none.
	Key Secret
	// Models are the ids that are served; empty serves any.
	Models []string
	// Record is how many requests, the latest, are kept whole; 0 keeps none.
	Record int
	// Now is the clock of ids and records; nil is time.Now.
	Now func() time.Time
}

// Secret is a credential that cannot be printed, logged or marshalled.
type Secret string

// Format implements fmt.Formatter for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// MarshalText implements encoding.TextMarshaler.
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// Provider is a scripted provider: an http.Handler that serves POST
// …/chat/completions and GET …/models under any prefix.
type Provider struct {
	config   Config   // immutable after New
	speaks   *dialect // immutable after New
	fault    atomic.Pointer[Script]
	recorder recorder
}

// New makes a provider that speaks OpenAI's dialect.
func New(c Config) *Provider {
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Models = slices.Clone(c.Models)
	return &Provider{config: c, speaks: &openAI, recorder: recorder{keep: c.Record, changed: make(chan struct{})}}
}

// Name is the provider's name.
func (p *Provider) Name() string { return p.config.Name }

// SetFault lays a script over those of all requests from now on. Requests
// under way are not affected.
func (p *Provider) SetFault(s Script) error {
	if err := s.Validate(); err != nil {
		return err
	}
	p.fault.Store(&s)
	return nil
}

// ClearFault ends what SetFault began.
func (p *Provider) ClearFault() { p.fault.Store(nil) }

// Fault is the script that SetFault has set.
func (p *Provider) Fault() (s Script, set bool) {
	if f := p.fault.Load(); f != nil {
		return *f, true
	}
	return Script{}, false
}

// Body gives the exact bytes of the answer to a chat request under its own
// script and the provider's present fault: of a stream, a JSON answer or an
// error, as far as the script lets it come. Neither key nor path are looked
// at. Parts of a stream that are named are left out, with nothing else changed.
func (p *Provider) Body(r Request, omit ...Part) []byte {
	pl := p.plan(&r, p.config.Now())
	if pl.mute {
		return nil
	}
	if pl.stream == nil {
		return pl.body.first(pl.sent)
	}
	var out []byte
	for f := range pl.stream {
		if !slices.Contains(omit, f.part) {
			out = append(out, f.bytes...)
		}
	}
	return out
}

// ServeHTTP implements http.Handler.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e := p.recorder.begin(r, p.config.Now())
	outcome := outcome{}
	defer func() { p.recorder.end(e, p.config.Now(), outcome) }()
	body, err := readBody(w, r)
	var tooLong *http.MaxBytesError
	if err != nil && !errors.As(err, &tooLong) {
		outcome.gone, outcome.err = true, err
		_ = abandon(w, r, false) // the client is gone or owes us a body
		return
	}
	asked := p.recorder.received(e, r, body)
	pl := p.admit(r, &asked, err != nil)
	outcome = p.perform(w, r, pl, e)
}

// admit plans the answer to what came over HTTP: path, method and key first.
func (p *Provider) admit(r *http.Request, asked *Request, tooLong bool) *plan {
	op, f := p.speaks.route(r.Method, r.URL.Path)
	key := p.speaks.key(r.Header)
	switch {
	case f != nil:
		return p.refuse(&Script{}, f)
	case p.config.Key != "" && key != string(p.config.Key):
		return p.refuse(&Script{}, &failure{status: http.StatusUnauthorized, reason: wrongKey, subject: key})
	case tooLong:
		return p.refuse(&Script{}, &failure{status: http.StatusRequestEntityTooLarge, reason: payloadTooLarge})
	case op == opModels:
		return p.planModels()
	}
	return p.plan(asked, p.config.Now())
}

// planModels lists the models, unless the provider's fault forbids.
func (p *Provider) planModels() *plan {
	s, _ := p.Fault()
	if f := p.scripted(&s, &ask{}); f != nil {
		return p.refuse(&s, f)
	}
	pl := p.begin(&s, http.StatusOK)
	pl.header.Set("Content-Type", "application/json")
	pl.body.head = p.speaks.models(p.config.Name, p.config.Now().Unix(), p.config.Models)
	p.planBody(pl, &s)
	pl.dress(&s, false)
	return pl
}

func (p *Provider) serves(model string) bool {
	return len(p.config.Models) == 0 || slices.Contains(p.config.Models, model)
}

// script merges what the request and the provider's fault ask for. All scripts
// of the request are checked, so that a slip is found wherever it stands.
func (p *Provider) script(a *ask) (*Script, *failure) {
	var common, own Script
	var bad *failure
	if a.sim != nil {
		refuse := func(subject, detail string) bool {
			bad = &failure{status: http.StatusBadRequest, reason: badScript, subject: subject, detail: detail}
			return false
		}
		ok := members(a.sim, func(name string, value []byte) bool {
			s, err := ParseScript(value)
			switch {
			case err != nil:
				return refuse("sim."+name, err.Error())
			case name == "*":
				common = s
			case name == p.config.Name:
				own = s
			}
			return true
		})
		if !ok {
			refuse("sim", "want an object of scripts by provider name")
		}
	}
	if bad != nil {
		return nil, bad
	}
	merged := own.over(common)
	if fault := p.fault.Load(); fault != nil {
		merged = fault.over(merged)
	}
	return &merged, nil
}

// readBody reads a request body whole, up to maxBody.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	limited := http.MaxBytesReader(w, r.Body, maxBody)
	if r.ContentLength <= 0 || r.ContentLength > maxBody {
		return io.ReadAll(limited)
	}
	body := make([]byte, r.ContentLength)
	n, err := io.ReadFull(limited, body)
	return body[:n], err
}
