package process_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy/process"
)

// parentVariable makes this test binary a parent of the Envoy it names.
const parentVariable = "DRAGOMAN_TEST_PARENT_OF"

// beParent starts Envoy, prints its process id and waits to be killed: its
// standard input never ends before that.
func beParent(path string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	p, err := process.Start(ctx, process.Config{
		Path: path, Bootstrap: bootstrap("127.0.0.1:0", ""), Concurrency: 1,
	})
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(p.PID())
	_, _ = os.Stdin.Read(make([]byte, 1))
	os.Exit(1)
}

func TestEnvoyDiesWithAParentThatIsKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ties a child's life to its parent's")
	}
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentVariable+"="+envoyPath(t))
	parent.Stderr = os.Stderr
	input, err := parent.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = input.Close() }()
	output, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	said, readErr := bufio.NewReader(output).ReadString('\n')
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // says that it was killed
	pid, err := strconv.Atoi(strings.TrimSpace(said))
	if err != nil {
		t.Fatalf("the parent printed %q (%v): %v", said, readErr, err)
	}
	waitFor(t, "the end of the orphaned Envoy", func() bool { return gone(pid) })
}

// gone tells whether a process has ended; a zombie that nobody has waited for
// counts as ended.
func gone(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, state, _ := strings.Cut(string(status), ") ")
	return strings.HasPrefix(state, "Z")
}
