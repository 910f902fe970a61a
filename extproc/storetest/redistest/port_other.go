//go:build !linux

package redistest

import "net"

// reserve finds a free port of 127.0.0.1. It is not kept: elsewhere than on
// Linux two sockets cannot be bound to it.
func reserve() (port int, release func(), err error) {
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0, nil, err
	}
	port = listener.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // a TCP listener's address
	return port, func() {}, listener.Close()
}
