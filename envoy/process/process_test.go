package process_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dragoman-gateway/dragoman/envoy/binary"
	"github.com/dragoman-gateway/dragoman/envoy/process"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(parentVariable); path != "" {
		beParent(path)
	}
	goleak.VerifyTestMain(m)
}

// envoyPath is the pinned Envoy, downloaded at the first use.
func envoyPath(t *testing.T) string {
	t.Helper()
	path, _, err := binary.Find(t.Context(), binary.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// bootstrap has an admin endpoint and one listener whose requests all go to
// the upstream; without one they are answered with 200.
func bootstrap(listen, upstream string) []byte {
	host, port, _ := net.SplitHostPort(listen)
	route := `direct_response: {status: 200, body: {inline_string: hello}}`
	clusters := ""
	if upstream != "" {
		upstreamHost, upstreamPort, _ := net.SplitHostPort(upstream)
		route = `route: {cluster: upstream}`
		clusters = fmt.Sprintf(`
  clusters:
  - name: upstream
    load_assignment:
      cluster_name: upstream
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: %s, port_value: %s}}}}]}]`,
			upstreamHost, upstreamPort)
	}
	return fmt.Appendf(nil, `
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  listeners:
  - name: edge
    address: {socket_address: {address: %s, port_value: %s}}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: edge.test
          route_config: {virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: /}, %s}]}]}
          http_filters:
          - name: router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
%s`, host, port, route, clusters)
}

func start(t *testing.T, c process.Config) (*process.Process, error) {
	t.Helper()
	c.Path, c.Concurrency = envoyPath(t), 2
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return process.Start(ctx, c)
}

func mustStart(t *testing.T, c process.Config) *process.Process {
	t.Helper()
	p, err := start(t, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = p.Stop(ctx)
	})
	return p
}

// fetch makes one request on a connection of its own.
func fetch(url string) (string, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(response.Body)
	return string(body), errors.Join(err, response.Body.Close())
}

// held is a port that is taken as long as the test runs.
func held(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

// listenerAddress asks Envoy where its one listener is.
func listenerAddress(t *testing.T, p *process.Process) string {
	t.Helper()
	text, err := fetch("http://" + p.AdminAddr() + "/listeners")
	if err != nil {
		t.Fatal(err)
	}
	_, address, found := strings.Cut(strings.TrimSpace(text), "::")
	if !found {
		t.Fatalf("listeners: %q", text)
	}
	return address
}

// journal is a log sink that tests may read while Envoy runs.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// waitFor polls a condition for twenty seconds.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("%s did not come", what)
		case <-tick.C:
		}
	}
}

func TestStartServesAndStopLeavesNothing(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	p := mustStart(t, process.Config{Bootstrap: bootstrap("127.0.0.1:0", "")})
	if body, err := fetch("http://" + listenerAddress(t, p)); err != nil || body != "hello" {
		t.Errorf("body %q, error %v", body, err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
		t.Errorf("temporary files %v, error %v", left, err)
	}
	if err := p.ExitErr(); err != nil {
		t.Errorf("running, and ExitErr is %v", err)
	}
	var stops sync.WaitGroup
	for range 3 {
		stops.Go(func() {
			if err := p.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	stops.Wait()
	select {
	case <-p.Done():
	default:
		t.Error("Stop returned before the end")
	}
	if err := syscall.Kill(p.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the child is still there: %v", err)
	}
}

func TestABootstrapMayBeJSON(t *testing.T) {
	p := mustStart(t, process.Config{Bootstrap: []byte(`
	{"admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}}}`)})
	if err := p.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestATakenPortIsNamed(t *testing.T) {
	taken := held(t)
	tests := map[string]process.Config{
		"found by Envoy":  {Bootstrap: bootstrap(taken, "")},
		"found before it": {Bootstrap: bootstrap("127.0.0.1:0", ""), Listen: []string{"127.0.0.1:0", taken}},
	}
	for name, config := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := start(t, config)
			var inUse *process.AddressInUseError
			if !errors.As(err, &inUse) || inUse.Address != taken ||
				err.Error() != taken+" is already in use; choose another with --listen" {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestASecondEnvoyOnThePortIsNoticed(t *testing.T) {
	first := mustStart(t, process.Config{Bootstrap: bootstrap("127.0.0.1:0", "")})
	address := listenerAddress(t, first)
	_, err := start(t, process.Config{Bootstrap: bootstrap(address, ""), Listen: []string{address}})
	var inUse *process.AddressInUseError
	if !errors.As(err, &inUse) {
		t.Errorf("error %v", err)
	}
}

func TestABadBootstrapFailsWithEnvoysReason(t *testing.T) {
	invalid := bytes.Replace(bootstrap("127.0.0.1:0", ""), []byte("stat_prefix: edge.test"), []byte(`stat_prefix: ""`), 1)
	tests := []struct {
		name      string
		bootstrap []byte
		want      []string
	}{
		{"a field out of bounds", invalid, []string{"'the bootstrap'", "StatPrefix: value length must be at least 1"}},
		{"an unknown field", []byte("adminn: {}"), []string{"the bootstrap", "adminn"}},
		{"not YAML", []byte("admin: ["), []string{"the bootstrap", "end of sequence flow not found"}},
	}
	check := func(t *testing.T, err error, want []string) {
		t.Helper()
		var exit *process.ExitError
		if !errors.As(err, &exit) || exit.State != "exit status 1" {
			t.Fatalf("error %v", err)
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("error lacks %q: %v", part, err)
			}
		}
		if strings.Contains(err.Error(), "goo.gle/debugproto") || len(err.Error()) > 1000 {
			t.Errorf("error carries a dump: %v", err)
		}
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := start(t, process.Config{Bootstrap: test.bootstrap})
			check(t, err, test.want)
			check(t, process.Validate(t.Context(), envoyPath(t), test.bootstrap), test.want)
		})
	}
}

func TestAGoodBootstrapIsValid(t *testing.T) {
	if err := process.Validate(t.Context(), envoyPath(t), bootstrap(held(t), "")); err != nil {
		t.Error(err)
	}
}

func TestAMissingBinaryIsSaid(t *testing.T) {
	missing := t.TempDir() + "/envoy"
	if _, err := process.Start(t.Context(), process.Config{Path: missing}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Start: %v", err)
	}
	if err := process.Validate(t.Context(), missing, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Validate: %v", err)
	}
}

func TestAStartThatNeverGetsReadyEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := process.Start(ctx, process.Config{Path: envoyPath(t), Bootstrap: []byte("static_resources: {}")})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "has the bootstrap an admin section?") {
		t.Errorf("error %v", err)
	}
}

func TestAKilledEnvoyIsSeen(t *testing.T) {
	p := mustStart(t, process.Config{Bootstrap: bootstrap("127.0.0.1:0", "")})
	if err := syscall.Kill(p.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("Done is still open")
	}
	for _, err := range []error{p.ExitErr(), p.Stop(t.Context())} {
		var exit *process.ExitError
		if !errors.As(err, &exit) || exit.State != "signal: killed" || exit.Killed {
			t.Errorf("error %v", err)
		}
	}
}

func TestAnEndNobodyAskedForIsAnErrorEvenWithStatusZero(t *testing.T) {
	p := mustStart(t, process.Config{Bootstrap: bootstrap("127.0.0.1:0", "")})
	if err := syscall.Kill(p.PID(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if err := p.ExitErr(); err == nil || !strings.Contains(err.Error(), "exit status 0") {
		t.Errorf("error %v", err)
	}
}

func TestAnEnvoyThatDoesNotEndIsKilled(t *testing.T) {
	p := mustStart(t, process.Config{Bootstrap: bootstrap("127.0.0.1:0", ""), Grace: 100 * time.Millisecond})
	if err := syscall.Kill(p.PID(), syscall.SIGSTOP); err != nil { // SIGTERM waits behind it
		t.Fatal(err)
	}
	err := p.Stop(t.Context())
	var exit *process.ExitError
	if !errors.As(err, &exit) || !exit.Killed || !strings.Contains(err.Error(), "had to be killed") {
		t.Errorf("error %v", err)
	}
}

func TestWarningsAreForwardedAndOurEnvironmentIsNot(t *testing.T) {
	t.Setenv("DRAGOMAN_TEST_SECRET", "must-not-pass")
	var log, raw journal
	p := mustStart(t, process.Config{
		Bootstrap: bootstrap("127.0.0.1:0", ""),
		Logger:    slog.New(slog.NewTextHandler(&log, nil)),
		Stderr:    &raw,
	})
	if environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.PID())); err == nil && len(environment) > 0 {
		t.Errorf("environment: %q", environment)
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := `level=WARN msg="envoy logged" component=main text="caught ENVOY_SIGTERM"`
	if !strings.Contains(log.String(), want) || strings.Contains(log.String(), "level=INFO") {
		t.Errorf("log:\n%s", log.String())
	}
	if !strings.Contains(raw.String(), "[warning][main] caught ENVOY_SIGTERM\n") {
		t.Errorf("raw copy:\n%s", raw.String())
	}
	if lines := p.Lines(); len(lines) == 0 || lines[len(lines)-1] != "[warning][main] caught ENVOY_SIGTERM" {
		t.Errorf("lines: %q", lines)
	}
}

// slowUpstream answers when it is released.
func slowUpstream(t *testing.T) (address string, arrived, release chan struct{}) {
	t.Helper()
	arrived, release = make(chan struct{}, 1), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-release:
			_, _ = io.WriteString(w, "late")
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), arrived, release
}
