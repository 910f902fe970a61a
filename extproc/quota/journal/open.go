package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// Orphan is an exchange that a former process left: open, to be settled and
// recorded, or settled, to be recorded.
type Orphan struct {
	Slot    Slot
	ID      [16]byte
	Started time.Time // UTC; the zero time if Begin's was
	// Charges are the reserved ones of an open slot, the settled ones of a
	// settled slot (they reach the store by themselves).
	Charges []quota.Charge
	Note    []byte
	Settled bool
}

// InUseError is Open's when another process has the journal, or this one has it
// open already.
type InUseError struct {
	Path string
	PID  int // 0 if the file does not say
}

func (e *InUseError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("journal %s is in use by another process", e.Path)
	}
	return fmt.Sprintf("journal %s is in use by process %d", e.Path, e.PID)
}

// Open opens or makes the journal and gives what a former process left in it.
// Errors: *InUseError; *DamagedError if the file is foreign or its header torn:
// it is kept under another name then, and the next Open makes a new journal; and
// those of the file system.
func Open(path string, o Options) (*Journal, []Orphan, error) {
	f, err := openLocked(path)
	if err != nil {
		return nil, nil, err
	}
	j, err := load(f, o)
	if err == nil {
		if reason := j.inspect(); reason != "" {
			err = &DamagedError{Path: path, Reason: reason, salvage: true}
		}
	}
	if err == nil {
		orphans := j.restore()
		return j, orphans, nil
	}
	damage, ok := errors.AsType[*DamagedError](err)
	switch {
	case !ok:
		return nil, nil, errors.Join(err, f.Close())
	case !damage.salvage:
		return nil, nil, errors.Join(damage.keepAside(), f.Close())
	}
	err = errors.Join(j.salvage(damage), j.Close())
	if err != nil {
		return nil, nil, err
	}
	return reopen(path, o, damage)
}

// reopen opens a file that salvage has made.
func reopen(path string, o Options, damage *DamagedError) (*Journal, []Orphan, error) {
	f, err := openLocked(path)
	if err != nil {
		return nil, nil, err
	}
	j, err := load(f, o)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	j.damage = damage
	orphans := j.restore()
	return j, orphans, nil
}

// openLocked opens the file that has the name and locks it. A file that lost its
// name between the two (see salvage) is let go.
func openLocked(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names the file
		if err != nil {
			return nil, fmt.Errorf("open the journal: %w", err)
		}
		taken, err := lock(f)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		if !taken {
			return nil, errors.Join(&InUseError{Path: path, PID: holder(f)}, f.Close())
		}
		mine, err := f.Stat()
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		named, err := os.Stat(path) //nolint:gosec // the operator names the file
		if err == nil && os.SameFile(mine, named) {
			return f, nil
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
}

// holder reads who has the file, without a lock.
func holder(f *os.File) int {
	b := make([]byte, headerSize)
	if _, err := f.ReadAt(b, 0); err != nil {
		return 0
	}
	h := headerOf(b)
	if h.magic != magic {
		return 0
	}
	return int(h.pid.Load())
}

// load maps a locked file; an empty one is made a journal.
func load(f *os.File, o Options) (*Journal, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("journal %s is not a file", f.Name())
	}
	if info.Size() == 0 {
		b := make([]byte, headerSize)
		headerOf(b).describe(newOwner())
		if _, err := f.WriteAt(b, 0); err != nil {
			return nil, fmt.Errorf("make the journal: %w", err)
		}
		info, err = f.Stat()
		if err != nil {
			return nil, err
		}
	}
	taken, reason, err := readHeader(f, info.Size())
	if err != nil {
		return nil, err
	}
	if reason != "" {
		return nil, &DamagedError{Path: f.Name(), Reason: reason}
	}
	return mapJournal(f, o, taken)
}

// mapJournal maps a file whose header is sound.
func mapJournal(f *os.File, o Options, taken int) (*Journal, error) {
	j := newJournal(o, taken)
	var err error
	if j.headMem, err = mapFile(f, 0, headerSize); err != nil {
		return nil, err
	}
	j.file, j.head = f, headerOf(j.headMem)
	for n := range (taken + segmentChunks - 1) / segmentChunks {
		if err := j.grow(n); err != nil {
			return nil, errors.Join(err, j.unmap())
		}
	}
	j.owner = j.head.owner
	for i := range j.shards {
		j.shards[i].taken = int(j.head.taken[i].Load())
	}
	j.head.pid.Store(uint64(os.Getpid()))
	return j, nil
}

// readHeader checks all that must hold before a file is mapped: touching a page
// that the file does not have ends the process. taken is one more than the last
// chunk in use.
func readHeader(f *os.File, size int64) (taken int, reason string, err error) {
	b := make([]byte, headerSize)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, "", fmt.Errorf("read the journal: %w", err)
	}
	h := headerOf(b)
	switch {
	case n < 8 || h.magic != magic:
		return 0, "it is no journal of this version", nil
	case n < headerSize:
		return 0, fmt.Sprintf("it ends within its header, after %d bytes", n), nil
	case h.check != h.immutableCheck():
		return 0, "its header's checksum does not match", nil
	case h.slot != slotSize || h.chunk != chunkSlots || h.shard != shardCount:
		return 0, "its slots are not of this build's size and order", nil
	}
	last, fine := unseal(h.batch.Load())
	acked, alike := unseal(h.acked.Load())
	if !fine || !alike || acked > last {
		return 0, "its header's batch numbers are torn", nil
	}
	// Bounded before it is multiplied.
	chunks := size / chunkSize
	for i := range h.taken {
		if t := int64(h.taken[i].Load()); t > 0 {
			chunk := (t-1)*shardCount + int64(i)
			if chunk >= chunks || headerSize+(chunk+1)*chunkSize > size {
				return 0, fmt.Sprintf("it has %d bytes, but its header tells of %d", size, headerSize+(chunk+1)*chunkSize), nil
			}
			taken = max(taken, int(chunk)+1)
		}
	}
	return taken, "", nil
}

// each visits the slots in use or once used.
func (j *Journal) each(visit func(index uint32, sl *slot, m *mark)) {
	for number := range j.shards {
		for k := j.shards[number].taken - 1; k >= 0; k-- {
			first := uint32((k*shardCount + number) * chunkSlots)
			for i := first + chunkSlots; i > first; i-- { // the first slot ends up first in a list
				sl, m := j.at(i - 1)
				visit(i-1, sl, m)
			}
		}
	}
}
