package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// childDir tells the test binary that it is a process to be killed.
const childDir = "JOURNAL_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := work(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// The diary is what the child tells the world, one write each, so that it
// outlives the child: what it is about to do, what it has done, and as the
// store, which batches it has applied.
type line struct {
	Verb    verb
	_       [3]byte
	Life    uint32 // which child
	Number  uint64 // the exchange's, the batch's
	Account uint64 // of an applied sum
	Amount  int64
}

type verb uint8

const (
	beginning verb = iota
	begun
	settling
	settledNow
	recording
	applied // one sum of a batch
	committed
)

// diary writes lines, each as a whole.
type diary struct{ f *os.File }

func (d diary) tell(lines ...line) error {
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, lines); err != nil {
		return err
	}
	_, err := d.f.Write(b.Bytes()) // O_APPEND: writers don't mix
	return err
}

// work is the child: exchanges, a recorder and a store, until it is killed.
func work(dir string) error {
	j, orphans, err := Open(filepath.Join(dir, "j"), Options{})
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, "diary"), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	d := diary{f}
	for _, o := range orphans {
		if err := end(d, o.Slot, binary.BigEndian.Uint64(o.ID[:8]), o.Settled); err != nil {
			return err
		}
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var next atomic.Uint64
	next.Store(uint64(info.Size())) // greater than any number in use
	failed := make(chan error, 4)
	for range 3 {
		go func() { failed <- exchanges(j, d, &next) }()
	}
	go func() { failed <- deliver(j, d) }()
	if _, err := os.Stdout.WriteString("x"); err != nil { // ready to be killed
		return err
	}
	return <-failed
}

func exchanges(j *Journal, d diary, next *atomic.Uint64) error {
	for {
		n := next.Add(1)
		e := entry(int(n), reservedAmount)
		e.ID[15] = byte(n)
		if err := d.tell(line{Verb: beginning, Number: n}); err != nil {
			return err
		}
		s, err := j.Begin(e)
		if err != nil {
			return err
		}
		if err := d.tell(line{Verb: begun, Number: n}); err != nil {
			return err
		}
		if err := end(d, s, n, false); err != nil {
			return err
		}
	}
}

// end settles and records an exchange.
func end(d diary, s Slot, n uint64, settled bool) error {
	if !settled {
		if err := d.tell(line{Verb: settling, Number: n}); err != nil {
			return err
		}
		if err := s.Settle(charged(int(n), settledAmount), fmt.Appendf(nil, "settled %d", n)); err != nil {
			return err
		}
		if err := d.tell(line{Verb: settledNow, Number: n}); err != nil {
			return err
		}
	}
	if err := d.tell(line{Verb: recording, Number: n}); err != nil {
		return err
	}
	s.Recorded()
	return nil
}

// deliver is the exchange with a store.
func deliver(j *Journal, d diary) error {
	for {
		batch, sums := j.Cut()
		if batch == 0 {
			continue
		}
		if err := apply(d, batch, sums); err != nil {
			return err
		}
		j.Acknowledge(batch)
	}
}

func apply(d diary, batch uint64, sums []quota.Charge) error {
	lines := make([]line, 0, len(sums)+1)
	for _, c := range sums {
		lines = append(lines, line{
			Verb: applied, Number: batch, Amount: int64(c.Amount),
			Account: binary.BigEndian.Uint64(c.Account[:8]),
		})
	}
	return d.tell(append(lines, line{Verb: committed, Number: batch, Amount: int64(len(sums))})...)
}

// history is a diary read.
type history struct {
	last    map[uint64]verb // of an exchange
	batches map[uint64]map[uint64]int64
}

func readDiary(t *testing.T, path string) history {
	t.Helper()
	b := must(os.ReadFile(path))(t)
	size := binary.Size(line{})
	lines := make([]line, len(b)/size)
	check(t, os.Truncate(path, int64(len(lines)*size))) // a killed write may end anywhere
	check(t, binary.Read(bytes.NewReader(b[:len(lines)*size]), binary.LittleEndian, lines))
	h := history{last: map[uint64]verb{}, batches: map[uint64]map[uint64]int64{}}
	sums := map[uint64]int64{}
	for _, l := range lines {
		switch l.Verb {
		case applied:
			sums[l.Account] = l.Amount
		case committed:
			if had, ok := h.batches[l.Number]; ok && !maps.Equal(had, sums) {
				t.Fatalf("batch %d has other contents the second time: %d and %d sums", l.Number, len(had), len(sums))
			}
			h.batches[l.Number] = sums
			sums = map[uint64]int64{}
		default:
			h.last[l.Number] = max(h.last[l.Number], l.Verb)
		}
	}
	return h
}

// A process is killed again and again at a random instant. What its successor
// finds agrees with what the world saw, and in the end the store has each
// exchange exactly once.
func TestAProcessKilledAtAnyInstantLosesAndDoublesNothing(t *testing.T) {
	lines := 1
	if os.Getenv("LONG") != "" {
		lines = 12
	}
	for n := range lines {
		t.Run(fmt.Sprintf("line %d", n), func(t *testing.T) {
			dir := t.TempDir()
			path, told := filepath.Join(dir, "j"), filepath.Join(dir, "diary")
			check(t, os.WriteFile(told, nil, 0o600))
			const kills = 25
			for range kills {
				killOne(t, dir)
				h := readDiary(t, told)
				j, orphans, err := Open(path, Options{})
				check(t, err)
				if j.Damage() != nil {
					t.Fatal(j.Damage())
				}
				agree(t, h, orphans)
				check(t, j.Close())
			}
			endAll(t, path, told)
			h := readDiary(t, told)
			t.Logf("%d processes killed, %d exchanges, %d batches", kills, len(h.last), len(h.batches))
			once(t, h)
		})
	}
}

// endAll is the last process, which is not killed.
func endAll(t *testing.T, path, told string) {
	t.Helper()
	j, orphans := open(t, path)
	d := diary{must(os.OpenFile(told, os.O_APPEND|os.O_WRONLY, 0o600))(t)}
	for _, o := range orphans {
		check(t, end(d, o.Slot, binary.BigEndian.Uint64(o.ID[:8]), o.Settled))
	}
	for batch, sums := j.Cut(); batch != 0; batch, sums = j.Cut() {
		check(t, apply(d, batch, sums))
		j.Acknowledge(batch)
	}
	check(t, d.f.Close())
	if n, of := free(j); n != of {
		t.Errorf("%d of %d slots are free", n, of)
	}
}

// once checks that the store has each exchange that began, one time.
func once(t *testing.T, h history) {
	t.Helper()
	times := make(map[uint64]int)
	for number, sums := range h.batches {
		for n, amount := range sums {
			times[n]++
			if amount != int64(settledAmount) || times[n] > 1 {
				t.Fatalf("exchange %d is in batch %d with %d, %d times", n, number, amount, times[n])
			}
		}
	}
	lost := 0
	for n, v := range h.last {
		if times[n] == 0 && v != beginning {
			lost++
		}
	}
	if lost > 0 || len(times) == 0 {
		t.Errorf("%d exchanges are lost of %d", lost, len(h.last))
	}
}

// agree compares orphans with what the world saw last of each exchange.
func agree(t *testing.T, h history, orphans []Orphan) {
	t.Helper()
	found := make(map[uint64]Orphan)
	for _, o := range orphans {
		n := binary.BigEndian.Uint64(o.ID[:8])
		if _, twice := found[n]; twice {
			t.Fatalf("exchange %d is there twice", n)
		}
		found[n] = o
		want, note := charged(int(n), reservedAmount), fmt.Sprintf("begun %d", n)
		if o.Settled {
			want, note = charged(int(n), settledAmount), fmt.Sprintf("settled %d", n)
		}
		if string(o.Note) != note {
			t.Fatalf("exchange %d has the note %q, want %q", n, o.Note, note)
		}
		if len(o.Charges) != 1 || o.Charges[0] != want[0] {
			t.Fatalf("exchange %d has the charges %v", n, o.Charges)
		}
	}
	for n, v := range h.last {
		o, there := found[n]
		switch v {
		case begun:
			if !there || o.Settled {
				t.Fatalf("exchange %d was begun, there %v, settled %v", n, there, o.Settled)
			}
		case settling:
			if !there {
				t.Fatalf("exchange %d was being settled and is gone", n)
			}
		case settledNow:
			if !there || !o.Settled {
				t.Fatalf("exchange %d was settled, there %v, settled %v", n, there, o.Settled)
			}
		}
	}
}

// killOne starts a child and kills it after a random moment of work.
func killOne(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out := must(cmd.StdoutPipe())(t)
	check(t, cmd.Start())
	var once sync.Once
	kill := func() { once.Do(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) } // it is to die
	defer kill()
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		t.Fatalf("the child did not start: %v", err)
	}
	instant := time.NewTimer(time.Duration(rand.Int64N(int64(15 * time.Millisecond))))
	<-instant.C
	kill()
}
