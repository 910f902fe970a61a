package postgrestest

import "syscall"

// attributes make the kernel kill a server when the test's process dies. As
// root the server becomes nobody.
func attributes(as *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true, Credential: as}
}
