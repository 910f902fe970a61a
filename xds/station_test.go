package xds

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// protocols are both ways to subscribe; every behaviour holds in both.
var protocols = map[string]protocol{"state of the world": openSotw, "delta": openDelta}

// station is a running server with a connection to it, in virtual time.
type station struct {
	*Server
	t       *testing.T
	conn    *grpc.ClientConn
	metrics *prometheus.Registry
	stop    func()
}

// inBoth runs a test in both protocols and in virtual time, so that "nothing
// more happens" can be said after quiet.
func inBoth(t *testing.T, test func(s *station, open protocol)) {
	t.Helper()
	for name, open := range protocols {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(start(t), open) })
		})
	}
}

func start(t *testing.T) *station {
	t.Helper()
	registry := prometheus.NewRegistry()
	server, err := New(Config{Registerer: registry})
	if err != nil {
		t.Fatal(err)
	}
	listener := bufconn.Listen(1 << 20)
	g := grpc.NewServer()
	server.Register(g)
	conn, err := grpc.NewClient("passthrough:bufconn", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := server.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	served := make(chan error, 1)
	go func() { served <- g.Serve(listener) }()
	s := &station{Server: server, t: t, conn: conn, metrics: registry, stop: func() { cancel(); running.Wait() }}
	t.Cleanup(func() {
		s.stop()
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		g.Stop()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s
}

func (s *station) publish(words string) {
	s.t.Helper()
	if err := s.Publish(gateway(words)); err != nil {
		s.t.Fatal(err)
	}
	synctest.Wait()
}

// expect compares what a subscriber took since the last time.
func expect(t *testing.T, s *subscriber, want ...string) {
	t.Helper()
	synctest.Wait()
	if diff := cmp.Diff(want, s.took()); diff != "" {
		t.Errorf("the subscriber took (-want +got):\n%s", diff)
	}
}

// wait lets virtual time pass.
func wait(d time.Duration) { <-time.After(d); synctest.Wait() }

func (s *station) expectReady(step string) {
	s.t.Helper()
	if st := s.Status(); !st.Ready || st.Step != step {
		s.t.Errorf("status: ready %v (%s) at %s, want ready at %s", st.Ready, st.Reason, st.Step, step)
	}
}

func (s *station) metric(name, label string) float64 {
	s.t.Helper()
	return counted(s.t, s.metrics, name, label)
}

// counted is the value of the metric with that label value, or without labels.
func counted(t *testing.T, registry *prometheus.Registry, name, label string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (len(m.GetLabel()) == 0 || m.GetLabel()[0].GetValue() == label) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("there is no metric %s of %s", name, label)
	return 0
}
