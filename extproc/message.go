package extproc

import (
	"errors"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// kind is which part of an HTTP exchange a message carries; the values are the
// field numbers of ProcessingRequest's oneof.
type kind uint8

const (
	requestHeaders   kind = 2
	responseHeaders  kind = 3
	requestBody      kind = 4
	responseBody     kind = 5
	requestTrailers  kind = 6
	responseTrailers kind = 7
	metadataContext  kind = 8 // beside the oneof
)

// header is a header as Envoy sends it: lower-case name, raw value. Both point
// into the message.
type header struct{ name, value []byte }

// message is an envoy.service.ext_proc.v3.ProcessingRequest, of which only
// what the stages use is decoded: a generated decoder allocates three objects
// a header, which was a quarter of our time per request. Its contents are
// valid until the next one is received into it.
type message struct {
	kind    kind
	headers []header
	body    []byte
	// end tells that nothing follows this part.
	end bool
	// metadata is the encoded Metadata that a filter forwards, nil for most.
	metadata []byte

	// sink, where set, takes the bytes of request bodies: body is then only
	// what was added to it.
	sink *intake

	held mem.Buffer
	copy []byte
}

var errMalformed = errors.New("malformed ProcessingRequest")

// decode reads data, which it references until release or the next decode.
func (m *message) decode(data mem.BufferSlice) error {
	m.release()
	m.kind, m.headers, m.body, m.end = 0, m.headers[:0], nil, false
	m.metadata = nil
	var b []byte
	if m.sink != nil && m.pour(data) {
		return nil
	}
	if len(data) == 1 {
		data[0].Ref()
		m.held = data[0]
		b = m.held.ReadOnlyData()
	} else {
		n := data.Len()
		if cap(m.copy) < n {
			m.copy = make([]byte, n)
		}
		m.copy = m.copy[:n]
		data.CopyTo(m.copy)
		b = m.copy
	}
	return fields(b, func(num protowire.Number, v []byte, _ uint64) error {
		switch kind(num) {
		case requestHeaders, responseHeaders:
			m.kind = kind(num)
			if m.headers == nil {
				const usual = 24
				m.headers = make([]header, 0, usual)
			}
			return m.decodeHeaders(v, 3)
		case requestTrailers, responseTrailers:
			m.kind = kind(num)
			err := m.decodeHeaders(v, 3) // HttpTrailers{1: HeaderMap}
			m.end = true
			return err
		case metadataContext:
			m.metadata = v
		case requestBody, responseBody:
			m.kind = kind(num)
			err := m.decodeBody(v)
			if m.sink != nil && m.kind == requestBody {
				from := len(m.sink.bytes)
				m.sink.grow(len(m.body))
				m.sink.bytes = append(m.sink.bytes, m.body...)
				m.body = m.sink.bytes[from:]
			}
			return err
		}
		return nil
	})
}

// release lets go of the receive buffer.
func (m *message) release() {
	if m.held != nil {
		m.held.Free()
		m.held = nil
	}
	if cap(m.copy) > 64<<10 {
		m.copy = nil
	}
}

// decodeHeaders reads HttpHeaders{1: HeaderMap{1: HeaderValue…}, 3: end}.
func (m *message) decodeHeaders(b []byte, end protowire.Number) error {
	return fields(b, func(num protowire.Number, v []byte, n uint64) error {
		switch num {
		case 1:
			return fields(v, func(num protowire.Number, v []byte, _ uint64) error {
				if num != 1 {
					return nil
				}
				return m.decodeHeader(v)
			})
		case end:
			m.end = n != 0
		}
		return nil
	})
}

// decodeHeader reads HeaderValue{1: key, 2: value, 3: raw_value}.
func (m *message) decodeHeader(b []byte) error {
	var h header
	err := fields(b, func(num protowire.Number, v []byte, _ uint64) error {
		switch num {
		case 1:
			h.name = v
		case 2, 3:
			if len(v) > 0 {
				h.value = v
			}
		}
		return nil
	})
	m.headers = append(m.headers, h)
	return err
}

// pour reads a request body that came in several buffers straight into the
// sink, as Envoy writes it: {4: HttpBody{1: body, 2: end_of_stream}} and nothing
// else. Anything different is left to decode.
func (m *message) pour(data mem.BufferSlice) bool {
	if len(data) < 2 {
		return false
	}
	const outer, inner, ending = 4<<3 | 2, 1<<3 | 2, 2 << 3
	b := data[0].ReadOnlyData()
	if len(b) < 1 || b[0] != outer {
		return false
	}
	whole, n := protowire.ConsumeVarint(b[1:])
	if n < 0 || uint64(data.Len()) != uint64(1+n)+whole || len(b) < 2+n || b[1+n] != inner {
		return false
	}
	b = b[1+n:]
	size, k := protowire.ConsumeVarint(b[1:])
	if k < 0 || size > whole {
		return false
	}
	rest := whole - uint64(1+k) - size // 0, or {2: true}
	if rest != 0 && rest != 2 {
		return false
	}
	b = b[1+k:]
	from, left := len(m.sink.bytes), int(size) // at most the message's length
	m.sink.grow(left)
	var tail [2]byte
	t := 0
	for i := range data {
		if i > 0 {
			b = data[i].ReadOnlyData()
		}
		take := min(left, len(b))
		m.sink.bytes = append(m.sink.bytes, b[:take]...)
		left -= take
		t += copy(tail[t:], b[take:])
	}
	if rest == 2 && tail != [2]byte{ending, 1} {
		m.sink.bytes = m.sink.bytes[:from]
		return false
	}
	m.kind, m.body, m.end = requestBody, m.sink.bytes[from:], rest == 2
	return true
}

// decodeBody reads HttpBody{1: body, 2: end_of_stream}.
func (m *message) decodeBody(b []byte) error {
	return fields(b, func(num protowire.Number, v []byte, n uint64) error {
		switch num {
		case 1:
			m.body = v
		case 2:
			m.end = n != 0
		}
		return nil
	})
}

// fields walks a message's fields: v is set for length-delimited ones, n for
// varints.
func fields(b []byte, visit func(num protowire.Number, v []byte, n uint64) error) error {
	for len(b) > 0 {
		num, typ, size := protowire.ConsumeTag(b)
		if size < 0 {
			return errMalformed
		}
		b = b[size:]
		var (
			v []byte
			n uint64
		)
		switch typ {
		case protowire.BytesType:
			v, size = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			n, size = protowire.ConsumeVarint(b)
		default:
			size = protowire.ConsumeFieldValue(num, typ, b)
		}
		if size < 0 {
			return errMalformed
		}
		b = b[size:]
		if err := visit(num, v, n); err != nil {
			return err
		}
	}
	return nil
}
