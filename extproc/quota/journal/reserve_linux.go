package journal

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// reserve has the file system set blocks aside for a stretch of the file. A
// mapped hole on a full disk is a signal that ends the process; here it is an
// error.
func reserve(f *os.File, offset, size int64) error {
	err := control(f, func(fd int) error {
		for {
			if err := syscall.Fallocate(fd, 0, offset, size); !errors.Is(err, syscall.EINTR) {
				return err
			}
		}
	})
	switch {
	case errors.Is(err, syscall.EOPNOTSUPP), errors.Is(err, syscall.ENOSYS): // such as NFS before 4.2
		return writeZeros(f, offset, size)
	case err != nil:
		return fmt.Errorf("reserve %d bytes of %s: %w", size, f.Name(), err)
	}
	return nil
}
