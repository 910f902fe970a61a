package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest"
)

// asProgram makes the test binary be dragoman.
const asProgram = "DRAGOMAN_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// patience is how long a test waits for what takes a moment; the machine may
// be busy.
const patience = 30 * time.Second

// transcript is what a program prints.
type transcript struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (s *transcript) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// program is dragoman, or another program, as a process.
type program struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err transcript
	done     chan struct{}
	failure  error // of the process; written before done is closed
}

// at is a place to run dragoman in: a directory and an environment of its own.
type at struct {
	dir string
	env []string
}

func newPlace(t *testing.T, env ...string) at {
	t.Helper()
	dir := t.TempDir()
	return at{dir, append([]string{
		asProgram + "=1", "PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_RUNTIME_DIR=" + shortDir(t),
		"ENVOY_PATH=" + envoytest.Binary(t), "GOCOVERDIR=" + dir,
	}, env...)}
}

// file writes a file into the place, as editors do: whole, by a rename.
func (p at) file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	return path
}

// start starts dragoman; it is gone when the test ends.
func (p at) start(t *testing.T, args ...string) *program {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return p.launch(t, self, args...)
}

func (p at) launch(t *testing.T, path string, args ...string) *program {
	t.Helper()
	one := &program{t: t, cmd: exec.Command(path, args...), done: make(chan struct{})}
	one.cmd.Dir, one.cmd.Env = p.dir, p.env
	one.cmd.Stdout, one.cmd.Stderr = &one.out, &one.err
	one.cmd.WaitDelay = 5 * time.Second
	if err := one.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { one.failure = one.cmd.Wait(); close(one.done) }()
	t.Cleanup(func() {
		_ = one.cmd.Process.Kill() // it may have ended
		<-one.done
		if t.Failed() {
			out := one.out.String()
			t.Logf("%s printed:\n%s\n%s", args, out[:min(len(out), 4000)], one.err.String())
		}
	})
	return one
}

// do runs dragoman to its end.
func (p at) do(t *testing.T, args ...string) (out, errs string, status int) {
	t.Helper()
	one := p.start(t, args...)
	status = one.end(patience)
	return one.out.String(), one.err.String(), status
}

// end waits for the program's end and gives its status.
func (p *program) end(within time.Duration) int {
	p.t.Helper()
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case <-p.done:
	case <-late.C:
		p.t.Fatalf("%s did not end within %s", p.cmd.Args[1:], within)
	}
	var exit *exec.ExitError
	if p.failure != nil && !errors.As(p.failure, &exit) {
		p.t.Fatal(p.failure)
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *program) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// says waits until either output matches and gives the submatches.
func (p *program) says(pattern string) []string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	var found []string
	envoytest.Eventually(p.t, patience, "the output has "+pattern, func() error {
		for _, text := range []string{p.out.String(), p.err.String()} {
			if found = re.FindStringSubmatch(text); found != nil {
				return nil
			}
		}
		select {
		case <-p.done:
			p.t.Fatalf("%s ended (%v) without saying %s", p.cmd.Args[1:], p.failure, pattern)
		default:
		}
		return errors.New("it has not")
	})
	return found
}

// running is a `dragoman run` that serves.
type running struct {
	*program
	url, admin string // without a path
}

// run starts everything on ports of the kernel's choice.
func (p at) run(t *testing.T, args ...string) *running {
	t.Helper()
	one := p.start(t, append([]string{"run", "--admin", "127.0.0.1:0", "--concurrency", "1"}, args...)...)
	one.says("Press Ctrl-C to stop")
	return &running{one, one.says(`at (https?://\S+)/v1`)[1], one.says(`admin +(http://\S+)`)[1]}
}

// answer is a whole HTTP answer.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a *answer) String() string { return fmt.Sprint(a.status, " ", a.header, " ", a.body) }

var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}

// ask sends a request; headers are pairs of name and value.
func ask(t *testing.T, method, url, body string, headers ...string) (*answer, error) {
	t.Helper()
	rq, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		rq.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		rq.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(rq)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(resp.Body)
	return &answer{resp.StatusCode, resp.Header, string(text)}, err
}

// mustAsk is ask where an answer is expected.
func mustAsk(t *testing.T, method, url, body string, headers ...string) *answer {
	t.Helper()
	a, err := ask(t, method, url, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// hello is the question that all these tests ask.
func hello(model string) string {
	return `{"model":"` + model + `","messages":[{"role":"user","content":"Hello"}]}`
}

// served asks until a provider answers and fails unless it is that one.
func served(t *testing.T, base, model, provider string, headers ...string) {
	t.Helper()
	envoytest.Eventually(t, patience, model+" is answered by "+provider, func() error {
		a, err := ask(t, http.MethodPost, base+"/v1/chat/completions", hello(model), headers...)
		if err != nil {
			return err
		}
		if a.status != http.StatusOK || a.header.Get("X-Dragoman-Provider") != provider {
			return errors.New(a.String())
		}
		return nil
	})
}

// shortDir is a directory for Unix sockets, whose paths must be short.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "dgm") //nolint:usetesting // the path of t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
