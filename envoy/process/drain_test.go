package process_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy/process"
)

// answer is what a client got.
type answer struct {
	body string
	err  error
}

func ask(address string) <-chan answer {
	got := make(chan answer, 1)
	go func() {
		body, err := fetch("http://" + address)
		got <- answer{body, err}
	}()
	return got
}

func TestDrainWaitsForTheRequestInFlight(t *testing.T) {
	upstream, arrived, release := slowUpstream(t)
	p := mustStart(t, process.Config{Bootstrap: bootstrap("127.0.0.1:0", upstream)})
	address := listenerAddress(t, p)
	got := ask(address)
	<-arrived

	drained := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	go func() { drained <- p.Drain(ctx, "edge.test") }()
	waitFor(t, "readiness going away", func() bool {
		body, err := fetch("http://" + p.AdminAddr() + "/ready")
		return err == nil && body == "DRAINING\n"
	})
	select {
	case err := <-drained:
		t.Fatalf("drained with a request in flight: %v", err)
	default:
	}
	close(release)
	if a := <-got; a.err != nil || a.body != "late" {
		t.Errorf("the request in flight got %q, error %v", a.body, a.err)
	}
	if err := <-drained; err != nil {
		t.Fatal(err)
	}
	if _, err := fetch("http://" + address); err == nil {
		t.Error("the listener is still open")
	}
	if p.ExitErr() != nil {
		t.Errorf("draining ended Envoy: %v", p.ExitErr())
	}
}

func TestDrainEndsAtItsDeadlineAndCountsWhatIsLeft(t *testing.T) {
	upstream, arrived, release := slowUpstream(t)
	p := mustStart(t, process.Config{Bootstrap: bootstrap("127.0.0.1:0", upstream)})
	address := listenerAddress(t, p)
	got := ask(address)
	<-arrived
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	err := p.Drain(ctx, "edge.test")
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "requests still active: 1") {
		t.Errorf("error %v", err)
	}
	if _, err := fetch("http://" + address); err == nil {
		t.Error("the listener is still open")
	}
	close(release)
	if a := <-got; a.err != nil || a.body != "late" {
		t.Errorf("the request got %q, error %v", a.body, a.err)
	}
}

func TestDrainOfAnEnvoyThatHasEndedFails(t *testing.T) {
	p := mustStart(t, process.Config{Bootstrap: bootstrap("127.0.0.1:0", "")})
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.Drain(t.Context(), "edge.test"); err == nil {
		t.Error("no error")
	}
}
