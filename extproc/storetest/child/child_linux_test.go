package child

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// orphanVariable makes a test's process one that starts a server and waits.
const orphanVariable = "CHILD_ORPHAN"

// cat starts a server: what it is told it says.
func cat() (tell func() error, pid int, wait func() error, err error) {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, 0, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, 0, nil, err
	}
	if wait, err = Start(cmd); err != nil {
		return nil, 0, nil, err
	}
	said := bufio.NewReader(out)
	return func() error {
		if _, err := in.Write([]byte("hello\n")); err != nil {
			return err
		}
		_, err := said.ReadString('\n')
		return err
	}, cmd.Process.Pid, wait, nil
}

func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	patience := time.After(20 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
		case <-patience:
			t.Fatalf("not in time: %s", what)
		}
	}
}

func TestAServerDiesWithATestThatIsKilled(t *testing.T) {
	if os.Getenv(orphanVariable) != "" {
		sleep := exec.Command("sleep", "60") // which has no pipe to this process to end with
		wait, err := Start(sleep)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("\nserver", sleep.Process.Pid)
		_ = wait() // this process is killed meanwhile
		return
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.CommandContext(t.Context(), program, "-test.run=^"+t.Name()+"$")
	parent.Env = append(os.Environ(), orphanVariable+"=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	server := 0
	for lines := bufio.NewScanner(out); server == 0 && lines.Scan(); {
		_, _ = fmt.Sscanf(lines.Text(), "server %d", &server) // other lines do not fit
	}
	if server == 0 || gone(server) {
		t.Fatalf("no server %d", server)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // it was killed
	until(t, "the server's end", func() bool { return gone(server) })
}

func TestAServerOutlivesTheThreadOfTheTestThatStartedIt(t *testing.T) {
	var tell, wait func() error
	var pid int
	var err error
	id := onThreadThatEnds(func() {
		if tell, pid, wait, err = cat(); err == nil {
			err = tell()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the thread's end", func() bool {
		_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", id))
		return errors.Is(err, os.ErrNotExist)
	})
	if err := tell(); err != nil {
		t.Errorf("the server: %v", err)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v", err)
	}
}

// onThreadThatEnds calls f in a thread that ends after it, and gives its id.
func onThreadThatEnds(f func()) (id int) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if id = syscall.Gettid(); id == syscall.Getpid() { // the first one lives as long as the process
			id = onThreadThatEnds(f)
			runtime.UnlockOSThread()
			return
		}
		f() // and the thread, still locked, ends with the goroutine
	}()
	<-done
	return id
}

func TestACommandThatCannotStartTellsWhy(t *testing.T) {
	if _, err := Start(exec.Command(t.TempDir())); !errors.Is(err, os.ErrPermission) {
		t.Errorf("error %v", err)
	}
}

// gone tells that a process has ended, reaped or not.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}
