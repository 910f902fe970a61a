package binary

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// lock takes an exclusive lock on a file, waiting for whoever holds it. The
// kernel frees it when its process ends, however that happens, so a killed
// download blocks nobody.
func lock(ctx context.Context, path string, say func(string, ...any)) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the cache: %w", err)
	}
	for waited := false; ; waited = true {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil // closing unlocks
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("locking the cache %s: %w", path, err), file.Close())
		}
		if !waited {
			say("another process is getting Envoy; waiting for it")
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return nil, errors.Join(fmt.Errorf("waiting for another process that gets Envoy: %w", err), file.Close())
		}
	}
}
