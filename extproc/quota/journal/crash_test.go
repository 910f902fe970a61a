package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// exchange is what the world knows of one: exactly this must be found.
type exchange struct {
	note             string
	settled, written bool
}

// world is a journal's user and its store, outliving the journal.
type world struct {
	exchanges map[int]exchange
	batches   map[uint64][]quota.Charge // what the store has applied
	corrected int
}

func (w *world) clone() *world {
	return &world{exchanges: maps.Clone(w.exchanges), batches: maps.Clone(w.batches), corrected: w.corrected}
}

// apply is the store: each number once, with the same contents.
func (w *world) apply(t testing.TB, batch uint64, sums []quota.Charge) {
	t.Helper()
	if had, applied := w.batches[batch]; applied {
		if diff := cmp.Diff(had, sums); diff != "" {
			t.Fatalf("batch %d has other contents the second time: %s", batch, diff)
		}
	}
	w.batches[batch] = sums
}

const (
	reservedAmount quota.Amount = 100
	settledAmount  quota.Amount = 42
)

// verify plays a successor on a file that a crash left: it finds all orphans,
// ends them, delivers all, and the store has each exchange exactly once. The
// file must show one of the worlds.
func verify(t testing.TB, path string, either ...*world) {
	t.Helper()
	j, orphans := open(t, path)
	if j.Damage() != nil {
		t.Fatalf("a crash tore the file: %v", j.Damage())
	}
	found := make(map[int]exchange)
	for _, o := range orphans {
		n := int(binary.BigEndian.Uint64(o.ID[:8]))
		found[n] = exchange{note: string(o.Note), settled: o.Settled}
		want := charged(n, reservedAmount)
		if o.Settled {
			want = charged(n, settledAmount)
		}
		if diff := cmp.Diff(want, o.Charges); diff != "" {
			t.Fatalf("exchange %d: %s", n, diff)
		}
	}
	var fit []*world
	var diffs string
	for _, w := range either {
		expect := maps.Clone(w.exchanges)
		maps.DeleteFunc(expect, func(_ int, e exchange) bool { return e.written })
		diff := cmp.Diff(expect, found, cmp.AllowUnexported(exchange{}))
		diffs += diff
		if diff == "" {
			fit = append(fit, w.clone())
		}
	}
	if len(fit) == 0 {
		t.Fatalf("the file shows neither what was before nor what is after: %s", diffs)
	}
	finish(t, j, fit, orphans)
	check(t, j.Close())
	if _, left := open(t, path); len(left) != 0 {
		t.Fatalf("orphans after all is done: %v", left)
	}
}

// finish ends the orphans and delivers all to the store, which then has what one
// of the worlds has.
func finish(t testing.TB, j *Journal, fit []*world, orphans []Orphan) {
	t.Helper()
	for _, o := range orphans {
		if !o.Settled {
			check(t, o.Slot.Settle(charged(int(binary.BigEndian.Uint64(o.ID[:8])), settledAmount), nil))
		}
		o.Slot.Recorded()
	}
	store := fit[0]
	for batch, sums := j.Cut(); batch != 0; batch, sums = j.Cut() {
		store.apply(t, batch, sums)
		j.Acknowledge(batch)
	}
	got := make(map[quota.Account]quota.Amount)
	for _, sums := range store.batches {
		for _, c := range sums {
			got[c.Account] += c.Amount
		}
	}
	var diffs []string
	for _, w := range fit {
		if diff := cmp.Diff(w.spent(), got); diff != "" {
			diffs = append(diffs, diff)
		}
	}
	if len(diffs) == len(fit) {
		t.Fatalf("the store's sums: %s", diffs)
	}
	if n, of := free(j); n != of {
		t.Fatalf("%d of %d slots are free", n, of)
	}
}

// spent is what the store must have in the end.
func (w *world) spent() map[quota.Account]quota.Amount {
	sums := make(map[quota.Account]quota.Amount)
	for n := range w.exchanges {
		sums[identity(n)] = settledAmount
	}
	if w.corrected > 0 {
		sums[identity(-1)] = quota.Amount(w.corrected)
	}
	return sums
}

// atomicWord tells whether the word at an offset of the file is one that is
// stored atomically: the others are what they publish.
func atomicWord(offset int) bool {
	if offset < headerSize {
		return offset >= int(unsafe.Offsetof(header{}.pid))
	}
	return (offset-headerSize)%slotSize < int(unsafe.Offsetof(slot{}.id))
}

// images gives files as a crash within a step may leave them: any of the plain
// words may be written while no atomic one is, and when all plain words are,
// the atomic ones are there up to any point of their order (the header's first,
// as the code has it, then the slots' in any order).
func images(rng *rand.Rand, before, after []byte) [][]byte {
	before = append(bytes.Clone(before), make([]byte, len(after)-len(before))...)
	var plain, head, slots []int
	for at := 0; at < len(after); at += 8 {
		switch {
		case bytes.Equal(before[at:at+8], after[at:at+8]):
		case !atomicWord(at):
			plain = append(plain, at)
		case at < headerSize:
			head = append(head, at)
		default:
			slots = append(slots, at)
		}
	}
	var out [][]byte
	for range min(4, len(plain)) {
		image := bytes.Clone(before)
		for _, at := range plain {
			if rng.IntN(2) == 0 {
				copy(image[at:at+8], after[at:])
			}
		}
		out = append(out, image)
	}
	// In a new life of a slot its batch is cleared before its state is stored.
	rng.Shuffle(len(slots), func(a, b int) { slots[a], slots[b] = slots[b], slots[a] })
	slices.SortStableFunc(slots, func(a, b int) int { return (b-headerSize)%slotSize - (a-headerSize)%slotSize })
	image := bytes.Clone(before)
	for _, at := range plain {
		copy(image[at:at+8], after[at:])
	}
	out = append(out, bytes.Clone(image))
	for _, at := range append(head, slots...) {
		copy(image[at:at+8], after[at:])
		out = append(out, bytes.Clone(image))
	}
	return out
}

// run is a random life of a journal, watched from outside.
type run struct {
	w     *world
	j     *Journal
	slots map[int]Slot
	batch uint64
	sums  []quota.Charge
	next  int
}

// pick is one of the exchanges that are wanted; false if there is none.
func (r *run) pick(rng *rand.Rand, wanted func(exchange) bool) (int, bool) {
	var of []int
	for n, e := range r.w.exchanges {
		if wanted(e) {
			of = append(of, n)
		}
	}
	slices.Sort(of)
	if len(of) == 0 {
		return 0, false
	}
	return of[rng.IntN(len(of))], true
}

// step does one thing.
func (r *run) step(t testing.TB, rng *rand.Rand) string {
	t.Helper()
	switch rng.IntN(7) {
	case 0:
		r.w.corrected++
		check(t, r.j.Correct(identity(-1), charged(-1, 1)))
		return "Correct"
	case 1, 2:
		n, ok := r.pick(rng, func(e exchange) bool { return !e.settled })
		if !ok {
			break
		}
		note := fmt.Sprintf("settled, with a note of some length: %d", rng.Uint64()>>rng.IntN(64))
		check(t, r.slots[n].Settle(charged(n, settledAmount), []byte(note)))
		r.w.exchanges[n] = exchange{note: note, settled: true}
		return "Settle"
	case 3:
		n, ok := r.pick(rng, func(e exchange) bool { return e.settled && !e.written })
		if !ok {
			break
		}
		r.slots[n].Recorded()
		r.w.exchanges[n] = exchange{note: r.w.exchanges[n].note, settled: true, written: true}
		return "Recorded"
	case 4:
		r.batch, r.sums = r.j.Cut()
		return "Cut"
	case 5:
		if r.batch == 0 {
			break
		}
		r.w.apply(t, r.batch, r.sums)
		if rng.IntN(2) == 0 {
			return "applied"
		}
		r.j.Acknowledge(r.batch)
		r.batch = 0
		return "Acknowledge"
	}
	e := entry(r.next, reservedAmount)
	r.slots[r.next] = must(r.j.Begin(e))(t)
	r.w.exchanges[r.next] = exchange{note: string(e.Note)}
	r.next++
	return "Begin"
}

// used reads the part of the file that is not a hole.
func used(t testing.TB, path string, j *Journal) []byte {
	t.Helper()
	size := headerSize
	if taken := j.shards[0].taken; taken > 0 {
		size += ((taken-1)*shardCount + 1) * chunkSize
	}
	b := make([]byte, size)
	f := must(os.Open(path))(t)
	must(f.ReadAt(b, 0))(t)
	check(t, f.Close())
	return b
}

func TestACrashAtAnyStepLosesAndDoublesNothing(t *testing.T) {
	lives, checked := 6, 0
	if os.Getenv("LONG") != "" {
		lives = 24
	}
	for seed := range lives {
		rng := rand.New(rand.NewPCG(uint64(seed), 5))
		path := filepath.Join(t.TempDir(), "j")
		j, _, err := Open(path, Options{})
		check(t, err)
		r := &run{j: j, slots: map[int]Slot{}, w: &world{exchanges: map[int]exchange{}, batches: map[uint64][]quota.Charge{}}}
		before := used(t, path, j)
		for n := range 30 {
			was := r.w.clone()
			name := r.step(t, rng)
			after := used(t, path, j)
			if name == "Acknowledge" { // the store had the batch before
				was = r.w.clone()
			}
			for i, image := range images(rng, before, after) {
				crashed := filepath.Join(t.TempDir(), "crashed")
				check(t, os.WriteFile(crashed, image, 0o600))
				t.Run(fmt.Sprintf("life %d step %d %s image %d", seed, n, name, i), func(t *testing.T) {
					verify(t, crashed, r.w, was)
				})
				check(t, os.Remove(crashed))
				checked++
			}
			before = after
		}
		check(t, j.Close())
	}
	t.Logf("%d files of crashed processes", checked)
}

// Images assume an order of stores; here it is seen. An observer copies slots
// while they are used: whatever state it finds, all that the state publishes is
// there. A process killed at that instant leaves the same.
func TestWhoeverLooksAtAnyInstantSeesSoundSlots(t *testing.T) {
	j, _ := open(t, filepath.Join(t.TempDir(), "j"))
	must(j.Begin(entry(0, reservedAmount)))(t) // maps the first segment
	stop := make(chan struct{})
	var others sync.WaitGroup
	seen := make(map[state]int)
	others.Go(func() {
		var copied slot
		for {
			select {
			case <-stop:
				return
			default:
			}
			for i := range uint32(chunkSlots) {
				sl, _ := j.at(i)
				word, in := sl.state.Load(), sl.batch.Load()
				copy(copied.bytes(), sl.bytes())
				if sl.state.Load() != word || word == 0 || sl.batch.Load() != in {
					continue
				}
				copied.state.Store(word)
				copied.batch.Store(in)
				seen[state(word).kind()]++
				if reason := copied.fault(); reason != "" {
					t.Errorf("slot %d: %s", i, reason)
					return
				}
				if in>>16 > j.head.batch.Load()>>16 {
					t.Error("a slot is in a batch that the header doesn't know")
				}
			}
		}
	})
	for n := range 60_000 {
		s := must(j.Begin(entry(n, quota.Amount(n))))(t)
		check(t, s.Settle(charged(n, 2), fmt.Appendf(nil, "another note, %d", n)))
		s.Recorded()
		if n%8 == 0 {
			batch, _ := j.Cut()
			j.Acknowledge(batch)
		}
	}
	close(stop)
	others.Wait()
	if seen[kindOpen] == 0 || seen[kindSettled] == 0 {
		t.Errorf("seen: %v", seen)
	}
}
