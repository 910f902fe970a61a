package journal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// ErrFull is Begin's: MaxSlots exchanges are open or wait for the store or for
// their record.
var ErrFull = errors.New("journal: all slots are taken")

// ErrClosed is the error of all methods after Close.
var ErrClosed = errors.New("journal: closed")

// Options of a journal.
type Options struct {
	// MaxSlots bounds the exchanges that are open or settled and not yet both
	// acknowledged and recorded; rounded up to a multiple of 1,024. The file
	// grows to 2 KiB a slot in use. 0: 262,144.
	MaxSlots int
}

// maxChunks is MaxSlots in chunks, the same number for each shard.
func (o Options) maxChunks() int {
	slots := o.MaxSlots
	if slots <= 0 {
		slots = 262_144
	}
	round := shardCount * chunkSlots
	return (slots + round - 1) / round * shardCount
}

// Journal implements quota.Journal.
type Journal struct {
	// Immutable after Open.
	file      *os.File // nil in memory
	owner     quota.Owner
	head      *header
	headMem   []byte // what to unmap; nil in memory
	maxChunks int
	damage    *DamagedError
	shards    [shardCount]shard

	segments []atomic.Pointer[segment] // set once each, under growing
	growing  sync.Mutex

	// acked is what the header says, after it says so.
	acked atomic.Uint64

	mu      sync.Mutex // guards pending, and Cut and Acknowledge against each other and Close
	pending []batch    // ascending; not acknowledged
	last    uint64     // the last batch's number
	closed  bool
}

var _ quota.Journal = (*Journal)(nil)

// segment is a mapped stretch of the file, and what needs no file.
type segment struct {
	mem   []byte
	notes [segmentSlots]mark // guarded by the shard of the slot
}

// mark is what a process knows of a slot beside the file.
type mark struct {
	next uint32 // in the shard's free or settled list; index+1, 0 ends it
	// use tells handles of a slot's former lives from the present one.
	use uint32
}

// shard is a part of the slots with a lock of its own.
type shard struct {
	mu      sync.Mutex
	free    uint32 // list heads: index+1
	settled uint32 // and in no batch
	taken   int    // chunks
	closed  bool
	_       [32]byte // a cache line each
}

// Memory is a journal that ends with the process.
func Memory() *Journal {
	j := newJournal(Options{}, 0)
	j.head = new(header)
	j.owner = newOwner()
	j.head.describe(j.owner)
	return j
}

func newJournal(o Options, chunks int) *Journal {
	j := &Journal{maxChunks: o.maxChunks()}
	n := (max(j.maxChunks, chunks) + segmentChunks - 1) / segmentChunks
	j.segments = make([]atomic.Pointer[segment], n)
	return j
}

func newOwner() (o quota.Owner) {
	_, _ = rand.Read(o[:]) // crypto/rand never fails
	return o
}

// Owner is the identity that the file was given when it was made.
func (j *Journal) Owner() quota.Owner { return j.owner }

// Damage tells what Open found torn in the file and left out; nil is the rule.
func (j *Journal) Damage() *DamagedError { return j.damage }

// Close unmaps and unlocks the file. What is open stays open in it.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	for i := range j.shards {
		s := &j.shards[i]
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
	}
	if j.file == nil {
		return j.unmap()
	}
	j.head.pid.Store(0)
	return errors.Join(j.unmap(), j.file.Close())
}

// unmap lets go of all memory that is mapped; nobody may use slots any more.
func (j *Journal) unmap() error {
	var errs []error
	for i := range j.segments {
		if seg := j.segments[i].Load(); seg != nil {
			errs = append(errs, unmap(seg.mem))
		}
	}
	if j.headMem != nil {
		errs = append(errs, unmap(j.headMem))
	}
	return errors.Join(errs...)
}

// at is a slot and its mark; the slot's segment exists.
func (j *Journal) at(index uint32) (*slot, *mark) {
	seg := j.segments[index/segmentSlots].Load()
	n := index % segmentSlots
	return slotOf(seg.mem[n*slotSize:]), &seg.notes[n]
}

func (j *Journal) shardOf(index uint32) *shard {
	return &j.shards[index/chunkSlots%shardCount]
}

// push puts a slot at the head of a list. Caller holds the shard's lock.
func push(list *uint32, index uint32, m *mark) {
	m.next = *list
	*list = index + 1
}

// extend gives a shard its next chunk. Caller holds the shard's lock.
func (j *Journal) extend(number int) error {
	s := &j.shards[number]
	chunk := s.taken*shardCount + number
	if chunk >= j.maxChunks {
		return ErrFull
	}
	if err := j.grow(chunk / segmentChunks); err != nil {
		return err
	}
	if j.file != nil {
		if err := reserve(j.file, headerSize+int64(chunk)*chunkSize, chunkSize); err != nil {
			return err
		}
	}
	first := uint32(chunk * chunkSlots)
	for i := first + chunkSlots; i > first; i-- {
		sl, m := j.at(i - 1)
		sl.state.Store(0)
		push(&s.free, i-1, m)
	}
	s.taken++
	j.head.taken[number].Store(uint32(s.taken))
	return nil
}

// grow maps a segment unless it is.
func (j *Journal) grow(n int) error {
	j.growing.Lock()
	defer j.growing.Unlock()
	if j.segments[n].Load() != nil {
		return nil
	}
	offset := headerSize + int64(n)*segmentSize
	if j.file != nil {
		info, err := j.file.Stat()
		if err != nil {
			return err
		}
		if info.Size() < offset+segmentSize { // a hole, no blocks
			if err := j.file.Truncate(offset + segmentSize); err != nil {
				return fmt.Errorf("grow the journal: %w", err)
			}
		}
	}
	mem, err := mapFile(j.file, offset, segmentSize)
	if err != nil {
		return err
	}
	j.segments[n].Store(&segment{mem: mem})
	return nil
}

// writeZeros sets blocks aside where no system call does.
func writeZeros(f *os.File, offset, size int64) error {
	_, err := f.WriteAt(make([]byte, size), offset)
	return err
}
