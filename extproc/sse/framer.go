// Package sse frames server-sent events: bytes in any chunking into events,
// and events into bytes.
//
// Promises: the parsing rules of the WHATWG HTML standard, section 9.2.6 (line
// ends LF, CRLF and CR; a byte order mark at the start; comments; several data
// lines; event names; id, retry and unknown fields passed over). The same bytes
// give the same events however they are cut. An event that lies within one
// chunk and has one data line is not copied; nothing is allocated once the
// buffers have grown to the stream's largest cut event.
//
// Refuses: events above a limit, so that memory is bounded; reconnection
// (last event id, retry times), which no model API uses.
//
// Concurrency: a Framer belongs to one goroutine.
package sse

import (
	"bytes"
	"errors"
)

// DefaultLimit is the limit of one event in bytes, line ends not counted.
const DefaultLimit = 1 << 20

// ErrTooLarge ends a stream in which an event exceeds the limit.
var ErrTooLarge = errors.New("an event of the stream exceeds the size limit")

// Event is one event. Name is empty unless the stream names it; the standard
// then calls it "message". Both slices are valid until the next call of the
// Framer.
type Event struct{ Name, Data []byte }

// Framer cuts a stream into events. The zero value is ready and has the
// default limit.
//
//	framer.Feed(chunk)
//	for ev, ok := framer.Next(); ok; ev, ok = framer.Next() {
//		…
//	}
type Framer struct {
	// Limit is the largest size of an event in bytes, 0 = DefaultLimit.
	Limit int

	chunk []byte
	pos   int // start of the unread part of chunk
	lf    int // the next LF in chunk at or behind pos, or len(chunk)

	line    []byte // a line that the chunks so far have not ended
	name    []byte // of the event in the making; may point into chunk
	data    []byte
	nameBuf []byte
	dataBuf []byte
	lines   int // data lines of the event in the making
	size    int // their bytes and the name's

	mark    uint8 // bytes of a possible byte order mark passed; 3 = decided
	skipLF  bool  // the last line ended in CR
	strange bool
	err     error
}

// Feed hands over the next bytes of the stream. They must not change until
// Next has returned false.
func (f *Framer) Feed(chunk []byte) {
	if f.pos < len(f.chunk) {
		f.carry()
		chunk = append(append([]byte(nil), f.chunk[f.pos:]...), chunk...)
	}
	f.chunk, f.pos, f.lf = chunk, 0, -1
}

// Next returns the next event that the bytes so far complete.
func (f *Framer) Next() (Event, bool) {
	for f.err == nil {
		line, cut, ok := f.next()
		if !ok {
			break
		}
		if len(line) > 0 {
			f.field(line, cut)
			continue
		}
		if ev, ok := f.dispatch(); ok {
			return ev, true
		}
	}
	f.carry()
	return Event{}, false
}

// End returns the event that the end of the stream cut off in front of its
// empty line. The standard discards it; a last event without an empty line is
// common enough that the caller may look at it.
func (f *Framer) End() (Event, bool) {
	if f.err != nil {
		return Event{}, false
	}
	if len(f.line) > 0 {
		strange := f.Strange() // the cut may have left half a field name
		f.field(f.line, true)
		f.strange, f.line = strange, f.line[:0]
	}
	return f.dispatch()
}

// Err is ErrTooLarge if an event was too large; no events follow.
func (f *Framer) Err() error { return f.err }

// Strange tells whether the lines read so far have one that is neither a
// comment nor a field of the standard, or whether the unfinished line begins
// like neither: the bytes are perhaps no event stream at all.
func (f *Framer) Strange() bool {
	return f.strange || len(f.line) > 0 && !plausible(f.line)
}

// next returns the next whole line; cut tells that it lies in f.line because
// chunks have cut it.
func (f *Framer) next() (line []byte, cut, ok bool) {
	if f.mark < 3 && !f.passMark() {
		return nil, false, false
	}
	if f.skipLF && f.pos < len(f.chunk) {
		if f.skipLF = false; f.chunk[f.pos] == '\n' {
			f.pos++
		}
	}
	rest := f.chunk[f.pos:]
	if f.lf < f.pos {
		if f.lf = len(f.chunk); len(rest) > 0 {
			if i := bytes.IndexByte(rest, '\n'); i >= 0 {
				f.lf = f.pos + i
			}
		}
	}
	end := f.lf
	if i := bytes.IndexByte(f.chunk[f.pos:end], '\r'); i >= 0 {
		end = f.pos + i
	}
	line = f.chunk[f.pos:end]
	if f.size+len(f.line)+len(line) > f.limit() {
		f.err = ErrTooLarge
		f.line = f.line[:0]
		return nil, false, false
	}
	if end == len(f.chunk) {
		f.line = append(f.line, line...)
		f.pos = end
		return nil, false, false
	}
	f.skipLF = f.chunk[end] == '\r'
	f.pos = end + 1
	if len(f.line) > 0 {
		f.line = append(f.line, line...)
		line, cut = f.line, true
		f.line = f.line[:0]
	}
	return line, cut, true
}

func (f *Framer) limit() int {
	if f.Limit > 0 {
		return f.Limit
	}
	return DefaultLimit
}

const byteOrderMark = "\xEF\xBB\xBF"

// passMark passes a byte order mark at the start of the stream; false while
// the bytes so far do not tell.
func (f *Framer) passMark() bool {
	for f.mark < 3 {
		if f.pos == len(f.chunk) {
			return false
		}
		if f.chunk[f.pos] != byteOrderMark[f.mark] {
			f.line = append(f.line, byteOrderMark[:f.mark]...)
			f.mark = 3
			break
		}
		f.mark++
		f.pos++
	}
	return true
}

func (f *Framer) field(line []byte, cut bool) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	if len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	switch string(name) {
	case "data":
		f.size += len(line)
		f.addData(value, cut)
	case "event":
		f.size += len(line) - len(f.name)
		if f.name = value; cut {
			f.keepName()
		}
	case "", "id", "retry":
	default:
		f.strange = true
	}
}

func (f *Framer) addData(value []byte, cut bool) {
	f.lines++
	switch {
	case f.lines > 1:
		if f.lines == 2 {
			f.keepData()
		}
		f.dataBuf = append(append(f.dataBuf, '\n'), value...)
		f.data = f.dataBuf
	default:
		if f.data = value; cut {
			f.keepData()
		}
	}
}

// carry copies what the event in the making has in the chunk, which its owner
// may overwrite from here on.
func (f *Framer) carry() {
	if f.lines == 1 {
		f.keepData()
	}
	if len(f.name) > 0 {
		f.keepName()
	}
}

func (f *Framer) keepData() {
	f.dataBuf = append(f.dataBuf[:0], f.data...)
	f.data = f.dataBuf
}

func (f *Framer) keepName() {
	f.nameBuf = append(f.nameBuf[:0], f.name...)
	f.name = f.nameBuf
}

func (f *Framer) dispatch() (Event, bool) {
	ev := Event{Name: f.name, Data: f.data}
	ok := f.lines > 0
	f.name, f.data, f.lines, f.size = nil, nil, 0, 0
	return ev, ok
}

var fields = [...]string{"data", "event", "id", "retry"}

// plausible tells whether a line that begins like this can be a comment or a
// field of the standard.
func plausible(start []byte) bool {
	if start[0] == ':' {
		return true
	}
	for _, name := range fields {
		n := min(len(name), len(start))
		if string(start[:n]) == name[:n] && (len(start) <= n || start[n] == ':') {
			return true
		}
	}
	return false
}
