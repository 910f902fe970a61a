package journal

import (
	"errors"
	"fmt"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// ErrNotOpen is Settle's: the slot is settled already.
var ErrNotOpen = errors.New("journal: the slot is not open")

// Entry is an exchange as it begins. Amounts beyond ±quota.MaxAmount are
// journalled as that.
type Entry struct {
	ID      [16]byte // random: it picks the shard
	Started time.Time
	Charges []quota.Charge // reserved; at most MaxCharges
	Note    []byte         // what its record needs after a crash; at most MaxNote bytes
}

// Slot is a handle of an exchange. Its zero value is of none: its methods do
// nothing.
type Slot struct {
	journal *Journal
	index   uint32
	use     uint32
}

func fits(charges []quota.Charge, note []byte) error {
	switch {
	case len(charges) > MaxCharges:
		return fmt.Errorf("journal: %d charges, at most %d fit", len(charges), MaxCharges)
	case len(note) > MaxNote:
		return fmt.Errorf("journal: a note of %d bytes, at most %d fit", len(note), MaxNote)
	}
	return nil
}

// Begin opens a slot. Nothing of e is kept. Errors: ErrFull, ErrClosed, what
// does not fit, a full disk.
func (j *Journal) Begin(e *Entry) (Slot, error) {
	return j.enter(e, kindOpen)
}

// Correct journals charges that are settled from the start and need no record:
// what is to be added to an exchange that has ended. Errors are Begin's.
func (j *Journal) Correct(id [16]byte, charges []quota.Charge) error {
	_, err := j.enter(&Entry{ID: id, Charges: charges}, kindSettled|recorded)
	return err
}

func (j *Journal) enter(e *Entry, kind state) (Slot, error) {
	if err := fits(e.Charges, e.Note); err != nil {
		return Slot{}, err
	}
	s, index, err := j.take(int(e.ID[len(e.ID)-1]) % shardCount)
	if err != nil {
		return Slot{}, err
	}
	defer s.mu.Unlock()
	sl, m := j.at(index)
	m.use++
	sl.id = e.ID
	sl.started = 0
	if !e.Started.IsZero() {
		sl.started = e.Started.UnixNano()
	}
	sl.batch.Store(0)
	st := kind | state(len(e.Charges))<<8 | state(len(e.Note))<<16
	sl.write(st.area(), e.Charges)
	copy(sl.notes[0][:], e.Note)
	sl.state.Store(uint64(sl.sealed(st)))
	if st.kind() == kindSettled {
		push(&s.settled, index, m)
	}
	return Slot{journal: j, index: index, use: m.use}, nil
}

// take finds a free slot, in the named shard if it can, and returns with the
// lock of its shard held.
func (j *Journal) take(number int) (*shard, uint32, error) {
	var err error
	for range shardCount {
		s := &j.shards[number]
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return nil, 0, ErrClosed
		}
		if s.free == 0 {
			err = j.extend(number)
		}
		if s.free != 0 {
			index := s.free - 1
			_, m := j.at(index)
			s.free = m.next
			return s, index, nil
		}
		s.mu.Unlock()
		number = (number + 1) % shardCount
	}
	return nil, 0, err
}

// Room tells whether Begin would take an exchange now, and makes room for it.
// Errors are those of Begin.
func (j *Journal) Room() error {
	s, index, err := j.take(0)
	if err != nil {
		return err
	}
	defer s.mu.Unlock()
	_, m := j.at(index)
	push(&s.free, index, m)
	return nil
}

// hold locks the slot's shard and gives the slot, if the handle is still its
// own.
func (s Slot) hold() (sh *shard, sl *slot, m *mark, err error) {
	if s.journal == nil {
		return nil, nil, nil, ErrNotOpen
	}
	sh = s.journal.shardOf(s.index)
	sh.mu.Lock()
	if sh.closed {
		sh.mu.Unlock()
		return nil, nil, nil, ErrClosed
	}
	sl, m = s.journal.at(s.index)
	if m.use != s.use || sl.state.Load() == 0 {
		sh.mu.Unlock()
		return nil, nil, nil, ErrNotOpen
	}
	return sh, sl, m, nil
}

// Settle replaces what is reserved by what was used, and the note. It happens
// once: a second call changes nothing and returns ErrNotOpen. Charges that do
// not fit are an error, and the slot stays open.
func (s Slot) Settle(charges []quota.Charge, note []byte) error {
	if err := fits(charges, note); err != nil {
		return err
	}
	sh, sl, m, err := s.hold()
	if err != nil {
		return err
	}
	defer sh.mu.Unlock()
	st := state(sl.state.Load())
	if st.kind() != kindOpen {
		return ErrNotOpen
	}
	next := kindSettled | second | state(len(charges))<<8 | state(len(note))<<16
	sl.write(next.area(), charges)
	copy(sl.notes[next.note()][:], note)
	sl.state.Store(uint64(sl.sealed(next)))
	push(&sh.settled, s.index, m)
	return nil
}

// Recorded says that the exchange's record is written. It does nothing to a
// slot that is open, free or used anew.
func (s Slot) Recorded() {
	sh, sl, m, err := s.hold()
	if err != nil {
		return
	}
	defer sh.mu.Unlock()
	st := state(sl.state.Load())
	if st.kind() != kindSettled {
		return
	}
	sl.state.Store(uint64(st | recorded))
	if s.journal.acknowledged(sl) {
		s.journal.release(sh, s.index, m)
	}
}

// release frees a slot. Caller holds the shard's lock.
func (j *Journal) release(sh *shard, index uint32, m *mark) {
	sl, _ := j.at(index)
	sl.state.Store(0)
	push(&sh.free, index, m)
}

// acknowledged tells whether the store has the slot's charges.
func (j *Journal) acknowledged(sl *slot) bool {
	word := sl.batch.Load()
	return word != 0 && word>>16 <= j.acked.Load()
}
