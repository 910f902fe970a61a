package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/dragoman-gateway/dragoman/xds/resource"
)

// maxSocketPath is what the kernel takes as the name of a Unix socket.
const maxSocketPath = 103

// defaultSocket is where a part of Dragoman listens if nobody says otherwise.
// It is absolute and the same for all commands of a user, so that they find
// each other, and Envoy finds them, whatever directory each was started in.
func defaultSocket(s streams, part string) string {
	dir := "/run/dragoman"
	if runtime, ok := s.env("XDG_RUNTIME_DIR"); ok && runtime != "" {
		dir = filepath.Join(runtime, "dragoman")
	} else if os.Getuid() != 0 {
		dir = temporarySockets()
	}
	return "unix:" + filepath.Join(dir, part+".sock")
}

// temporarySockets is the default for users without a directory of their own for
// such. Anybody can have made it before.
func temporarySockets() string {
	return filepath.Join(os.TempDir(), "dragoman-"+strconv.Itoa(os.Getuid()))
}

// place is an address to listen on and the flag that changes it.
type place struct{ address, flag string }

// listen opens unix:PATH or host:port.
func listen(p place) (net.Listener, error) {
	if path, ok := strings.CutPrefix(p.address, "unix:"); ok {
		l, err := listenUnix(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w; choose another place with %s", p.address, err, p.flag)
		}
		return l, nil
	}
	if _, _, err := net.SplitHostPort(p.address); err != nil {
		return nil, fmt.Errorf("%s %s: give unix:PATH or host:port", p.flag, p.address)
	}
	l, err := bind("tcp", p.address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is already in use; choose another with %s", p.address, p.flag)
	case err != nil:
		return nil, fmt.Errorf("%w; choose another address with %s", err, p.flag)
	}
	return l, nil
}

// bind listens. It takes no time, so there is no context to end it.
func bind(network, address string) (net.Listener, error) {
	var config net.ListenConfig
	return config.Listen(context.Background(), network, address)
}

// listenUnix opens a socket for this user and group alone: whoever connects
// may speak as Envoy.
func listenUnix(path string) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("the path has %d bytes, a socket's may have %d", len(path), maxSocketPath)
	}
	if err := privateDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	// A socket left by a process that was killed would refuse the next one.
	dialer := net.Dialer{Timeout: time.Second}
	if c, err := dialer.DialContext(context.Background(), "unix", path); err == nil {
		_ = c.Close() // only a probe
		return nil, errors.New("in use by another process")
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case info.Mode().Type() != fs.ModeSocket:
		return nil, errors.New("there is a file of that name, which is no socket")
	default:
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	l, err := bind("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o660); err != nil { //nolint:gosec // Envoy may run as another user of the group
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// privateDir makes the directory of a socket. One in which anybody may replace
// the socket by theirs is refused.
func privateDir(dir string) error {
	if dir == temporarySockets() {
		return ownDir(dir)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("everybody may write to %s", dir)
	}
	if uid, known := owner(info); known && uid != 0 && uid != os.Getuid() {
		return fmt.Errorf("%s belongs to somebody else", dir)
	}
	return nil
}

// ownDir makes a directory where everybody may. One that is not this user's
// alone to write to is refused, and a link, which may lead anywhere tomorrow.
func ownDir(dir string) error {
	if err := os.Mkdir(dir, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	var wrong string
	switch uid, known := owner(info); {
	case info.Mode().Type() == fs.ModeSymlink:
		wrong = "is a symbolic link"
	case !info.IsDir():
		wrong = "is no directory"
	case known && uid != os.Getuid():
		wrong = "belongs to somebody else"
	case info.Mode().Perm()&0o022 != 0:
		wrong = "is one that others may write to"
	default:
		return nil
	}
	return fmt.Errorf("%s %s; remove it, or set XDG_RUNTIME_DIR to a directory of your own", dir, wrong)
}

func owner(info fs.FileInfo) (uid int, known bool) {
	stat, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return 0, false
	}
	return int(stat.Uid), true
}

// endpoint turns an address of listen into Envoy's view of it.
func endpoint(address, flag string) (resource.Endpoint, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		path, err := filepath.Abs(path) // Envoy may run in another directory
		return resource.Endpoint{Socket: path}, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		return resource.Endpoint{}, fmt.Errorf("%s %s: give unix:PATH or host:port", flag, address)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return resource.Endpoint{}, fmt.Errorf("%s %s: %s is no port", flag, address, port)
	}
	return resource.Endpoint{Host: host, Port: uint16(n)}, nil
}

// addrPort reads IP:port; localhost is 127.0.0.1.
func addrPort(address, flag string) (netip.AddrPort, error) {
	if rest, ok := strings.CutPrefix(address, "localhost:"); ok {
		address = "127.0.0.1:" + rest
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return ap, fmt.Errorf("%s %s: give an IP address and a port, such as 127.0.0.1:10000", flag, address)
	}
	return ap, nil
}

// isLoopback tells whether host:port only accepts this machine.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
