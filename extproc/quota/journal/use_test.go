package journal

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

func TestWhatDoesNotFitIsRefusedAndChangesNothing(t *testing.T) {
	j, _ := open(t, filepath.Join(t.TempDir(), "j"))
	many, long := make([]quota.Charge, MaxCharges+1), make([]byte, MaxNote+1)
	if _, err := j.Begin(&Entry{Charges: many}); err == nil {
		t.Error("25 charges fit")
	}
	if _, err := j.Begin(&Entry{Note: long}); err == nil {
		t.Error("201 bytes fit")
	}
	if err := j.Correct(identity(1), many); err == nil {
		t.Error("a correction of 25 charges fits")
	}
	s := must(j.Begin(&Entry{Charges: many[:MaxCharges], Note: long[:MaxNote]}))(t)
	if s.Settle(many, nil) == nil || s.Settle(nil, long) == nil {
		t.Error("too much fits")
	}
	check(t, s.Settle(many[:MaxCharges], long[:MaxNote]))
}

func TestAFullJournalRefusesAndGoesOnWhenThereIsRoom(t *testing.T) {
	j, _, err := Open(filepath.Join(t.TempDir(), "j"), Options{MaxSlots: 1})
	check(t, err)
	defer func() { check(t, j.Close()) }()
	var slots []Slot
	for n := 0; ; n++ {
		s, err := j.Begin(entry(n, 1))
		if errors.Is(err, ErrFull) {
			break
		}
		slots = append(slots, must(s, err)(t))
	}
	if len(slots) != 1024 {
		t.Errorf("%d slots, want 1,024: what one shard lacks others have", len(slots))
	}
	if err := j.Room(); !errors.Is(err, ErrFull) {
		t.Errorf("there is room: %v", err)
	}
	check(t, slots[500].Settle(charged(500, 1), nil))
	slots[500].Recorded()
	batch, _ := j.Cut()
	j.Acknowledge(batch)
	check(t, j.Room())
	check(t, j.Room()) // it takes nothing
	must(j.Begin(entry(9999, 1)))(t)
	if _, err := j.Begin(entry(1, 1)); !errors.Is(err, ErrFull) {
		t.Errorf("full again: %v", err)
	}
}

func TestAJournalOfManySegmentsReopensWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	j, _ := open(t, path)
	const count = segmentSlots + 3000
	for n := range count {
		e := entry(n, quota.Amount(n))
		e.ID[15] = byte(n)
		must(j.Begin(e))(t)
	}
	check(t, j.Close())
	// Fewer slots than there are: none is lost.
	j, orphans, err := Open(path, Options{MaxSlots: 1024})
	check(t, err)
	defer func() { check(t, j.Close()) }()
	if len(orphans) != count {
		t.Fatalf("%d orphans, want %d", len(orphans), count)
	}
	for _, o := range orphans {
		check(t, o.Slot.Settle(o.Charges, nil))
	}
	_, sums := j.Cut()
	if len(sums) != count-1 { // the first amount is zero
		t.Errorf("%d sums", len(sums))
	}
}

func TestAJournalInUseNamesItsHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	j, _ := open(t, path)
	_, _, err := Open(path, Options{})
	if used, ok := errors.AsType[*InUseError](err); !ok || used.PID != os.Getpid() || used.Path != path {
		t.Fatalf("got %v", err)
	}
	must(j.Begin(entry(1, 1)))(t)
	check(t, j.Close())
	check(t, j.Close())
	if _, orphans := open(t, path); len(orphans) != 1 {
		t.Error("the second Open harmed the file")
	}
}

func TestAClosedJournalRefusesAll(t *testing.T) {
	for _, j := range []*Journal{Memory(), must(first(Open(filepath.Join(t.TempDir(), "j"), Options{})))(t)} {
		owner := j.Owner()
		s := must(j.Begin(entry(1, 1)))(t)
		check(t, j.Close())
		_, err := j.Begin(entry(2, 1))
		for name, err := range map[string]error{
			"Begin": err, "Correct": j.Correct(identity(1), nil),
			"Settle": s.Settle(nil, nil),
		} {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("%s: %v", name, err)
			}
		}
		s.Recorded()
		j.Acknowledge(1)
		if batch, _ := j.Cut(); batch != 0 {
			t.Error("a batch of a closed journal")
		}
		if j.Owner() != owner {
			t.Error("the owner is another")
		}
	}
}

func first(j *Journal, _ []Orphan, err error) (*Journal, error) { return j, err }

func TestAJournalInMemoryHasAnOwnerOfItsOwn(t *testing.T) {
	a, b := Memory(), Memory()
	defer func() { check(t, a.Close()) }()
	defer func() { check(t, b.Close()) }()
	if a.Owner() == b.Owner() || a.Owner() == (quota.Owner{}) {
		t.Errorf("owners %x and %x", a.Owner(), b.Owner())
	}
	s := must(a.Begin(entry(1, 1)))(t)
	check(t, s.Settle(charged(1, 4), nil))
	if batch, sums := a.Cut(); batch != 1 || cmp.Diff(charged(1, 4), sums) != "" {
		t.Errorf("%d %v", batch, sums)
	}
}

// exchangeOf is a whole exchange, every tenth with a correction.
func exchangeOf(t *testing.T, j *Journal, n int) Slot {
	t.Helper()
	e := entry(n, 5)
	e.ID[15] = byte(n)
	s, err := j.Begin(e)
	if err == nil {
		err = s.Settle(charged(n%50, 2), []byte("x"))
	}
	if err == nil && n%10 == 0 {
		err = j.Correct(e.ID, charged(n%50, 1))
	}
	if err != nil {
		t.Error(err)
	}
	return s
}

// All at once: exchanges, their recorder, and the loop that cuts. What reaches
// the store is exact, and every slot is free in the end.
func TestConcurrentUseLosesAndDoublesNothing(t *testing.T) {
	j, _ := open(t, filepath.Join(t.TempDir(), "j"))
	const writers, each = 4, 3000
	settled := make(chan Slot, 64)
	var work sync.WaitGroup
	for w := range writers {
		work.Go(func() {
			for n := range each {
				settled <- exchangeOf(t, j, w*each+n)
			}
		})
	}
	var others sync.WaitGroup
	others.Go(func() {
		for s := range settled {
			s.Recorded()
		}
	})
	stop, sum := make(chan struct{}), quota.Amount(0)
	deliver := func() bool {
		batch, sums := j.Cut()
		for _, c := range sums {
			sum += c.Amount
		}
		j.Acknowledge(batch)
		return batch != 0
	}
	others.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				deliver()
			}
		}
	})
	work.Wait()
	close(settled)
	close(stop)
	others.Wait()
	for deliver() {
	}
	if want := quota.Amount(writers * each * 21 / 10); sum != want {
		t.Errorf("the store got %d, want %d", sum, want)
	}
	if n, of := free(j); n != of {
		t.Errorf("%d of %d slots are free", n, of)
	}
}
