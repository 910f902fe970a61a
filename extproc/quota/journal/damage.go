package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// DamagedError says what is wrong with a file and where it is kept.
type DamagedError struct {
	Path   string
	Aside  string // where the file is now; "" if it could not be moved
	Reason string

	salvage bool // the header is sound, and so may be other slots
}

func (e *DamagedError) Error() string {
	if e.Aside == "" {
		return fmt.Sprintf("journal %s is damaged: %s", e.Path, e.Reason)
	}
	return fmt.Sprintf("journal %s is damaged: %s; it is kept as %s", e.Path, e.Reason, e.Aside)
}

// keepAside gives the file another name.
func (e *DamagedError) keepAside() error {
	if err := e.link(); err != nil {
		return errors.Join(e, err)
	}
	if err := os.Remove(e.Path); err != nil { //nolint:gosec // the operator names the file
		return errors.Join(e, err)
	}
	return e
}

// link adds a name that no file has: unlike a rename, a link replaces nothing.
func (e *DamagedError) link() error {
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s.damaged-%d", e.Path, n)
		err := os.Link(e.Path, name)
		if err == nil {
			e.Aside = name
			return nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("keep the damaged journal: %w", err)
		}
	}
}

// inspect finds damaged slots; "" means none.
func (j *Journal) inspect() string {
	var damaged, live int
	var first string
	j.each(func(index uint32, sl *slot, _ *mark) {
		if sl.state.Load() != 0 {
			live++
		}
		if reason := sl.fault(); reason != "" {
			damaged++
			first = fmt.Sprintf("slot %d: %s", index, reason)
		}
	})
	if damaged == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d slots in use are torn, such as %s", damaged, live, first)
}

// salvage writes the sound slots to a new file and lets it take the journal's
// name; the old file keeps another one. The name always has a whole journal.
func (j *Journal) salvage(damage *DamagedError) error {
	tmp, err := os.CreateTemp(filepath.Dir(damage.Path), filepath.Base(damage.Path)+".new-*")
	if err != nil {
		return fmt.Errorf("salvage the journal: %w", err)
	}
	err = errors.Join(j.copySound(tmp), tmp.Sync(), tmp.Close())
	if err == nil {
		err = damage.link()
	}
	if err == nil {
		err = os.Rename(tmp.Name(), damage.Path) //nolint:gosec // the operator names the file
	}
	if err != nil {
		return fmt.Errorf("salvage the journal: %w", errors.Join(err, os.Remove(tmp.Name()))) //nolint:gosec // CreateTemp named it
	}
	return nil
}

// copySound writes a journal of the sound slots in use, from the first chunk on.
func (j *Journal) copySound(to *os.File) error {
	var count int
	var failed error
	j.each(func(_ uint32, sl *slot, _ *mark) {
		if failed != nil || sl.state.Load() == 0 || sl.fault() != "" {
			return
		}
		_, failed = to.WriteAt(sl.bytes(), headerSize+int64(count)*slotSize)
		count++
	})
	if failed != nil {
		return failed
	}
	b := make([]byte, headerSize)
	h := headerOf(b)
	h.describe(j.owner)
	h.batch.Store(j.head.batch.Load())
	h.acked.Store(j.head.acked.Load())
	chunks := (count + chunkSlots - 1) / chunkSlots
	for c := range chunks {
		h.taken[c%shardCount].Store(uint32(c/shardCount + 1))
	}
	if _, err := to.WriteAt(b, 0); err != nil {
		return err
	}
	// The rest of the last chunk is set aside, as extend does it.
	end := headerSize + int64(count)*slotSize
	return writeZeros(to, end, headerSize+int64(chunks)*chunkSize-end)
}
