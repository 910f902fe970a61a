package redistest

import (
	"net"
	"os"
	"syscall"
)

// reserve takes a free port of 127.0.0.1 and keeps it: bound without
// listening, with SO_REUSEADDR as the server's own socket, it is never picked
// for anybody else, neither to listen nor to connect from, while the server is
// down.
func reserve() (port int, release func(), err error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, nil, os.NewSyscallError("socket", err)
	}
	release = func() { _ = syscall.Close(fd) }
	if err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte(net.IPv4(127, 0, 0, 1).To4())})
	}
	if err != nil {
		release()
		return 0, nil, os.NewSyscallError("bind", err)
	}
	bound, err := syscall.Getsockname(fd)
	address, ok := bound.(*syscall.SockaddrInet4)
	if err != nil || !ok {
		release()
		return 0, nil, os.NewSyscallError("getsockname", err)
	}
	return address.Port, release, nil
}
