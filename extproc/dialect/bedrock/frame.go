package bedrock

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// The framing of AWS event streams (Smithy, "Amazon Event Stream"): a prelude
// of total length, length of headers and their CRC; headers; payload; CRC of
// all before it. Numbers are big-endian, CRCs are IEEE's.
const (
	preludeLen = 12
	trailerLen = 4
	maxHeaders = 128 << 10
	// maxFrame bounds a frame and with it the memory of a stream. Converse's
	// largest events carry a piece of an image.
	maxFrame = 8 << 20
)

var (
	errFrameSize = errors.New("a frame of the event stream has an impossible length")
	errFrameCRC  = errors.New("a frame of the event stream has a wrong checksum")
	errHeaders   = errors.New("a frame of the event stream has broken headers")
)

// frame is one message of a stream; its slices are valid until the next call of
// the framer.
type frame struct {
	// messageType is "event", "exception" or "error".
	messageType, eventType, exceptionType, errorCode, errorMessage []byte
	payload                                                        []byte
}

// framer cuts a stream into frames. The zero value is ready. A frame within one
// chunk is not copied.
type framer struct {
	chunk []byte // unread, the caller's
	held  []byte // the start of a frame that the chunks so far have not ended
	err   error
}

// feed takes the next bytes; all frames of the last ones have been taken.
func (f *framer) feed(chunk []byte) { f.chunk = chunk }

// next gives the next whole frame; false if more bytes are needed or the stream
// is broken.
func (f *framer) next() (fr frame, ok bool) {
	for f.err == nil {
		if len(f.held) == 0 {
			n, whole := f.measure(f.chunk)
			if f.err != nil {
				break
			}
			if whole {
				raw := f.chunk[:n]
				f.chunk = f.chunk[n:]
				return f.parse(raw, true)
			}
			f.held = append(f.held, f.chunk...)
			f.chunk = nil
			break
		}
		need, whole := f.measure(f.held)
		if f.err != nil {
			break
		}
		if whole {
			raw := f.held
			f.held = f.held[:0]
			return f.parse(raw, true)
		}
		if len(f.chunk) == 0 {
			break
		}
		n := min(need-len(f.held), len(f.chunk))
		f.held = append(f.held, f.chunk[:n]...)
		f.chunk = f.chunk[n:]
	}
	return frame{}, false
}

// measure tells how long the frame at the start of b is, as far as b tells, and
// whether b holds all of it.
func (f *framer) measure(b []byte) (n int, whole bool) {
	if len(b) < preludeLen {
		return preludeLen, false
	}
	total, headers := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	switch {
	case crc32.ChecksumIEEE(b[:8]) != binary.BigEndian.Uint32(b[8:]):
		f.err = errFrameCRC
	case total < preludeLen+trailerLen || total > maxFrame || headers > maxHeaders || headers > total-preludeLen-trailerLen:
		f.err = errFrameSize
	default:
		return int(total), len(b) >= int(total)
	}
	return 0, false
}

// last gives a frame at the stream's end that lacks nothing but bytes of its
// closing checksum.
func (f *framer) last() (frame, bool) {
	if f.err != nil || len(f.held) < preludeLen+1 {
		return frame{}, false
	}
	total, _ := f.measure(f.held)
	if total == 0 || len(f.held) < total-trailerLen {
		return frame{}, false
	}
	f.held = append(f.held, make([]byte, total-len(f.held))...)
	return f.parse(f.held, false)
}

func (f *framer) parse(raw []byte, check bool) (fr frame, ok bool) {
	body := raw[:len(raw)-trailerLen]
	if check && crc32.ChecksumIEEE(body) != binary.BigEndian.Uint32(raw[len(body):]) {
		f.err = errFrameCRC
		return frame{}, false
	}
	split := preludeLen + int(binary.BigEndian.Uint32(raw[4:]))
	fr.payload = body[split:]
	headers := body[preludeLen:split]
	for len(headers) > 0 {
		if headers, ok = fr.header(headers); !ok {
			f.err = errHeaders
			return frame{}, false
		}
	}
	return fr, true
}

// headerSizes are the lengths of values by type: true, false, byte, short,
// integer, long, bytes, string, timestamp, uuid; -1 = two bytes tell.
var headerSizes = [...]int{0, 0, 1, 2, 4, 8, -1, -1, 8, 16}

const headerString = 7

// header takes one header off b.
func (fr *frame) header(b []byte) (rest []byte, ok bool) {
	nameLen := int(b[0])
	if b = b[1:]; nameLen == 0 || len(b) < nameLen+1 {
		return nil, false
	}
	name, kind := b[:nameLen], b[nameLen]
	b = b[nameLen+1:]
	if int(kind) >= len(headerSizes) {
		return nil, false
	}
	size := headerSizes[kind]
	if size < 0 {
		if len(b) < 2 {
			return nil, false
		}
		size = int(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) < size {
		return nil, false
	}
	if kind == headerString {
		fr.set(name, b[:size])
	}
	return b[size:], true
}

func (fr *frame) set(name, value []byte) {
	switch string(name) {
	case ":message-type":
		fr.messageType = value
	case ":event-type":
		fr.eventType = value
	case ":exception-type":
		fr.exceptionType = value
	case ":error-code":
		fr.errorCode = value
	case ":error-message":
		fr.errorMessage = value
	}
}
