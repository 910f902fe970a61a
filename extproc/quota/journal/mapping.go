//go:build unix

package journal

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock takes the file for this process; the kernel lets go of it when the
// process ends, however it does.
func lock(f *os.File) (taken bool, err error) {
	err = control(f, func(fd int) error { return syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) })
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// mapFile maps a stretch of a file; nil maps memory of nobody's.
func mapFile(f *os.File, offset int64, size int) ([]byte, error) {
	if f == nil {
		return syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	}
	var mem []byte
	err := control(f, func(fd int) (err error) {
		mem, err = syscall.Mmap(fd, offset, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("map %d bytes at %d: %w", size, offset, err)
	}
	return mem, nil
}

func unmap(mem []byte) error { return syscall.Munmap(mem) }

func control(f *os.File, do func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = do(int(fd)) }); err != nil {
		return err
	}
	return inner
}
