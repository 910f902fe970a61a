package guard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy/binary"
)

// envoyProcess is a real Envoy that runs one static configuration.
type envoyProcess struct {
	admin     string
	listeners map[string]string
	log       *lockedBuffer
}

// lockedBuffer lets a test read a process's output while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// startEnvoy runs Envoy with that static_resources block until the test ends.
// A crash fails the test.
func startEnvoy(t *testing.T, resources string) *envoyProcess {
	t.Helper()
	path, _, err := binary.Find(t.Context(), binary.Options{Progress: os.Stderr})
	if err != nil {
		t.Fatalf("the guard is proven on the real Envoy and does not skip: %v", err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "envoy.yaml")
	address := filepath.Join(dir, "admin")
	head := "admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}\n" +
		"bootstrap_extensions:\n- name: envoy.bootstrap.internal_listener\n  typed_config:\n" +
		"    '@type': type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener\n"
	if err := os.WriteFile(config, []byte(head+resources), 0o600); err != nil {
		t.Fatal(err)
	}
	e := &envoyProcess{log: &lockedBuffer{}}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "-c", config, "--admin-address-path", address,
		"--disable-hot-restart", "--concurrency", "2", "--log-level", "warning", "--component-log-level", "misc:error")
	cmd.Stdout, cmd.Stderr = e.log, e.log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() {
		select {
		case err := <-exited:
			t.Errorf("Envoy ended by itself: %v\n%s", err, e.log)
		default:
			cancel()
			<-exited //nolint:errcheck // cancel killed it
		}
		cancel()
		if t.Failed() {
			t.Logf("Envoy's log:\n%s", e.log)
		}
	})
	e.waitReady(t, address)
	return e
}

func (e *envoyProcess) waitReady(t *testing.T, address string) {
	t.Helper()
	eventually(t, func() error {
		b, err := os.ReadFile(address)
		if err == nil && len(b) == 0 {
			err = errors.New("the file is empty")
		}
		if err != nil {
			return fmt.Errorf("no admin address yet: %w", err)
		}
		e.admin = "http://" + string(b)
		body, err := e.get("/ready")
		if err == nil && strings.TrimSpace(body) != "LIVE" {
			err = fmt.Errorf("state %q", body)
		}
		return err
	})
	body, err := e.get("/listeners?format=json")
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Listeners []struct {
			Name    string `json:"name"`
			Address struct {
				Socket struct {
					Address string `json:"address"`
					Port    int    `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	e.listeners = map[string]string{}
	for _, l := range answer.Listeners {
		e.listeners[l.Name] = fmt.Sprintf("%s:%d", l.Address.Socket.Address, l.Address.Socket.Port)
	}
}

func (e *envoyProcess) get(path string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.admin+path, http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

// eventually polls a condition until it holds or ten seconds have passed.
func eventually(t *testing.T, condition func() error) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal(err)
		}
	}
}
