package redis

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/quotatest"
	"github.com/dragoman-gateway/dragoman/extproc/storetest/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// long skips a test that the everyday run has no time for.
func long(t *testing.T) {
	t.Helper()
	if os.Getenv("LONG") != "1" {
		t.Skip("LONG=1 runs it")
	}
}

func bounded(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// opened makes a store for the length of a test. Without now it goes by the
// server's clock.
func opened(t testing.TB, o Options, now func() time.Time) *Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	s.now = now
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return s
}

// own is a prefix of the test's own.
func own(t testing.TB) string {
	t.Helper()
	sum := sha256.Sum256([]byte(t.Name()))
	return hex.EncodeToString(sum[:16])
}

func TestItKeepsTheContractOfStores(t *testing.T) {
	server := redistest.Start(t)
	quotatest.Contract(t, func(t *testing.T, now func() time.Time, life time.Duration) quota.Store {
		t.Helper()
		// Each test has its keys to itself.
		return opened(t, Options{Addrs: []string{server.Addr()}, Prefix: own(t), LeaseLife: life}, now)
	})
}
