package process

import "syscall"

// attributes make the kernel kill the child when this process dies, and keep a
// terminal's Ctrl-C from it: this process drains first and then stops it.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
