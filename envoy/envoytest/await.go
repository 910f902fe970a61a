package envoytest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy/binary"
)

// Long tells whether the long settings are asked for (LONG=1).
func Long() bool { return os.Getenv("LONG") != "" }

// Scale is the everyday or the long value of a setting.
func Scale(everyday, long int) int {
	if Long() {
		return long
	}
	return everyday
}

// Eventually polls until check returns nil and fails the test with its last
// error if it does not in time.
func Eventually(tb testing.TB, within time.Duration, what string, check func() error) {
	tb.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			tb.Fatalf("%s: not within %s: %v", what, within, err)
		}
	}
}

// Binary is the path of the pinned Envoy, fetched at the first use.
func Binary(tb testing.TB) string {
	tb.Helper()
	path, err := find()
	if err != nil {
		tb.Fatalf("these tests need a real Envoy and do not skip: %v", err)
	}
	return path
}

// find looks for Envoy once a process.
var find = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	path, _, err := binary.Find(ctx, binary.Options{Progress: os.Stderr})
	return filepath.Clean(path), err
})

// journal keeps the last of what was logged, for tests that fail.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

const journalSize = 256 << 10

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.b.Len() > journalSize {
		j.b.Next(j.b.Len() / 2)
	}
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}
