package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest"
	"github.com/dragoman-gateway/dragoman/envoy/process"
	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

// processes are Dragoman as a fleet runs it: ext_proc, xds and Envoy, each
// started by itself.
type processes struct {
	place        at
	fleet        fleet
	catalog      string // its text
	url          string
	auth         []string // the headers with a client key
	extproc, xds *program // xds is nil where ext_proc is static
	envoy        *process.Process
}

// ports are free ones of this machine.
func ports(t *testing.T, n int) []int {
	t.Helper()
	out := make([]int, n)
	for i := range out {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() //nolint:errcheck,gocritic // held until all are known, so that they differ
		out[i] = int(netip.MustParseAddrPort(l.Addr().String()).Port())
	}
	return out
}

// newKey makes a client key with the command and gives it with its entry.
func newKey(t *testing.T, p at) (key, entry string) {
	t.Helper()
	out, errs, status := p.do(t, "keys", "create", "test")
	lines := strings.Split(out, "\n")
	if status != 0 || len(lines) < 6 {
		t.Fatalf("keys create: %d\n%s%s", status, out, errs)
	}
	_, pasted, _ := strings.Cut(out, "\nkeys:\n")
	return strings.TrimSpace(lines[1]), "keys:\n" + pasted
}

// newProcesses writes a catalog with a key, for a listener with those options.
func newProcesses(t *testing.T, listen string) *processes {
	t.Helper()
	fleet := newFleet(t)
	f := &processes{place: newPlace(t), fleet: fleet}
	key, entry := newKey(t, f.place)
	port := ports(t, 1)[0]
	f.catalog = fmt.Sprintf("listen: {port: %d%s}\n", port, listen) + fleet.providers() + fleet.models() + entry
	f.place.file(t, "dragoman.yaml", f.catalog)
	f.url = fmt.Sprintf("http://127.0.0.1:%d", port)
	f.auth = []string{"Authorization", "Bearer " + key}
	return f
}

// startParts starts ext_proc and, unless that is static, xds.
func (f *processes) startParts(t *testing.T, flags ...string) {
	t.Helper()
	if len(flags) == 0 {
		f.xds = f.place.start(t, "xds", "--admin", "127.0.0.1:0")
	}
	f.extproc = f.place.start(t, append([]string{"extproc", "--admin", "127.0.0.1:0"}, flags...)...)
	f.extproc.says("admin +http")
}

// prints gives what a command prints that must succeed.
func (f *processes) prints(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, status := f.place.do(t, args...)
	if status != 0 {
		t.Fatalf("dragoman %s: status %d\n%s", args, status, errs)
	}
	return out
}

// startEnvoy validates a configuration and starts Envoy with it, in a
// directory of its own.
func (f *processes) startEnvoy(t *testing.T, config string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	path := envoytest.Binary(t)
	if err := process.Validate(ctx, path, []byte(config)); err != nil {
		t.Fatal(err)
	}
	var log transcript
	var err error
	f.envoy, err = process.Start(ctx, process.Config{
		Path: path, Bootstrap: []byte(config), Concurrency: 1, Logger: slog.New(&calm{Handler: slog.NewTextHandler(&log, nil), ending: &atomic.Bool{}}),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The test's own context is over.
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := f.envoy.Stop(ctx); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("Envoy logged:\n%s", log.String())
		}
	})
}

// startFleetOfProcesses starts all of them from `envoy bootstrap`.
func startFleetOfProcesses(t *testing.T, listen string) *processes {
	t.Helper()
	f := newProcesses(t, listen)
	f.startParts(t)
	f.startEnvoy(t, f.prints(t, "envoy", "bootstrap", "--admin", "127.0.0.1:0"))
	return f
}

func TestExtProcXDSAndEnvoyServeAsProcessesOfTheirOwn(t *testing.T) {
	t.Parallel()
	f := newProcesses(t, "")
	config := f.prints(t, "envoy", "bootstrap", "--admin", "127.0.0.1:0")
	f.startEnvoy(t, config) // before what it needs is there
	f.startParts(t)
	served(t, f.url, "sim/chat", "alpha", f.auth...)
	if a := mustAsk(t, "POST", f.url+"/v1/chat/completions", hello("sim/chat")); a.status != 401 {
		t.Errorf("without a key: %v", a)
	}
	socket := strings.TrimPrefix(defaultSocket(f.place.streams(), "extproc"), "unix:")
	info, err := os.Stat(socket)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("the socket: %v, %v", info, err)
	}
	// One that was killed leaves its socket to the next.
	if err := f.extproc.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	f.extproc.end(patience)
	f.extproc = f.place.start(t, "extproc", "--admin", "127.0.0.1:0")
	served(t, f.url, "sim/chat", "alpha", f.auth...)
	if _, errs, status := f.place.do(t, "extproc", "--admin", "127.0.0.1:0"); status != 1 || !strings.Contains(errs, "in use by another process") {
		t.Errorf("a second ext_proc on the socket: %d\n%s", status, errs)
	}
}

func TestAStaticConfigurationServesWithoutXDS(t *testing.T) {
	t.Parallel()
	f := newProcesses(t, "")
	f.startParts(t, "--static")
	f.startEnvoy(t, f.prints(t, "envoy", "static", "--admin", "127.0.0.1:0", "--heap", "1000000000"))
	served(t, f.url, "sim/chat", "alpha", f.auth...)
	if err := f.fleet.Provider("alpha").SetFault(simulator.Script{Status: 503}); err != nil {
		t.Fatal(err)
	}
	served(t, f.url, "sim/chat", "beta", f.auth...)
}

// streams are a place as execute takes it.
func (p at) streams() streams {
	return streams{out: os.Stdout, err: os.Stderr, env: func(name string) (string, bool) {
		for _, pair := range p.env {
			if key, value, _ := strings.Cut(pair, "="); key == name {
				return value, true
			}
		}
		return "", false
	}}
}

func TestSocketsThatOthersCouldReplaceAreRefused(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	open := filepath.Join(p.dir, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	file := p.file(t, "file", "not a socket")
	for address, want := range map[string]string{
		"unix:" + filepath.Join(open, "s"):                 "everybody may write to",
		"unix:" + file:                                     "which is no socket",
		"unix:" + p.dir + "/" + strings.Repeat("long", 30): "a socket's may have 103",
		"nowhere": "give unix:PATH or host:port",
		"unix:" + filepath.Join(file, "below", "a", "file.sock"): "not a directory",
	} {
		l, err := listen(place{address, "--listen"})
		if err == nil {
			t.Errorf("%s is taken: %v", address, l.Close())
			continue
		}
		if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--listen") {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
}
