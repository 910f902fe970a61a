package journal

import (
	"encoding/binary"
	"hash/crc32"
	"sync/atomic"
	"unsafe"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// What an exchange may bring.
const (
	MaxCharges = quota.MaxCharges // of one slot
	MaxNote    = 200              // bytes
)

// The file: a header, then segments of chunks of slots. Chunks belong to shards
// in turn, and each shard takes its own in order. Every offset that is mapped or
// reserved is a multiple of 64 KiB, the largest page size in use.
const (
	slotSize      = 2048
	chunkSlots    = 32
	chunkSize     = chunkSlots * slotSize
	shardCount    = 32
	segmentChunks = 512
	segmentSlots  = segmentChunks * chunkSlots
	segmentSize   = segmentChunks * chunkSize
	headerSize    = 64 << 10
)

// magic opens the file. It is stored as the machine stores a number, so a file
// from a machine of the other byte order is foreign.
const magic uint64 = 0x314c4e524a4d4744 // "DGMJRNL1", the 1 being the version

// header stands at the beginning of the file. What follows check changes in
// single atomic stores.
type header struct {
	magic uint64
	slot  uint32 // slotSize, chunkSlots and shardCount: another build's geometry is foreign
	chunk uint32
	shard uint32
	check uint32 // of the fields above and owner
	owner quota.Owner

	pid   atomic.Uint64 // who has the file open
	batch atomic.Uint64 // the last batch's number, sealed
	acked atomic.Uint64 // the last acknowledged one, sealed
	taken [shardCount]atomic.Uint32
}

// immutableCheck is what check has to be.
func (h *header) immutableCheck() uint32 {
	var b [36]byte
	binary.LittleEndian.PutUint64(b[0:], h.magic)
	binary.LittleEndian.PutUint32(b[8:], h.slot)
	binary.LittleEndian.PutUint32(b[12:], h.chunk)
	binary.LittleEndian.PutUint32(b[16:], h.shard)
	copy(b[20:], h.owner[:])
	return crc32.Checksum(b[:], castagnoli)
}

func (h *header) describe(owner quota.Owner) {
	h.magic, h.slot, h.chunk, h.shard, h.owner = magic, slotSize, chunkSlots, shardCount, owner
	h.batch.Store(seal(0))
	h.acked.Store(seal(0))
	h.check = h.immutableCheck()
}

// slot is one exchange in the file. Everything but state and batch is plain
// memory that a store to state publishes.
type slot struct {
	state   atomic.Uint64 // see state
	batch   atomic.Uint64 // sealed; 0 while in none
	id      [16]byte
	started int64 // nanoseconds since 1970, UTC
	_       [24]byte
	notes   [2][MaxNote]byte // state says which holds
	_       [48]byte
	charges [2][MaxCharges]charge // reserved, settled
}

type charge struct {
	account quota.Account
	amount  int64
	period  uint32
	unit    uint8
	_       [3]byte
}

const (
	idAt       = int(unsafe.Offsetof(slot{}.id))
	chargesAt  = int(unsafe.Offsetof(slot{}.charges))
	chargeSize = int(unsafe.Sizeof(charge{}))
)

// The compiler holds the layout to its size.
var (
	_ [slotSize]byte = [unsafe.Sizeof(slot{})]byte{}
	_ [headerSize - unsafe.Sizeof(header{})]byte
)

// headerOf and slotOf see the file's bytes as what stands there, and bytes the
// other way. None of them holds a pointer, and their alignment is a page's.

func headerOf(b []byte) *header {
	_ = b[headerSize-1]
	return (*header)(unsafe.Pointer(&b[0])) //nolint:gosec // the file is mapped: see above
}

func slotOf(b []byte) *slot {
	_ = b[slotSize-1]
	return (*slot)(unsafe.Pointer(&b[0])) //nolint:gosec // the file is mapped: see above
}

func (s *slot) bytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(s)), slotSize) //nolint:gosec // the file is mapped: see above
}

// state says all about a slot in one word: bits 0-1 the kind, 2 which note, 3
// whether recorded, 8-15 how many charges, 16-23 how long the note, 32-63 a
// checksum over what these bits publish. 0 is a free slot, whatever else stands
// there.
type state uint64

const (
	kindOpen    state = 1
	kindSettled state = 2
	kindMask    state = 3
	second      state = 1 << 2
	recorded    state = 1 << 3
	knownBits   state = kindMask | second | recorded | 0xff<<8 | 0xff<<16
	checkBits   state = 0xffffffff << 32
)

func (s state) kind() state  { return s & kindMask }
func (s state) charges() int { return int(s >> 8 & 0xff) }
func (s state) noteLen() int { return int(s >> 16 & 0xff) }

// note is which of the two areas holds the note.
func (s state) note() int { return int(s & second / second) }

// area is which of the two holds the charges.
func (s state) area() int { return int(s.kind() - 1) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sealed is s with the checksum of the slot. recorded is outside of it: it is
// the one bit that changes alone.
func (s *slot) sealed(of state) state {
	of &^= checkBits
	b := s.bytes()
	sum := crc32.Update(uint32(of&^recorded), castagnoli, b[idAt:idAt+24]) // id and started
	area := chargesAt + of.area()*MaxCharges*chargeSize
	sum = crc32.Update(sum, castagnoli, b[area:area+of.charges()*chargeSize])
	sum = crc32.Update(sum, castagnoli, s.notes[of.note()][:of.noteLen()])
	return of | state(sum)<<32
}

// fault says what is wrong with a slot as it was found in a file; "" is sound.
func (s *slot) fault() string {
	st := state(s.state.Load())
	switch {
	case st == 0:
		return ""
	case st.kind() != kindOpen && st.kind() != kindSettled,
		st&^(knownBits|checkBits) != 0, st.kind() == kindOpen && st&recorded != 0,
		st.charges() > MaxCharges, st.noteLen() > MaxNote:
		return "its state is none that this version writes"
	case s.sealed(st) != st:
		return "its checksum does not match"
	case st.kind() == kindSettled && s.batch.Load() != 0:
		if _, ok := unseal(s.batch.Load()); !ok {
			return "its batch number's checksum does not match"
		}
	}
	return ""
}

// write replaces one of the two areas of charges.
func (s *slot) write(area int, charges []quota.Charge) {
	for i := range charges {
		from, to := &charges[i], &s.charges[area][i]
		to.account, to.period, to.unit = from.Account, uint32(from.Period), uint8(from.Unit)
		to.amount = int64(min(max(from.Amount, -quota.MaxAmount), quota.MaxAmount))
	}
}

// read copies the charges in force.
func (s *slot) read() []quota.Charge {
	st := state(s.state.Load())
	out := make([]quota.Charge, st.charges())
	for i := range out {
		from := &s.charges[st.area()][i]
		out[i] = quota.Charge{
			Account: from.account, Period: quota.Period(from.period),
			Unit: quota.Unit(from.unit), Amount: quota.Amount(from.amount),
		}
	}
	return out
}

// seal adds a checksum to a batch number, which stands alone in its word. A
// number has 48 bits: at a batch a second that is nine million years.
func seal(batch uint64) uint64 { return batch<<16 | uint64(batchCheck(batch)) }

func unseal(word uint64) (batch uint64, ok bool) {
	return word >> 16, word&0xffff == uint64(batchCheck(word>>16))
}

func batchCheck(batch uint64) uint16 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], batch)
	return uint16(crc32.Checksum(b[:], castagnoli)>>8) | 1 // so that no sealed word is 0
}
