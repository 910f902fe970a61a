package journal

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

func typical() (*Entry, []quota.Charge) {
	charges := []quota.Charge{
		{Account: quota.Account{1}, Period: 1, Unit: quota.Money, Amount: 100},
		{Account: quota.Account{2}, Period: 1, Unit: quota.Tokens, Amount: 200},
		{Account: quota.Account{3}, Period: 1, Unit: quota.Requests, Amount: 1},
	}
	return &Entry{Started: began, Charges: charges, Note: make([]byte, 60)}, charges
}

func TestBeginAndSettleAllocateNothing(t *testing.T) {
	j, _ := open(t, filepath.Join(t.TempDir(), "j"))
	e, charges := typical()
	must(j.Begin(e))(t) // maps the first segment
	if got := testing.AllocsPerRun(2000, func() {
		e.ID[15]++
		s, err := j.Begin(e)
		if err != nil || s.Settle(charges, e.Note) != nil {
			t.Fatal("refused")
		}
		s.Recorded()
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func TestCuttingTwentyThousandTakesMilliseconds(t *testing.T) {
	j, _ := open(t, filepath.Join(t.TempDir(), "j"))
	e, charges := typical()
	for n := range 20_000 {
		e.ID[15] = byte(n)
		s := must(j.Begin(e))(t)
		check(t, s.Settle(charges, nil))
		s.Recorded()
	}
	began := time.Now()
	batch, sums := j.Cut()
	cut := time.Since(began)
	j.Acknowledge(batch)
	t.Logf("20,000 slots: cut in %v, acknowledged in %v", cut, time.Since(began)-cut)
	if len(sums) != 3 || sums[0].Amount != 2_000_000 {
		t.Errorf("sums %v", sums)
	}
	if cut > time.Second {
		t.Errorf("Cut took %v", cut)
	}
}

func BenchmarkBeginAndSettle(b *testing.B) {
	j, _ := open(b, filepath.Join(b.TempDir(), "j"))
	e, charges := typical()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		e.ID[15]++
		s, err := j.Begin(e)
		if err != nil {
			b.Fatal(err)
		}
		_ = s.Settle(charges, e.Note)
		s.Recorded()
		if n%10_000 == 0 {
			batch, _ := j.Cut()
			j.Acknowledge(batch)
		}
	}
}

func BenchmarkBeginAndSettleInParallel(b *testing.B) {
	j, _ := open(b, filepath.Join(b.TempDir(), "j"))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		e, charges := typical()
		for n := 0; pb.Next(); n++ {
			e.ID[15] += 7
			s, err := j.Begin(e)
			if err != nil {
				b.Error(err)
				return
			}
			_ = s.Settle(charges, e.Note)
			s.Recorded()
			if n%5_000 == 0 {
				batch, _ := j.Cut()
				j.Acknowledge(batch)
			}
		}
	})
}
