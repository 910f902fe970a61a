package envoytest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dragoman-gateway/dragoman/extproc"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// childVariable tells a test binary that it is to be ext_proc.
const childVariable = "DRAGOMAN_TEST_EXTPROC"

// Child is ext_proc as a process of its own.
type Child struct {
	g    *Gateway
	spec childSpec
	cmd  *exec.Cmd
	done chan struct{}
}

type childSpec struct {
	Catalog              string
	Socket, XDS, Control string
	State                string
	Silence, Skew        time.Duration
}

// Main is TestMain's body: it runs the tests, or ext_proc where this process
// was started as a Child.
func Main(m *testing.M) {
	if spec := os.Getenv(childVariable); spec != "" {
		if err := serveChild(spec); err != nil {
			fmt.Fprintln(os.Stderr, "extproc child:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func serveChild(text string) error {
	var spec childSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return err
	}
	c, err := catalog.Parse(catalog.Source{Name: "test", Data: []byte(spec.Catalog)})
	if err != nil {
		return err
	}
	extproc.Tune()
	s, err := extproc.NewServer(extproc.ServerConfig{
		Logger:  slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Metrics: prometheus.NewRegistry(), Env: os.LookupEnv, XDS: "unix:" + spec.XDS, State: spec.State, Silence: spec.Silence,
		Now: func() time.Time { return time.Now().Add(spec.Skew) },
	}, c)
	if err != nil {
		return err
	}
	_ = os.Remove(spec.Socket) // left by one that was killed
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	l, err := new(net.ListenConfig).Listen(ctx, "unix", spec.Socket)
	if err != nil {
		return err
	}
	go reportState(ctx, s, spec.Control)
	return s.Serve(ctx, l)
}

// State is what a Child tells of itself.
type State struct {
	Ready      bool
	Exchanges  int
	Held       int64
	Goroutines int
	HeapInUse  uint64
}

// reportState answers every connection to the control socket with the State,
// until ctx is done.
func reportState(ctx context.Context, s *extproc.Server, socket string) {
	_ = os.Remove(socket) // left by one that was killed
	l, err := new(net.ListenConfig).Listen(ctx, "unix", socket)
	if err != nil {
		return
	}
	defer context.AfterFunc(ctx, func() { _ = l.Close() })() // ends Accept
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		debug.FreeOSMemory() // what is resident is in use, then
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		n, held := s.Open()
		_ = json.NewEncoder(c).Encode(State{s.Unready() == "", n, held, runtime.NumGoroutine(), m.HeapInuse}) // the asker notices
		_ = c.Close()                                                                                         // nothing follows
	}
}

func (g *Gateway) startChild() *Child {
	c := &Child{g: g, spec: childSpec{
		Catalog: string(g.render(g.o.Catalog)), Socket: g.socket("extproc"), XDS: g.socket("xds"), Control: g.socket("control"),
		State: g.State(), Silence: g.o.Silence, Skew: g.o.Skew,
	}}
	g.tb.Cleanup(func() {
		_ = c.cmd.Process.Signal(syscall.SIGCONT) // it may have ended
		c.Kill()
	})
	c.Start()
	return c
}

// Start starts the process, again after Kill.
func (c *Child) Start() {
	c.g.tb.Helper()
	spec, err := json.Marshal(c.spec)
	if err != nil {
		c.g.tb.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		c.g.tb.Fatal(err)
	}
	c.cmd = exec.CommandContext(context.Background(), self) // until Kill
	c.cmd.Env = append(os.Environ(), childVariable+"="+string(spec))
	c.cmd.Stderr = c.g.logs
	if err := c.cmd.Start(); err != nil {
		c.g.tb.Fatal(err)
	}
	cmd, done := c.cmd, make(chan struct{})
	c.done = done
	go func() { defer close(done); _ = cmd.Wait() }() // killed on purpose
}

// Kill ends the process as kill -9 does.
func (c *Child) Kill() {
	_ = c.cmd.Process.Kill() // it may have ended
	<-c.done
}

// Skew sets by how much the process's clock is ahead from its next Start on.
func (c *Child) Skew(ahead time.Duration) { c.spec.Skew = ahead }

// Freeze stops the process without ending it; Thaw lets it go on.
func (c *Child) Freeze() { c.signal(syscall.SIGSTOP) }

// Thaw undoes Freeze.
func (c *Child) Thaw() { c.signal(syscall.SIGCONT) }

func (c *Child) signal(s syscall.Signal) {
	if err := c.cmd.Process.Signal(s); err != nil {
		c.g.tb.Error(err)
	}
}

// PID is the process's id.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// State asks the process how it is, after a garbage collection.
func (c *Child) State() (s State, err error) {
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(context.Background(), "unix", c.spec.Control)
	if err != nil {
		return s, err
	}
	defer conn.Close() //nolint:errcheck // only read
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return s, err
	}
	err = json.NewDecoder(conn).Decode(&s)
	return s, err
}

// Settled waits until no exchange is open and nothing is held.
func (g *Gateway) Settled(tb testing.TB, within time.Duration) {
	tb.Helper()
	Eventually(tb, within, "all exchanges have ended", func() error {
		var s State
		var err error
		if g.Child != nil {
			s, err = g.Child.State()
		} else {
			s.Exchanges, s.Held = g.Server.Open()
		}
		if err == nil && (s.Exchanges != 0 || s.Held != 0) {
			err = fmt.Errorf("%d exchanges hold %d bytes", s.Exchanges, s.Held)
		}
		return err
	})
}
