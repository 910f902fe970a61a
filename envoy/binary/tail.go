package binary

import (
	"bytes"
	"sync"
)

// tail keeps the last bytes that a program writes: the reason for a failure
// comes last. Safe for concurrent use, as stdout and stderr arrive apart.
type tail struct {
	limit int

	mu   sync.Mutex
	kept []byte // guarded by mu, at most twice limit long
}

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if len(t.kept) > 2*t.limit {
		t.kept = bytes.Clone(t.kept[len(t.kept)-t.limit:])
	}
	return len(p), nil
}

// String is what was kept, trimmed, as valid UTF-8.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return clip(t.kept, t.limit)
}
