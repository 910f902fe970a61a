package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// sample is a journal file with a slot of every kind.
func sample(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sample")
	j, _, err := Open(path, Options{})
	check(t, err)
	for n := range 6 {
		s := must(j.Begin(entry(n, reservedAmount)))(t)
		if n > 1 {
			check(t, s.Settle(charged(n, settledAmount), []byte("done")))
		}
		if n > 4 {
			s.Recorded()
		}
		if batch, _ := j.Cut(); n == 2 {
			j.Acknowledge(batch)
		}
	}
	check(t, j.Close())
	return must(os.ReadFile(path))(t)[:headerSize+chunkSize]
}

func put(b []byte, at uintptr, v uint64) []byte {
	binary.NativeEndian.PutUint64(b[at:], v)
	return b
}

func TestAFileThatIsNoJournalIsNamedAndKept(t *testing.T) {
	const firstSlot = headerSize
	for name, c := range map[string]struct {
		change func(b []byte) []byte
		want   string
	}{
		"text":                 {func([]byte) []byte { return []byte("# my notes\n") }, "it is no journal of this version"},
		"one byte":             {func(b []byte) []byte { return b[:1] }, "it is no journal of this version"},
		"another version":      {func(b []byte) []byte { b[7] = '2'; return b }, "it is no journal of this version"},
		"zeros":                {func(b []byte) []byte { clear(b); return b }, "it is no journal of this version"},
		"half a header":        {func(b []byte) []byte { return b[:100] }, "it ends within its header, after 100 bytes"},
		"half a slot":          {func(b []byte) []byte { return b[:firstSlot+1000] }, "it has 66536 bytes, but its header tells of 131072"},
		"an owner torn":        {func(b []byte) []byte { b[unsafe.Offsetof(header{}.owner)]++; return b }, "its header's checksum does not match"},
		"a batch number torn":  {func(b []byte) []byte { return put(b, unsafe.Offsetof(header{}.batch), 99<<16) }, "its header's batch numbers are torn"},
		"acknowledged unborn":  {func(b []byte) []byte { return put(b, unsafe.Offsetof(header{}.acked), seal(99)) }, "its header's batch numbers are torn"},
		"a file of huge claim": {func(b []byte) []byte { return put(b, unsafe.Offsetof(header{}.taken), 1<<31) }, "but its header tells of"},
		"another geometry": {func(b []byte) []byte {
			h := headerOf(b)
			h.slot = 4096
			h.check = h.immutableCheck()
			return b
		}, "its slots are not of this build's size and order"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "j")
			content := c.change(sample(t))
			check(t, os.WriteFile(path, content, 0o600))
			check(t, os.WriteFile(path+".damaged-1", []byte("older"), 0o600))
			_, _, err := Open(path, Options{})
			damage, ok := errors.AsType[*DamagedError](err)
			if !ok || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if damage.Aside != path+".damaged-2" {
				t.Errorf("kept as %s", damage.Aside)
			}
			if !bytes.Equal(content, must(os.ReadFile(damage.Aside))(t)) {
				t.Error("what is kept has changed")
			}
			if string(must(os.ReadFile(path+".damaged-1"))(t)) != "older" {
				t.Error("an older one is overwritten")
			}
			if _, orphans := open(t, path); len(orphans) != 0 {
				t.Error("the next Open doesn't begin anew")
			}
		})
	}
}

func TestWhatIsSoundInATornFileIsTakenOver(t *testing.T) {
	slotAt := func(n int) uintptr { return headerSize + uintptr(n)*slotSize }
	for name, c := range map[string]struct {
		at     uintptr
		change byte
	}{
		"a charge":         {slotAt(1) + unsafe.Offsetof(slot{}.charges) + 3, 1},
		"an id":            {slotAt(1) + unsafe.Offsetof(slot{}.id), 1},
		"a note":           {slotAt(1) + unsafe.Offsetof(slot{}.notes), 1},
		"a state":          {slotAt(1), 3},
		"bits nobody sets": {slotAt(1), 0x80},
		"a length":         {slotAt(1) + 1, 0xff},
	} {
		t.Run(name, func(t *testing.T) {
			content := sample(t)
			content[c.at] ^= c.change
			path := filepath.Join(t.TempDir(), "j")
			check(t, os.WriteFile(path, content, 0o600))
			j, orphans := open(t, path)
			damage := j.Damage()
			if damage == nil || !strings.Contains(damage.Error(), "1 of 6 slots in use are torn, such as slot 1: its ") {
				t.Fatalf("got %v", damage)
			}
			if !bytes.HasPrefix(must(os.ReadFile(damage.Aside))(t), content) { // a hole follows
				t.Error("what is kept has changed")
			}
			if len(orphans) != 4 { // one of two open ones, three to record
				t.Errorf("orphans %v", plain(orphans))
			}
			if j.Owner() != headerOf(content).owner {
				t.Error("the owner is another: what it leased would be lost")
			}
			// Slot 2 was acknowledged; 3 makes the batch under way.
			var got []quota.Charge
			for batch, sums := j.Cut(); batch != 0; batch, sums = j.Cut() {
				got = append(got, sums...)
				j.Acknowledge(batch)
			}
			if len(got) != 3 || got[0].Account != identity(3) {
				t.Errorf("settled: %v", got)
			}
			check(t, j.Close())
			if j, _ := open(t, path); j.Damage() != nil {
				t.Errorf("still torn: %v", j.Damage())
			}
			if left := must(filepath.Glob(path + ".new-*"))(t); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestATornBatchNumberIsFound(t *testing.T) {
	content := put(sample(t), headerSize+3*slotSize+unsafe.Offsetof(slot{}.batch), 1<<63)
	path := filepath.Join(t.TempDir(), "j")
	check(t, os.WriteFile(path, content, 0o600))
	j, _ := open(t, path)
	if j.Damage() == nil || !strings.Contains(j.Damage().Reason, "slot 3: its batch number's checksum does not match") {
		t.Fatalf("got %v", j.Damage())
	}
}

// Whatever stands in the file, Open gives a working journal or an error.
func FuzzOpenOfADamagedFile(f *testing.F) {
	whole := sample(f)
	f.Add(uint32(0), []byte{1}, uint32(len(whole)))
	f.Add(uint32(unsafe.Offsetof(header{}.taken)), []byte{0xff, 0xff, 0xff, 0x7f}, uint32(len(whole)))
	f.Add(uint32(headerSize), []byte{2, 3, 24, 200, 0, 0, 0, 1}, uint32(len(whole)))
	f.Add(uint32(headerSize+2*slotSize+8), bytes.Repeat([]byte{0xff}, 8), uint32(len(whole)))
	f.Add(uint32(headerSize+8), []byte{}, uint32(headerSize+1))
	f.Fuzz(func(t *testing.T, at uint32, change []byte, size uint32) {
		content := bytes.Clone(whole)
		copy(content[int(at)%len(content):], change)
		content = content[:int(size)%(len(content)+1)]
		path := filepath.Join(t.TempDir(), "j")
		check(t, os.WriteFile(path, content, 0o600))
		j, orphans, err := Open(path, Options{MaxSlots: 1})
		if err != nil {
			if _, ok := errors.AsType[*DamagedError](err); !ok {
				t.Fatal(err)
			}
			return
		}
		defer func() { check(t, j.Close()) }()
		for _, o := range orphans {
			if !o.Settled {
				check(t, o.Slot.Settle(o.Charges, o.Note))
			}
			o.Slot.Recorded()
		}
		s := must(j.Begin(entry(100, 1)))(t)
		check(t, s.Settle(charged(100, 1), nil))
		s.Recorded()
		last := uint64(0)
		for batch, _ := j.Cut(); batch != 0; batch, _ = j.Cut() {
			if batch <= last {
				t.Fatalf("batch %d after %d", batch, last)
			}
			last = batch
			j.Acknowledge(batch)
		}
		if n, of := free(j); n != of {
			t.Fatalf("%d of %d slots are free", n, of)
		}
	})
}
