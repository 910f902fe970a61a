//go:build !linux

package child

import "syscall"

// dieWithParent changes nothing: only Linux can tie a life to the parent's.
func dieWithParent(*syscall.SysProcAttr) {}
