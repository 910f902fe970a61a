package quotatest_test

import (
	"sync"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/quotatest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	var mu sync.Mutex
	stores := make(map[*testing.T]*quotatest.Memory)
	quotatest.Contract(t, func(t *testing.T, now func() time.Time, life time.Duration) quota.Store {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if stores[t] == nil {
			stores[t] = quotatest.NewMemory(now, life)
		}
		return stores[t]
	})
}
