package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// A second's exchange of a busy process: ten leases renewed, ten sums settled.
func BenchmarkExchange(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "quota.db"), time.Now)
	c := quota.Call{Owner: quota.Owner{1}}
	for n := range 10 {
		c.Asks = append(c.Asks, quota.Ask{
			AccountPeriod: ap(n), Limit: quota.MaxAmount, Hold: 100, Need: 1, Want: 100, Ends: time.Now().Add(time.Hour),
		})
		c.Settled = append(c.Settled, quota.Charge{Account: ap(n).Account, Period: ap(n).Period, Amount: 1})
	}
	b.ReportAllocs()
	for b.Loop() {
		c.Seq++
		c.Batch++
		// The deadline of an exchange that a request waits for.
		ctx, cancel := context.WithTimeout(b.Context(), 20*time.Millisecond)
		_, err := s.Exchange(ctx, c)
		cancel()
		if err != nil {
			b.Fatal(err)
		}
	}
}

// The first exchange after the store was away, or of a process that begins anew.
func BenchmarkExchangeOfThousands(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "quota.db"), time.Now)
	c := quota.Call{Owner: quota.Owner{1}, Adopt: true}
	for n := range 5000 {
		c.Asks = append(c.Asks, quota.Ask{AccountPeriod: ap(n), Limit: quota.MaxAmount, Hold: 100, Need: 1})
		of := ap(n + 3000)
		c.Settled = append(c.Settled, quota.Charge{Account: of.Account, Period: of.Period, Amount: 1})
	}
	for b.Loop() {
		c.Seq++
		c.Batch++
		if _, err := s.Exchange(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
}
