// Package child starts servers that end with the test that started them.
//
// Promises: on Linux the kernel kills a server when this process ends, however
// that happens, and not before; elsewhere too a server has a process group of
// its own, so that a terminal's Ctrl-C reaches the test, which then ends it.
//
// Refuses: to end a server whose test goes on; its owner signals it.
//
// Concurrency: Start may be called from any goroutine. What it starts is
// waited for by a goroutine that ends with the server.
package child

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// Start starts a command, beside whose SysProcAttr it sets what this package
// promises. wait waits for its end, which it does not bring about, and gives
// what cmd.Wait does; it may be called more than once.
//
// The command is forked by a thread of its own: the kernel means that thread's
// end by the parent's.
func Start(cmd *exec.Cmd) (wait func() error, err error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	dieWithParent(cmd.SysProcAttr)
	started, ended := make(chan error, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if started <- err; err == nil {
			ended <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return sync.OnceValue(func() error { return <-ended }), nil
}
