package postgrestest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the database driver

	"github.com/dragoman-gateway/dragoman/extproc/storetest/child"
)

// Server is a running PostgreSQL.
type Server struct {
	dir    string // data and socket
	admin  *sql.DB
	binary binary

	mu   sync.Mutex
	made int // guarded by mu: databases

	process *os.Process
	stop    func() error // waits for its end; nil = it has not begun
}

// How long a server may take.
const (
	startTimeout = 60 * time.Second
	stopTimeout  = 10 * time.Second
)

// Start runs a server until the test ends. Without one to be had the everyday
// run skips the test; the long one (LONG=1) fails.
func Start(t testing.TB) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // of which a download takes most
	defer cancel()
	b, err := newFinder().find(ctx)
	if err != nil {
		if os.Getenv("LONG") == "" {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	s := &Server{binary: b}
	if err := s.start(ctx); err != nil {
		t.Fatal(errors.Join(err, s.close()))
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Database makes an empty database and gives its URL.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	s.mu.Lock()
	s.made++
	name := "test" + strconv.Itoa(s.made)
	s.mu.Unlock()
	if _, err := s.admin.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return s.url(name)
}

func (s *Server) url(database string) string {
	q := url.Values{"host": {s.dir}, "user": {"postgres"}}
	return (&url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: q.Encode()}).String()
}

func (s *Server) start(ctx context.Context) (err error) {
	// Not the test's own directory: nobody may not enter that. Socket paths must
	// be short, too.
	if s.dir, err = os.MkdirTemp("", "dragoman-pg-"); err != nil {
		return err
	}
	as, err := s.owner()
	if err != nil {
		return err
	}
	b, err := s.binary.reachable(s.dir, as)
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	initdb := b.command(as, "initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--pgdata="+data)
	if out, err := bounded(ctx, initdb); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	server := b.command(as, "postgres", "-D", data, "-k", s.dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off",
		"-c", "jit=off", "-c", "max_connections=60")
	if s.stop, err = child.Start(server); err != nil {
		return err
	}
	s.process = server.Process
	return s.connect(ctx)
}

// owner is whom the server runs as, nil = as this process.
func (s *Server) owner() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // no credential is what the kernel wants for no change
	}
	const nobody = 65534
	return &syscall.Credential{Uid: nobody, Gid: nobody}, os.Chown(s.dir, nobody, nobody)
}

// bounded runs a command to its end.
func bounded(ctx context.Context, cmd *exec.Cmd) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	stop, err := child.Start(cmd)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })() // stop reports it
	err = stop()
	return out.Bytes(), err
}

// connect waits until the server answers.
func (s *Server) connect(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if s.admin, err = sql.Open("pgx", s.url("postgres")); err != nil {
		return err
	}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		if err = s.admin.PingContext(ctx); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL does not answer: %w", err)
		case <-again.C:
		}
	}
}

// close ends the server at once (a SIGINT is PostgreSQL's fast shutdown) and
// removes what it kept.
func (s *Server) close() error {
	var err error
	if s.admin != nil {
		err = s.admin.Close()
	}
	if s.stop != nil {
		err = errors.Join(err, s.end())
	}
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}

func (s *Server) end() error {
	hard := time.AfterFunc(stopTimeout, func() { _ = s.process.Signal(syscall.SIGQUIT) }) // stop tells
	defer hard.Stop()
	if err := s.process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return s.stop()
}
