package redistest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func bounded(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestAServerForgetsOverARestartUnlessItPersists(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		want error
	}{
		{"without persistence", nil, redis.Nil},
		{"with every command on disk", []string{"--appendonly", "yes", "--appendfsync", "always"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := Start(t, test.args...)
			client := s.Client()
			ctx := bounded(t, 30*time.Second)
			if err := client.Set(ctx, "a", "b", 0).Err(); err != nil {
				t.Fatal(err)
			}
			address := s.Addr()
			for _, end := range []func(){func() {}, s.Kill, s.Kill} {
				end()
				s.Restart()
				if err := s.Client().Get(ctx, "a").Err(); !errors.Is(err, test.want) {
					t.Errorf("after a restart: %v, want %v", err, test.want)
				}
			}
			if s.Addr() != address {
				t.Errorf("it has moved to %s", s.Addr())
			}
		})
	}
}

func TestAPausedServerAnswersLater(t *testing.T) {
	s := Start(t)
	client := s.Client()
	ctx := bounded(t, 30*time.Second)
	if err := client.Ping(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	s.Pause()
	conn, err := net.Dial("tcp4", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var answer [7]byte
	if n, err := conn.Read(answer[:]); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("a paused server answers %q, %v", answer[:n], err)
	}
	s.Resume()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(answer[:]); err != nil || string(answer[:n]) != "+PONG\r\n" {
		t.Errorf("after the pause: %q, %v", answer[:n], err)
	}
}

func TestAPortStaysItsServersWhileThatIsDown(t *testing.T) {
	s := Start(t)
	s.Kill()
	for range 64 {
		listener, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
		if listener.Addr().String() == s.Addr() {
			t.Fatal("the kernel has given the port to another")
		}
	}
	if conn, err := net.Dial("tcp4", s.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dialling: %v, %v", conn, err)
	}
	s.Restart()
	if err := s.Client().Ping(bounded(t, 10*time.Second)).Err(); err != nil {
		t.Error(err)
	}
}

func TestNoProcessStays(t *testing.T) {
	var run *process
	t.Run("inner", func(t *testing.T) {
		s := Start(t)
		s.Pause()
		run = s.run
	})
	select {
	case <-run.ended:
	default:
		t.Error("the server outlives its test")
	}
	if err := syscall.Kill(run.cmd.Process.Pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("its process: %v", err)
	}
}

func TestTLSIsSpokenToThoseWhoTrustIt(t *testing.T) {
	s, config := StartTLS(t)
	client := redis.NewClient(&redis.Options{Addr: s.Addr(), TLSConfig: config})
	defer func() { _ = client.Close() }()
	if err := client.Ping(bounded(t, 10*time.Second)).Err(); err != nil {
		t.Error(err)
	}
	if err := s.Client().Ping(bounded(t, 10*time.Second)).Err(); err == nil {
		t.Error("it speaks plain text, too")
	}
}

func TestAClusterServesEverySlot(t *testing.T) {
	long(t)
	client := StartCluster(t, 3).Client()
	for i := range 100 {
		if err := client.Set(bounded(t, 10*time.Second), fmt.Sprint("key", i), i, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func long(t *testing.T) {
	t.Helper()
	if os.Getenv("LONG") != "1" {
		t.Skip("LONG=1 runs it")
	}
}

// script makes a program of a shell script.
func script(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAChosenServerIsCheckedAndNothingElseTried(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct{ name, text, want string }{
		{"fits", "echo 'Redis server v=7.2.4 sha=0'", ""},
		{"its fork fits", "echo 'Valkey server v=8.1.0 sha=0'", ""},
		{"too old", "echo 'Redis server v=6.2.14 sha=0'", "is Redis 6.2.14, and 7 or newer is needed"},
		{"something else", "echo hello", "not Redis's"},
		{"broken", "echo no library >&2; exit 127", "no library"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := script(t, dir, "server", test.text)
			f := &finder{progress: &bytes.Buffer{}, cache: filepath.Join(t.TempDir(), "cache"), env: func(string) string { return path }}
			b, err := f.find(bounded(t, 10*time.Second))
			if test.want == "" && (err != nil || b.path != path) {
				t.Errorf("found %q, %v", b.path, err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), ServerVariable)) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if _, err := os.Stat(f.cache); !errors.Is(err, os.ErrNotExist) {
				t.Error("the cache was touched")
			}
		})
	}
}

// fakeDistribution puts package tools in front of an empty PATH: apt-get fails
// until its lists are private, and a package is a directory's worth of files.
func fakeDistribution(t *testing.T) (runs func() int) {
	t.Helper()
	dir := t.TempDir()
	script(t, dir, "apt-get", `echo "$*" >> '`+dir+`/runs'
case "$*" in *Dir::State=*) ;; *) echo 'E: Unable to locate package' >&2; exit 100 ;; esac
case "$*" in *update*) exit 0 ;; esac
for name in "$@"; do case "$name" in redis-*|lib*) : > "$name.deb" ;; esac; done`)
	script(t, dir, "dpkg-deb", `case "$1" in
-f) echo 'libfake1 (>= 1) | libother1, libc6, adduser' ;;
-x) /bin/mkdir -p "$3/usr/bin" "$3/usr/lib"
  case "$2" in
  *redis-tools.deb) printf '#!/bin/sh\n[ -e "$LD_LIBRARY_PATH/libfake.so.1" ] || exit 127\necho Redis server v=7.0.1\n' > "$3/usr/bin/redis-server" ;;
  *libfake1.deb) echo library > "$3/usr/lib/libfake.so.1" ;;
  esac ;;
esac`)
	script(t, dir, "ldd", `[ -e "$LD_LIBRARY_PATH/libfake.so.1" ] || printf '\tlibfake.so.1 => not found\n'`)
	t.Setenv("PATH", dir)
	return func() int {
		text, err := os.ReadFile(filepath.Join(dir, "runs"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(text), "download redis-server")
	}
}

func TestSearchesAtTheSameTimeDownloadOnceWithListsOfTheirOwn(t *testing.T) {
	runs := fakeDistribution(t)
	cache := filepath.Join(t.TempDir(), "cache")
	if err := os.MkdirAll(filepath.Join(cache, stagingPrefix+"left"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx := bounded(t, 30*time.Second)
	var searches sync.WaitGroup
	for range 4 {
		searches.Go(func() {
			f := &finder{progress: &bytes.Buffer{}, cache: cache, env: func(string) string { return "" }}
			b, err := f.find(ctx)
			if err != nil || b != f.cached() {
				t.Errorf("found %+v, %v", b, err)
			}
		})
	}
	searches.Wait()
	if runs() != 2 { // with the machine's lists, then with its own
		t.Errorf("apt-get downloaded %d times", runs())
	}
	if left, err := filepath.Glob(filepath.Join(cache, "*")); err != nil || len(left) != 2 { // the copy and the lock
		t.Errorf("the cache holds %v, %v", left, err)
	}
}

func TestAFailureTellsEveryWayAndWhatHelps(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	f := &finder{progress: &bytes.Buffer{}, cache: filepath.Join(t.TempDir(), "cache"), env: func(string) string { return "" }}
	_, err := f.find(bounded(t, 10*time.Second))
	if err == nil {
		t.Fatal("found one")
	}
	for _, part := range []string{"no redis-server 7 or newer", "REDIS_SERVER is not set", `"redis-server": executable file not found`, `"apt-get": executable file not found`, "install Redis, or set REDIS_SERVER"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error lacks %q:\n%v", part, err)
		}
	}
}
