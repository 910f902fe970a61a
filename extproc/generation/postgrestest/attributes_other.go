//go:build !linux

package postgrestest

import "syscall"

// attributes give a server a group of its own. Only Linux can tie its life to
// the parent's.
func attributes(as *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: as}
}
