package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
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
