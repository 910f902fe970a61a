package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

var began = time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC)

// identity is the n-th id; all pick the same shard, so files stay small.
func identity(n int) (id [16]byte) {
	binary.BigEndian.PutUint64(id[:], uint64(n))
	return id
}

// charged is an amount on an account of the exchange's own.
func charged(n int, amount quota.Amount) []quota.Charge {
	return []quota.Charge{{Account: identity(n), Period: 7, Unit: quota.Money, Amount: amount}}
}

func entry(n int, amount quota.Amount) *Entry {
	return &Entry{ID: identity(n), Started: began, Charges: charged(n, amount), Note: fmt.Appendf(nil, "begun %d", n)}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, path string) (*Journal, []Orphan) {
	t.Helper()
	j, orphans, err := Open(path, Options{})
	check(t, err)
	t.Cleanup(func() { check(t, j.Close()) })
	return j, orphans
}

// plain takes the handles out of orphans, for comparison.
func plain(orphans []Orphan) []Orphan {
	out := append([]Orphan(nil), orphans...)
	for i := range out {
		out[i].Slot = Slot{}
	}
	return out
}

var compareOrphans = cmp.AllowUnexported(Slot{})

// free counts the free slots among those that shards have taken.
func free(j *Journal) (n, of int) {
	for i := range j.shards {
		s := &j.shards[i]
		of += s.taken * chunkSlots
		for next := s.free; next != 0; n++ {
			_, m := j.at(next - 1)
			next = m.next
		}
	}
	return n, of
}

func TestWhatIsSettledIsGivenUntilAcknowledgedAndItsSlotIsFreeOnceRecorded(t *testing.T) {
	for _, recordedFirst := range []bool{true, false} {
		t.Run(fmt.Sprintf("recorded first %v", recordedFirst), func(t *testing.T) {
			j, orphans := open(t, filepath.Join(t.TempDir(), "j"))
			if len(orphans) != 0 {
				t.Fatalf("a new journal has orphans: %v", orphans)
			}
			if batch, sums := j.Cut(); batch != 0 || sums != nil {
				t.Fatalf("nothing is settled: %d %v", batch, sums)
			}
			s := must(j.Begin(entry(1, 10)))(t)
			if batch, _ := j.Cut(); batch != 0 {
				t.Fatal("an open slot is in a batch")
			}
			check(t, s.Settle(charged(1, 7), nil))
			if err := s.Settle(charged(1, 8), nil); !errors.Is(err, ErrNotOpen) {
				t.Fatalf("settled twice: %v", err)
			}
			if recordedFirst {
				s.Recorded()
			}
			batch, sums := j.Cut()
			if diff := cmp.Diff(charged(1, 7), sums); diff != "" || batch != 1 {
				t.Fatalf("batch %d: %s", batch, diff)
			}
			later := must(j.Begin(entry(2, 1)))(t)
			check(t, later.Settle(charged(2, 2), nil))
			if again, same := j.Cut(); again != batch || cmp.Diff(sums, same) != "" {
				t.Fatalf("the batch is another before it is acknowledged: %d %v", again, same)
			}
			j.Acknowledge(batch + 1)
			j.Acknowledge(batch)
			if !recordedFirst {
				s.Recorded()
			}
			if n, of := free(j); n != of-1 {
				t.Fatalf("%d of %d slots are free, want all but one", n, of)
			}
			if batch, sums := j.Cut(); batch != 2 || cmp.Diff(charged(2, 2), sums) != "" {
				t.Fatalf("the next batch: %d %v", batch, sums)
			}
		})
	}
}

func TestASuccessorFindsWhatWasOpenAndWhatWasNotRecorded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	j, _ := open(t, path)
	owner := j.Owner()
	must(j.Begin(entry(1, 10)))(t)
	must(j.Begin(entry(2, 20)))(t)
	settled := must(j.Begin(entry(3, 30)))(t)
	check(t, settled.Settle(charged(3, 33), []byte("done")))
	acknowledged := must(j.Begin(entry(4, 40)))(t)
	check(t, acknowledged.Settle(charged(4, 44), nil))
	done := must(j.Begin(entry(5, 50)))(t)
	check(t, done.Settle(nil, nil))
	done.Recorded()
	batch, _ := j.Cut()
	j.Acknowledge(batch)
	check(t, j.Correct(identity(6), charged(3, -3)))
	check(t, j.Close())

	j, orphans := open(t, path)
	if j.Owner() != owner || owner == (quota.Owner{}) {
		t.Errorf("owner %x, was %x", j.Owner(), owner)
	}
	want := []Orphan{
		{ID: identity(1), Started: began, Charges: charged(1, 10), Note: []byte("begun 1")},
		{ID: identity(2), Started: began, Charges: charged(2, 20), Note: []byte("begun 2")},
		{ID: identity(3), Started: began, Charges: charged(3, 33), Note: []byte("done"), Settled: true},
		{ID: identity(4), Started: began, Charges: charged(4, 44), Note: []byte{}, Settled: true},
	}
	if diff := cmp.Diff(want, plain(orphans), compareOrphans); diff != "" {
		t.Fatal(diff)
	}
	for _, o := range orphans {
		if !o.Settled {
			check(t, o.Slot.Settle(o.Charges, o.Note))
		}
		o.Slot.Recorded()
	}
	wantSums := append(charged(1, 10), append(charged(2, 20), charged(3, -3)...)...)
	batch, sums := j.Cut()
	if diff := cmp.Diff(wantSums, sums); diff != "" || batch != 2 {
		t.Fatalf("batch %d: %s", batch, diff)
	}
	j.Acknowledge(batch)
	if n, of := free(j); n != of {
		t.Errorf("%d of %d slots are free", n, of)
	}
}

func TestSumsAreByAccountAndPeriodInTheirOrderAndSaturate(t *testing.T) {
	j, _ := open(t, filepath.Join(t.TempDir(), "j"))
	a, b := quota.Account{1}, quota.Account{2}
	for range 3 {
		check(t, j.Correct(identity(1), []quota.Charge{
			{Account: b, Period: 9, Unit: quota.Input, Amount: 5},
			{Account: b, Period: 8, Unit: quota.Input, Amount: -2},
			{Account: a, Period: 1, Unit: quota.Money, Amount: quota.MaxAmount},
			{Account: a, Period: 2, Unit: quota.Money, Amount: -1 << 63},
			{Account: a, Period: 3, Unit: quota.Concurrent},
		}))
	}
	_, sums := j.Cut()
	want := []quota.Charge{
		{Account: a, Period: 1, Unit: quota.Money, Amount: quota.MaxAmount},
		{Account: a, Period: 2, Unit: quota.Money, Amount: -quota.MaxAmount},
		{Account: b, Period: 8, Unit: quota.Input, Amount: -6},
		{Account: b, Period: 9, Unit: quota.Input, Amount: 15},
	}
	if diff := cmp.Diff(want, sums); diff != "" {
		t.Fatal(diff)
	}
}

func TestTotalsAreExactBeyond64Bits(t *testing.T) {
	var sum total
	for range 3000 {
		sum.add(int64(quota.MaxAmount))
	}
	if got := sum.amount(); got != quota.MaxAmount {
		t.Errorf("saturated: %d", got)
	}
	for range 3000 {
		sum.add(-int64(quota.MaxAmount))
	}
	sum.add(-7)
	if got := sum.amount(); got != -7 {
		t.Errorf("back again: %d, want -7", got)
	}
	for range 3000 {
		sum.add(-int64(quota.MaxAmount))
	}
	if got := sum.amount(); got != -quota.MaxAmount {
		t.Errorf("saturated below: %d", got)
	}
}

func TestABatchThatSumsToNothingAsksForNothing(t *testing.T) {
	j, _ := open(t, filepath.Join(t.TempDir(), "j"))
	check(t, j.Correct(identity(1), charged(1, 5)))
	check(t, j.Correct(identity(2), charged(1, -5)))
	s := must(j.Begin(entry(3, 0)))(t)
	check(t, s.Settle(nil, nil))
	s.Recorded()
	if batch, sums := j.Cut(); batch != 0 || len(sums) != 0 {
		t.Fatalf("batch %d %v", batch, sums)
	}
	if n, of := free(j); n != of {
		t.Errorf("%d of %d slots are free", n, of)
	}
}

func TestAHandleOfAFormerLifeChangesNothing(t *testing.T) {
	j, _ := open(t, filepath.Join(t.TempDir(), "j"))
	old := must(j.Begin(entry(1, 1)))(t)
	old.Recorded() // open: nothing
	check(t, old.Settle(charged(1, 1), nil))
	old.Recorded()
	batch, _ := j.Cut()
	j.Acknowledge(batch)
	fresh := must(j.Begin(entry(2, 2)))(t)
	if fresh.index != old.index {
		t.Fatal("the slot is not used anew")
	}
	if err := old.Settle(charged(1, 99), nil); !errors.Is(err, ErrNotOpen) {
		t.Errorf("Settle: %v", err)
	}
	check(t, fresh.Settle(charged(2, 3), nil))
	old.Recorded()
	batch, sums := j.Cut()
	if diff := cmp.Diff(charged(2, 3), sums); diff != "" {
		t.Error(diff)
	}
	j.Acknowledge(batch)
	if n, of := free(j); n != of-1 {
		t.Errorf("a foreign Recorded freed the slot: %d of %d", n, of)
	}
	var none Slot
	none.Recorded()
	if err := none.Settle(nil, nil); !errors.Is(err, ErrNotOpen) {
		t.Errorf("the zero slot: %v", err)
	}
}
