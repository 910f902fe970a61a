package simulator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Request is what a provider received.
type Request struct {
	Method string
	Path   string // as sent, with query
	Host   string
	Header http.Header
	Body   []byte
}

// Record is a request and what became of it.
type Record struct {
	Request
	Proto   string    // such as "HTTP/1.1"
	Arrived time.Time // its headers
	Status  int       // of the answer; 0 until its headers are sent
	Bytes   int64     // of body written
	Events  int64     // written, of a stream
	// Gone is when the client was seen to have left before the answer's end;
	// zero if it stayed.
	Gone time.Time
	// Ended is when the handler was through; zero while it works.
	Ended time.Time
	// Err is what failed on the connection, nil if nothing was noticed.
	Err error
}

// Stats are counters since New.
type Stats struct {
	Requests int64 `json:"requests"`
	InFlight int64 `json:"in_flight"`
	// Tokens that the provider bills.
	PromptTokens     int64 `json:"prompt_tokens"`
	CompletionTokens int64 `json:"completion_tokens"`
}

// entry is a request under way or kept.
type entry struct {
	bytes, events atomic.Int64
	record        Record // guarded by the recorder's mu
}

// recorder counts requests and keeps the latest.
type recorder struct {
	keep int // immutable

	requests, inFlight, prompt, completion atomic.Int64

	mu sync.Mutex
	// The following are guarded by mu.
	ring    []*entry      // the latest last
	changed chan struct{} // closed and replaced with every change
}

func (r *recorder) begin(req *http.Request, now time.Time) *entry {
	r.requests.Add(1)
	r.inFlight.Add(1)
	e := &entry{record: Record{Proto: req.Proto, Arrived: now}}
	if r.keep <= 0 {
		return e
	}
	e.record.Request = requestOf(req)
	e.record.Header = req.Header.Clone()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ring) >= r.keep {
		r.ring = slices.Delete(r.ring, 0, len(r.ring)-r.keep+1)
	}
	r.ring = append(r.ring, e)
	r.announce()
	return e
}

func requestOf(req *http.Request) Request {
	path := req.RequestURI
	if path == "" { // a handler called without a server
		path = req.URL.RequestURI()
	}
	return Request{Method: req.Method, Path: path, Host: req.Host, Header: req.Header}
}

// received adds the body and gives the whole request.
func (r *recorder) received(e *entry, req *http.Request, body []byte) Request {
	whole := requestOf(req)
	whole.Body = body
	r.change(e, func(kept *Record) { kept.Body = body })
	return whole
}

// answered notes that headers were sent.
func (r *recorder) answered(e *entry, status int) {
	r.change(e, func(kept *Record) { kept.Status = status })
}

func (r *recorder) end(e *entry, now time.Time, o outcome) {
	r.inFlight.Add(-1)
	r.change(e, func(kept *Record) {
		kept.Ended, kept.Err = now, o.err
		if o.gone {
			kept.Gone = now
		}
	})
}

// change edits an entry that is kept, and wakes who waits for it.
func (r *recorder) change(e *entry, edit func(*Record)) {
	if r.keep <= 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	edit(&e.record)
	r.announce()
}

// announce wakes all who wait. Caller must hold mu.
func (r *recorder) announce() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// snapshot copies what is kept and gives the channel that the next change
// closes.
func (r *recorder) snapshot() ([]Record, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Record, len(r.ring))
	for i, e := range r.ring {
		out[i] = e.record
		out[i].Bytes, out[i].Events = e.bytes.Load(), e.events.Load()
	}
	return out, r.changed
}

// Records gives the latest requests, oldest first, those under way too. Headers
// and bodies are shared and must not be altered.
func (p *Provider) Records() []Record {
	records, _ := p.recorder.snapshot()
	return records
}

// ErrNoRecord means that no record met a condition in time.
var ErrNoRecord = errors.New("no such request was recorded")

// Await waits for a record that meets a condition and returns the oldest. It
// looks when a request arrives, is answered or ends, not at every event. When
// ctx is done it returns ErrNoRecord. It needs Config.Record.
func (p *Provider) Await(ctx context.Context, meets func(Record) bool) (Record, error) {
	for {
		records, changed := p.recorder.snapshot()
		if i := slices.IndexFunc(records, meets); i >= 0 {
			return records[i], nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Record{}, fmt.Errorf("%w: %w among %d", ErrNoRecord, context.Cause(ctx), len(records))
		}
	}
}

// Stats gives the counters.
func (p *Provider) Stats() Stats {
	return Stats{
		Requests: p.recorder.requests.Load(), InFlight: p.recorder.inFlight.Load(),
		PromptTokens: p.recorder.prompt.Load(), CompletionTokens: p.recorder.completion.Load(),
	}
}
