//go:build !linux

package process

import "syscall"

// attributes keep a terminal's Ctrl-C from the child: this process drains first
// and then stops it. Only Linux can tie the child's life to the parent's.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
