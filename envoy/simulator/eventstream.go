package simulator

import (
	"encoding/binary"
	"hash/crc32"
)

// eventString is the type of a header value that is a string.
const eventString = 7

// eventHeader is a header of an event stream message; all that this vendor
// sends are strings.
type eventHeader struct{ name, value string }

// appendMessage appends one message of an AWS event stream: the total length
// and that of the headers, a checksum of these two, the headers, the payload,
// and a checksum of all that stands before it. Lengths and checksums (CRC-32,
// ISO-HDLC) are big endian (Smithy, "Amazon Event Stream Specification"). Names
// are at most 255 bytes long, values 64 KiB, a message 16 MiB.
func appendMessage(dst []byte, headers []eventHeader, payload []byte) []byte {
	size := 0
	for _, h := range headers {
		size += 1 + len(h.name) + 1 + 2 + len(h.value)
	}
	from := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, uint32(12+size+len(payload)+4))
	dst = binary.BigEndian.AppendUint32(dst, uint32(size))
	dst = binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[from:]))
	for _, h := range headers {
		dst = append(append(dst, byte(len(h.name))), h.name...)
		dst = append(dst, eventString)
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(h.value)))
		dst = append(dst, h.value...)
	}
	dst = append(dst, payload...)
	return binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[from:]))
}

// appendJSONEvent appends an event whose payload is JSON.
func appendJSONEvent(dst []byte, kind string, payload []byte) []byte {
	return appendMessage(dst, []eventHeader{
		{":event-type", kind}, {":content-type", "application/json"}, {":message-type", "event"},
	}, payload)
}

// appendException appends an error that the service has modelled. It ends the
// stream.
func appendException(dst []byte, kind string, payload []byte) []byte {
	return appendMessage(dst, []eventHeader{
		{":exception-type", kind}, {":content-type", "application/json"}, {":message-type", "exception"},
	}, payload)
}
