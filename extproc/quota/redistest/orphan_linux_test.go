package redistest

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// orphanVariable makes a test's process one that starts a server and waits.
const orphanVariable = "REDISTEST_ORPHAN"

func TestAServerDiesWithATestThatIsKilled(t *testing.T) {
	if os.Getenv(orphanVariable) != "" {
		fmt.Println("\nserver", Start(t).run.cmd.Process.Pid)
		<-bounded(t, time.Minute).Done()
		return
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.CommandContext(t.Context(), program, "-test.run=^"+t.Name()+"$")
	parent.Env = append(os.Environ(), orphanVariable+"=1", "TMPDIR="+t.TempDir()) // nobody else cleans it up
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	server := 0
	for lines := bufio.NewScanner(out); server == 0 && lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "server "); ok {
			if server, err = strconv.Atoi(text); err != nil {
				t.Fatal(err)
			}
		}
	}
	if server == 0 || syscall.Kill(server, 0) != nil {
		t.Fatalf("no server %d", server)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // it was killed
	ctx := bounded(t, 20*time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !gone(server) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("the server lives on")
		}
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
