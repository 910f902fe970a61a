package envoytest

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// wire lets connections through to a server and can be cut as a network is:
// nothing is refused and nothing ends, but what is sent does not arrive before
// the wire is whole again, as TCP sends it again and again.
type wire struct {
	listener net.Listener
	to       string
	ctx      context.Context // of its goroutines
	held     atomic.Int64    // pieces that had to wait

	mu sync.Mutex
	// cut are the directions in which nothing passes; healed is closed when that
	// changes. Both guarded by mu.
	cut    direction
	healed chan struct{}
}

// direction is a set of directions.
type direction uint8

const (
	toServer direction = 1 << iota
	toClient
)

// startWire makes a wire to a server for the length of a test.
func startWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context())) // replicas end later than the test
	w := &wire{listener: l, to: to, ctx: ctx, healed: make(chan struct{})}
	var all sync.WaitGroup
	t.Cleanup(func() { cancel(); _ = l.Close(); all.Wait() })
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { w.carry(c) })
		}
	})
	return w
}

// Addr is where the wire begins.
func (w *wire) Addr() string { return w.listener.Addr().String() }

// Cut stops all that goes in some directions; 0 makes the wire whole.
func (w *wire) Cut(d direction) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = d
	close(w.healed)
	w.healed = make(chan struct{})
}

// await waits until something can pass in a direction; false: it never will.
func (w *wire) await(d direction) bool {
	for first := true; ; first = false {
		w.mu.Lock()
		cut, healed := w.cut&d != 0, w.healed
		w.mu.Unlock()
		if !cut {
			return w.ctx.Err() == nil
		}
		if first {
			w.held.Add(1)
		}
		select {
		case <-healed:
		case <-w.ctx.Done():
			return false
		}
	}
}

// carry is one connection.
func (w *wire) carry(client net.Conn) {
	defer client.Close() //nolint:errcheck // it may have ended
	if !w.await(toServer) {
		return
	}
	server, err := new(net.Dialer).DialContext(w.ctx, "tcp", w.to)
	if err != nil {
		return // the client sees the end, as it does of a server that is down
	}
	defer server.Close() //nolint:errcheck // it may have ended
	defer context.AfterFunc(w.ctx, func() { _, _ = client.Close(), server.Close() })()
	var both sync.WaitGroup
	both.Go(func() { w.pass(server, client, toServer) })
	both.Go(func() { w.pass(client, server, toClient) })
	both.Wait()
}

// pass carries bytes one way, until there are no more.
func (w *wire) pass(to, from net.Conn, d direction) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if !w.await(d) {
			return
		}
		if _, e := to.Write(buffer[:n]); e != nil || err != nil {
			if d == toServer && err == io.EOF { //nolint:errorlint // io.Reader's own
				_ = to.(*net.TCPConn).CloseWrite() // what was sent before arrives
				return
			}
			_, _ = to.Close(), from.Close()
			return
		}
	}
}
