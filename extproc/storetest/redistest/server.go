package redistest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/dragoman-gateway/dragoman/extproc/storetest/child"
)

// readyWait is how long a server may take to listen or to end.
const readyWait = 20 * time.Second

// Server is one redis-server process, or the place of one that is down.
type Server struct {
	// Immutable after start.
	t      testing.TB
	binary binary
	port   int
	dir    string
	args   []string
	tls    bool

	mu  sync.Mutex // guards run
	run *process   // nil while the server is down
}

// process is one life of a server.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has been waited for
}

// Start runs a server for the length of a test, without persistence unless
// args, which are options of redis-server, say otherwise ("--appendonly",
// "yes"). It fails the test at once if there is none.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := newServer(t)
	s.args = append([]string{"--port", strconv.Itoa(s.port), "--save", ""}, args...)
	s.begin()
	return s
}

// newServer finds the binary, a port and a directory.
func newServer(t testing.TB) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	found, err := newFinder().find(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return &Server{t: t, binary: found, port: takePort(t), dir: t.TempDir()}
}

// takePort reserves a port for the length of a test.
func takePort(t testing.TB) int {
	t.Helper()
	port, release, err := reserve()
	if err != nil {
		t.Fatalf("no free port: %v", err)
	}
	t.Cleanup(release)
	return port
}

// begin starts the server for the first time.
func (s *Server) begin() {
	s.t.Helper()
	s.t.Cleanup(func() {
		s.Kill()
		if s.t.Failed() {
			s.t.Logf("redis-server at %s said at the end:\n%s", s.Addr(), s.said())
		}
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.launch(); err != nil {
		s.t.Fatal(err)
	}
}

// Addr is where the server listens, up or down: 127.0.0.1 and its port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Restart ends the server in order, so that it saves what it is configured to,
// and starts it anew with the same data; one that is down is started.
func (s *Server) Restart() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(syscall.SIGTERM)
	if err := s.launch(); err != nil {
		s.t.Error(err)
	}
}

// Kill ends the server as a crash does. Restart brings it back.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(syscall.SIGKILL)
}

// Pause stops the server's process where it stands: connections are accepted
// by the kernel, and nothing is answered until Resume.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets a paused server go on, with all that was sent to it meanwhile.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(signal syscall.Signal) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil {
		s.t.Error("the server is down")
		return
	}
	if err := s.run.cmd.Process.Signal(signal); err != nil {
		s.t.Error(err)
	}
}

// Client is a client of the server without a password, closed with the test.
func (s *Server) Client() *redis.Client {
	client := redis.NewClient(&redis.Options{Addr: s.Addr()})
	s.t.Cleanup(func() { _ = client.Close() })
	return client
}

// launch starts the process and waits until it listens. Caller must hold mu.
func (s *Server) launch() error {
	out, err := os.OpenFile(s.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }() // the process has its own descriptor
	args := append([]string{}, s.args...)
	args = append(args, "--bind", "127.0.0.1", "--dir", s.dir, "--daemonize", "no")
	// The process outlives the call, and cleanup comes after the test's context.
	cmd := s.binary.command(context.WithoutCancel(s.t.Context()), args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = out, out, s.dir
	wait, err := child.Start(cmd)
	if err != nil {
		return fmt.Errorf("starting redis-server: %w", err)
	}
	s.run = &process{cmd: cmd, ended: make(chan struct{})}
	go func(run *process) { // end waits for it
		defer close(run.ended)
		_ = wait() // a signal ended it, or its log says why
	}(s.run)
	if err := s.ready(s.run); err != nil {
		s.end(syscall.SIGKILL)
		return fmt.Errorf("redis-server at %s: %w; it said:\n%s", s.Addr(), err, s.said())
	}
	return nil
}

// end ends the process and waits for it. Caller must hold mu.
func (s *Server) end(signal syscall.Signal) {
	if s.run == nil {
		return
	}
	process := s.run.cmd.Process
	_ = process.Signal(signal) // fails if it has ended by itself
	if signal != syscall.SIGKILL {
		_ = process.Signal(syscall.SIGCONT) // a paused one would not hear it
	}
	patience := time.NewTimer(readyWait)
	defer patience.Stop()
	select {
	case <-s.run.ended:
	case <-patience.C:
		s.t.Errorf("redis-server at %s ignores signal %d", s.Addr(), signal)
		_ = process.Kill()
		<-s.run.ended
	}
	s.run = nil
}

// ready polls until the server answers, which it does not do to the point
// while it loads its data.
func (s *Server) ready(run *process) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	patience := time.NewTimer(readyWait)
	defer patience.Stop()
	for {
		select {
		case <-run.ended:
			return errors.New("it ended")
		case <-patience.C:
			return errors.New("it is not ready in time")
		case <-tick.C:
			if s.answers() {
				return nil
			}
		}
	}
}

// answers tells whether the server takes commands, if only to refuse a client
// without a password. Of a TLS port it only tells whether it is open.
func (s *Server) answers() bool {
	conn, err := net.DialTimeout("tcp4", s.Addr(), time.Second) //nolint:noctx // bounded, and called until patience ends
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	if s.tls {
		return true
	}
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return false
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	var answer [8]byte
	_, err = io.ReadAtLeast(conn, answer[:], 5)
	return err == nil && !bytes.HasPrefix(answer[:], []byte("-LOAD"))
}

func (s *Server) log() string { return filepath.Join(s.dir, "server.log") }

// said is the end of the server's log.
func (s *Server) said() []byte {
	text, err := os.ReadFile(s.log())
	if err != nil {
		return []byte(err.Error())
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-20):], []byte("\n"))
}
