package redis

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/storetest/redistest"
)

func TestARestartKeepsWhatWasSavedAndLeasesComeBackEitherWay(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		used quota.Amount
	}{
		{"with persistence", []string{"--appendonly", "yes", "--appendfsync", "always"}, 7},
		{"without", nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := redistest.Start(t, test.args...)
			r := newReplica(t, opened(t, Options{Addrs: []string{server.Addr()}}, nil), "a")
			r.call(quota.Call{Batch: 1, Settled: []quota.Charge{charge(1, 7)}, Asks: []quota.Ask{need(1, 100, 50), need(2, 100, 30)}})
			server.Kill()
			if _, err := r.try(bounded(t, time.Second), quota.Call{Asks: []quota.Ask{hold(1, 100, 50)}}); err == nil {
				t.Error("a server that is down answers")
			}
			server.Restart()
			again := quota.Call{Batch: 1, Settled: []quota.Charge{charge(1, 7)}, Asks: []quota.Ask{hold(1, 100, 50), hold(2, 100, 30)}}
			want := []quota.Lease{{Lease: 50, Used: 7, Before: test.used, Leased: 50}, {Lease: 30, Leased: 30}}
			if diff := cmp.Diff(want, r.repeated(again)); diff != "" {
				t.Errorf("leases (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCallsToAPausedServerEndInTimeAndArriveLateWithoutHarm(t *testing.T) {
	server := redistest.Start(t)
	r := newReplica(t, opened(t, Options{Addrs: []string{server.Addr()}}, nil), "a")
	r.leases(need(1, 100, 10), need(2, 100, 10))
	server.Pause()
	settled := []quota.Charge{charge(1, 4), charge(3, 5)}
	calls := []quota.Call{
		{Batch: 1, Settled: settled, Asks: []quota.Ask{hold(1, 100, 6), need(2, 100, 90)}},
		{Batch: 1, Settled: settled, Asks: []quota.Ask{need(3, 100, 80)}},
		{Batch: 1, Settled: settled, Asks: []quota.Ask{hold(1, 100, 6), need(4, 100, 70)}},
	}
	for _, c := range calls {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		start := time.Now()
		_, err := r.try(ctx, c)
		took := time.Since(start)
		cancel()
		if !timedOut(err) {
			t.Errorf("error %v", err)
		}
		if took > 500*time.Millisecond {
			t.Errorf("a call of 20 ms took %s", took)
		}
	}
	server.Resume()
	// What the repeated call does not speak of, the late ones may have changed
	// before it, and nothing changes after it.
	leases := r.repeated(quota.Call{Batch: 1, Settled: settled, Asks: []quota.Ask{hold(1, 100, 6), hold(2, 100, 10), hold(3, 100, 0), hold(4, 100, 0)}})
	want := []quota.Amount{6, 10, 0, 0}
	for i, l := range leases {
		if l.Lease != want[i] {
			t.Errorf("lease %d is %d, want %d", i+1, l.Lease, want[i])
		}
	}
	r.standing(1, quota.Standing{Used: 4, Leased: 6})
	r.standing(2, quota.Standing{Leased: 10})
	r.standing(3, quota.Standing{Used: 5})
	r.standing(4, quota.Standing{})
}

// A call that has timed out reaches its shards after a later one has spoken of
// others only.
func TestALateCallIsStaleInShardsThatTheNextOneHadNothingFor(t *testing.T) {
	server := redistest.Start(t)
	r := newReplica(t, opened(t, Options{Addrs: []string{server.Addr()}}, nil), "a")
	r.leases(need(1, 100, 10))
	link := newLink(t, server.Addr())
	slow := newReplica(t, opened(t, Options{Addrs: []string{link.addr()}}, nil), "a")
	slow.seq = r.seq
	slow.leases(hold(1, 100, 10)) // its connection stands
	link.hold()
	r.seq = slow.seq
	if _, err := slow.try(bounded(t, 100*time.Millisecond), quota.Call{Asks: []quota.Ask{need(2, 100, 50)}}); !timedOut(err) {
		t.Errorf("a call over a link that holds it back: %v", err)
	}
	link.awaitHeld(t)
	// The same process goes on over a better link.
	slow.store.client, r.store.client = r.store.client, slow.store.client
	slow.leases(hold(1, 100, 9))
	link.release()
	slow.leases(hold(1, 100, 8))
	slow.store.client, r.store.client = r.store.client, slow.store.client
	r.standing(2, quota.Standing{})
	r.standing(1, quota.Standing{Leased: 8})
}

func TestAPartitionLosesNothing(t *testing.T) {
	server := redistest.Start(t)
	link := newLink(t, server.Addr())
	r := newReplica(t, opened(t, Options{Addrs: []string{link.addr()}}, nil), "a")
	r.leases(need(1, 1000, 100))
	for batch := uint64(1); batch <= 3; batch++ {
		link.cut()
		c := quota.Call{Batch: batch, Settled: []quota.Charge{charge(1, 10)}, Asks: []quota.Ask{hold(1, 1000, 100)}}
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			start := time.Now()
			if _, err := r.try(ctx, c); err == nil {
				t.Error("a call passes a cut link")
			}
			if took := time.Since(start); took > 500*time.Millisecond {
				t.Errorf("a call of 50 ms took %s", took)
			}
			cancel()
		}
		link.join()
		if l := r.repeated(c)[0]; l.Used != quota.Amount(10*batch) || l.Lease != 100 {
			t.Errorf("batch %d: %+v", batch, l)
		}
	}
}

func TestAServerThatForgetsTheScriptIsGivenIt(t *testing.T) {
	server := redistest.Start(t)
	r := newReplica(t, opened(t, Options{Addrs: []string{server.Addr()}}, nil), "a")
	for i := range quota.Amount(3) {
		if err := server.Client().ScriptFlush(bounded(t, 5*time.Second)).Err(); err != nil {
			t.Fatal(err)
		}
		got := r.call(quota.Call{Batch: uint64(i + 1), Settled: []quota.Charge{charge(1, 1)}, Asks: []quota.Ask{hold(1, 100, 5), hold(2, 100, 5)}})
		if got[0].Used != i+1 || got[0].Lease != 5 {
			t.Errorf("%+v", got)
		}
		if err := server.Client().ScriptFlush(bounded(t, 5*time.Second)).Err(); err != nil {
			t.Fatal(err)
		}
		r.standing(1, quota.Standing{Used: i + 1, Leased: 5})
	}
}

func TestACallOfWhichAShardFailedIsSafeToRepeat(t *testing.T) {
	server := redistest.Start(t)
	r := newReplica(t, opened(t, Options{Addrs: []string{server.Addr()}}, nil), "a")
	r.leases(need(1, 100, 10), need(2, 100, 10))
	client := server.Client()
	ctx := bounded(t, 10*time.Second)
	owners := r.store.tag(2) + ":o"
	if err := errors.Join(client.Rename(ctx, owners, owners+"-aside").Err(), client.Set(ctx, owners, "broken", 0).Err()); err != nil {
		t.Fatal(err)
	}
	c := quota.Call{Batch: 1, Settled: []quota.Charge{charge(1, 5), charge(2, 6)}, Asks: []quota.Ask{hold(1, 100, 5), hold(2, 100, 4)}}
	for range 3 {
		if _, err := r.try(ctx, c); err == nil || !strings.Contains(err.Error(), "shard 2: ") || !strings.Contains(err.Error(), "1 of ") {
			t.Errorf("error %v", err)
		}
	}
	r.standing(1, quota.Standing{Used: 5, Leased: 5})
	if err := client.Rename(ctx, owners+"-aside", owners).Err(); err != nil {
		t.Fatal(err)
	}
	want := []quota.Lease{{Lease: 5, Used: 5, Before: 5, Leased: 5}, {Lease: 4, Used: 6, Leased: 4}}
	if diff := cmp.Diff(want, r.call(c)); diff != "" {
		t.Errorf("leases (-want +got):\n%s", diff)
	}
}

// link is a TCP proxy that can be cut, or hold back what clients send.
type link struct {
	to    string
	serve sync.WaitGroup

	mu       sync.Mutex // guards all below
	listener net.Listener
	at       string
	conns    []net.Conn
	gate     chan struct{} // closed when what clients send may pass
	waiting  chan struct{} // closed when something is held back
}

func newLink(t *testing.T, to string) *link {
	t.Helper()
	l := &link{to: to, at: "127.0.0.1:0", gate: make(chan struct{})}
	close(l.gate)
	l.join()
	t.Cleanup(func() {
		l.cut()
		l.serve.Wait()
	})
	return l
}

func (l *link) addr() string { return l.at }

// join lets clients connect, always at the same address.
func (l *link) join() {
	l.mu.Lock()
	defer l.mu.Unlock()
	listener, err := net.Listen("tcp4", l.at)
	if err != nil {
		return // the calls over it fail, and tell
	}
	l.listener, l.at = listener, listener.Addr().String()
	l.serve.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			l.serve.Go(func() { l.carry(conn) })
		}
	})
}

// cut ends all connections and refuses new ones.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.listener.Close()
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.conns = nil
}

// hold keeps back what clients send until release.
func (l *link) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gate, l.waiting = make(chan struct{}), make(chan struct{})
}

func (l *link) release() { close(l.gate) }

func (l *link) awaitHeld(t *testing.T) {
	t.Helper()
	select {
	case <-l.waiting:
	case <-bounded(t, 10*time.Second).Done():
		t.Fatal("nothing came")
	}
}

// carry serves one connection. What was received from a client that has gone
// since still passes, as in a network.
func (l *link) carry(client net.Conn) {
	server, err := net.Dial("tcp4", l.to)
	if err != nil {
		_ = client.Close()
		return
	}
	l.mu.Lock()
	l.conns = append(l.conns, client, server)
	l.mu.Unlock()
	l.serve.Go(func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	})
	buffer := make([]byte, 1<<16)
	for {
		n, err := client.Read(buffer)
		if n > 0 {
			l.pass()
			if _, err := server.Write(buffer[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	if conn, ok := server.(*net.TCPConn); ok {
		_ = conn.CloseWrite()
	}
}

// pass waits at the gate.
func (l *link) pass() {
	l.mu.Lock()
	gate, waiting := l.gate, l.waiting
	l.mu.Unlock()
	select {
	case <-gate:
		return
	default:
	}
	select {
	case <-waiting:
	default:
		close(waiting)
	}
	<-gate
}
