package simulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// maxStreams is how many streams one HTTP/2 connection may carry.
const maxStreams = 1 << 16

// Fleet serves providers, each on a listener of its own, over HTTP/1.1 and
// HTTP/2 with prior knowledge (h2c). The zero Fleet is empty and ready.
type Fleet struct {
	mu sync.Mutex
	// houses are in the order in which they were added; guarded by mu.
	houses []*house
	closed bool // guarded by mu
}

// house is a provider and its address. Guarded by the Fleet's mu.
type house struct {
	provider *Provider
	addr     net.Addr
	open     *session // nil while stopped
}

// ErrUnknownProvider means that the fleet has no provider of a name.
var ErrUnknownProvider = errors.New("unknown provider")

// Add serves a provider on a listener, which it takes over; nil is a port of
// the kernel's choice on 127.0.0.1. Names must differ.
func (f *Fleet) Add(p *Provider, l net.Listener) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return closeAfter(l, http.ErrServerClosed)
	}
	if f.find(p.Name()) != nil {
		return closeAfter(l, fmt.Errorf("provider %q is there already", p.Name()))
	}
	if l == nil {
		var err error
		if l, err = new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0"); err != nil {
			return fmt.Errorf("listen for provider %q: %w", p.Name(), err)
		}
	}
	f.houses = append(f.houses, &house{provider: p, addr: l.Addr(), open: open(p, l)})
	return nil
}

func closeAfter(l net.Listener, err error) error {
	if l == nil {
		return err
	}
	return errors.Join(err, l.Close())
}

// find gives the house of a name, or nil. Caller must hold mu.
func (f *Fleet) find(name string) *house {
	i := slices.IndexFunc(f.houses, func(h *house) bool { return h.provider.Name() == name })
	if i < 0 {
		return nil
	}
	return f.houses[i]
}

// Provider gives the provider of a name, or nil.
func (f *Fleet) Provider(name string) *Provider {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h := f.find(name); h != nil {
		return h.provider
	}
	return nil
}

// URL is where a provider listens, or did before it was stopped: scheme and
// authority without a path. "" if there is no such provider.
func (f *Fleet) URL(name string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h := f.find(name); h != nil {
		return h.url()
	}
	return ""
}

func (h *house) url() string { return "http://" + h.addr.String() }

// Stop closes a provider's listener and connections, as a crash does, and waits
// for its handlers. Connections are refused until Start. Stopping twice is no
// error.
func (f *Fleet) Stop(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.find(name)
	if h == nil {
		return fmt.Errorf("%w: %q", ErrUnknownProvider, name)
	}
	return h.stop()
}

func (h *house) stop() error {
	if h.open == nil {
		return nil
	}
	err := h.open.close()
	h.open = nil
	return err
}

// Start listens again on the address that Stop left. Starting twice is no
// error.
func (f *Fleet) Start(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.find(name)
	switch {
	case f.closed:
		return http.ErrServerClosed
	case h == nil:
		return fmt.Errorf("%w: %q", ErrUnknownProvider, name)
	case h.open != nil:
		return nil
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), h.addr.Network(), h.addr.String())
	if err != nil {
		return fmt.Errorf("listen for provider %q again: %w", name, err)
	}
	h.open = open(h.provider, l)
	return nil
}

// Shutdown refuses connections, lets requests finish until ctx is done, then
// cuts them off. Nothing of the fleet runs when it returns.
func (f *Fleet) Shutdown(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	var all sync.WaitGroup
	for _, h := range f.houses {
		if h.open != nil {
			// Whatever is left when ctx is done is cut off by close below.
			all.Go(func() { _ = h.open.server.Shutdown(ctx) })
		}
	}
	all.Wait()
	var errs []error
	for _, h := range f.houses {
		errs = append(errs, h.stop())
	}
	return errors.Join(errs...)
}

// Close is Shutdown without patience.
func (f *Fleet) Close() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return f.Shutdown(ctx)
}

// session is a listener being served, from open to close.
type session struct {
	server *http.Server
	cancel context.CancelCauseFunc // ends handlers that wait
	served chan error
	work   gate // connections and handlers
}

func open(p *Provider, l net.Listener) *session {
	s := &session{served: make(chan error, 1)}
	var ctx context.Context
	ctx, s.cancel = context.WithCancelCause(context.Background())
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s.server = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// Handlers outlive their connection when it is hijacked or
			// speaks HTTP/2, so they are counted apart.
			if !s.work.enter() {
				_ = abandon(w, r, true)
				return
			}
			defer s.work.leave()
			p.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: 30 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				s.work.enter()
			case http.StateClosed, http.StateHijacked:
				s.work.leave()
			}
		},
		// Connections that break are what a simulator is for.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() { s.served <- s.server.Serve(l) }()
	return s
}

// close cuts all connections and waits for listener and handlers. Handlers that
// wait are told first: they abandon their answer, and know that it was not the
// client who left.
func (s *session) close() error {
	s.cancel(errStopped)
	err := s.server.Close()
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	// A connection accepted while the first Close went through its list is
	// known only now that no more are accepted; the gate closes after that, so
	// every connection that leaves it has entered.
	err = errors.Join(err, s.server.Close())
	s.work.close()
	return err
}

// gate counts those inside and, once closed, lets nobody in.
type gate struct {
	mu     sync.Mutex
	closed bool // guarded by mu
	inside sync.WaitGroup
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.inside.Add(1)
	return true
}

func (g *gate) leave() { g.inside.Done() }

// close waits until nobody is inside.
func (g *gate) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.inside.Wait()
}
