package simulator

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
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
	// Key is the bearer token or API key to expect, wherever the vendor takes
	// it; empty accepts any, and none.
	Key Secret
	// AccessKeys open what is signed as AWS asks; with none any well-formed
	// signature does, unless Key is set.
	AccessKeys []AccessKey
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

// Provider is a scripted provider: an http.Handler that serves the vendors'
// paths under any prefix.
type Provider struct {
	config   Config // immutable after New
	fault    atomic.Pointer[Script]
	recorder recorder
}

// New makes a provider that speaks every dialect, each at its own paths.
func New(c Config) *Provider {
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Models = slices.Clone(c.Models)
	return &Provider{config: c, recorder: recorder{keep: c.Record, changed: make(chan struct{})}}
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

// Body gives the exact bytes of the answer to a request under its own script
// and the provider's present fault: of a stream, a JSON answer or an error, as
// far as the script lets it come. The path tells the dialect, a path that no
// dialect knows (such as none) is OpenAI's chat; neither method nor key are
// looked at. Parts of a stream that are named are left out, with nothing else
// changed.
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
	pl := p.admit(&asked, err != nil)
	outcome = p.perform(w, r, pl, e)
}

// admit plans the answer to what came over HTTP: path, method and key first.
func (p *Provider) admit(asked *Request, tooLong bool) *plan {
	x, found := p.exchange(asked, p.config.Now())
	method := cmp.Or(x.route.method, http.MethodPost)
	path, _, _ := strings.Cut(asked.Path, "?")
	switch {
	case !found:
		return x.refuse(&Script{}, &failure{status: http.StatusNotFound, reason: unknownPath, subject: asked.Method + " " + path})
	case asked.Method != method:
		return x.refuse(&Script{}, &failure{status: http.StatusMethodNotAllowed, reason: wrongMethod, subject: method})
	}
	if f := x.speaks.authorize(asked, &p.config); f != nil {
		return x.refuse(&Script{}, f)
	}
	if tooLong {
		return x.refuse(&Script{}, &failure{status: http.StatusRequestEntityTooLarge, reason: payloadTooLarge})
	}
	return x.plan()
}

func (p *Provider) serves(model string) bool {
	return len(p.config.Models) == 0 || slices.Contains(p.config.Models, model)
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
