package extproc

import (
	"math"
	"strconv"
	"time"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/chain"
)

// logBatch is an envoy.service.accesslog.v3.StreamAccessLogsMessage, of which
// only what ends an exchange is decoded. Its contents are valid until the next
// one is received into it.
type logBatch struct {
	// node and name stand in the first message of a stream only.
	node, name []byte
	entries    []logEntry
	data       []byte
}

// logEntry is one HTTPAccessLogEntry.
type logEntry struct {
	// exchange is the id as text, from the metadata that either stage set.
	exchange []byte
	cluster  []byte
	dialect  []byte // of the bytes that usage was found in
	model    []byte // public name: the target's at attempt listeners, else the one asked for
	status   int
	kind     logKind
	attempts int
	attempt  int   // which one an attempt listener served
	bytes    int64 // of the answer's body that went on
	took     time.Duration
	// sent and heard are when the request's first byte went to the last provider,
	// and when the last byte of its answer came, since the request's arrival.
	sent, heard time.Duration
	flags       flags
	aborted     bool // the client left
	// usage is the provider's own usage object, finish its word for why the answer
	// ended, and broken how it broke off, as a guard found them.
	usage, finish, broken []byte
}

// flags are an entry's envoy.data.accesslog.v3.ResponseFlags: the bit of each
// has the number of its field.
type flags uint32

const (
	flagRequestTimeout        flags = 1 << 3  // UT: the route's time limit
	flagLocalReset            flags = 1 << 4  // LR
	flagRemoteReset           flags = 1 << 5  // UR: the upstream reset the stream
	flagConnectionTermination flags = 1 << 7  // UC
	flagClientGone            flags = 1 << 15 // DC
	flagIdleTimeout           flags = 1 << 17 // SI: the stream's
	flagMaxDuration           flags = 1 << 20 // UMSDR: of an upstream stream
	flagDurationTimeout       flags = 1 << 23 // DT: of a request
	flagProtocolError         flags = 1 << 24 // UPE: no HTTP, such as a message that ends in its middle
	flagClientReset           flags = 1 << 28 // DR: an HTTP/2 client cancelled
)

// decode reads the fields that are true. One is a message, which no bit stands for.
func (f *flags) decode(b []byte) error {
	return fields(b, func(num protowire.Number, _ []byte, n uint64) error {
		if n != 0 && num < 32 {
			*f |= 1 << num
		}
		return nil
	})
}

// broke is why an answer broke off whose beginning had passed; None if it did
// not, or since its client left.
func (e *logEntry) broke() chain.Reason {
	switch {
	case e.aborted:
		return chain.None
	case string(e.broken) == envoy.BrokenCut:
		return chain.BrokenEnd
	case len(e.broken) > 0:
		return chain.BrokenError
	case e.flags&flagIdleTimeout != 0:
		return chain.BrokenIdle
	case e.flags&(flagRequestTimeout|flagMaxDuration|flagDurationTimeout) != 0:
		return chain.BrokenTimeout
	case e.flags&(flagRemoteReset|flagConnectionTermination|flagLocalReset|flagProtocolError) != 0:
		return chain.BrokenReset
	}
	return chain.None
}

// whole tells whether the usage in the entry is what the provider said at the end
// of its answer: of one that broke off, a guard has at most what its beginning said.
func (e *logEntry) whole() bool {
	return !e.aborted && (e.broke() == chain.None || string(e.broken) == envoy.BrokenFailed)
}

// logKind is the access_log_type of envoy.data.accesslog.v3.
type logKind uint64

const (
	logDownstreamPeriodic logKind = 5
	logDownstreamEnd      logKind = 6
)

func (l *logBatch) decode(data mem.BufferSlice) error {
	l.data = append(l.data[:0], make([]byte, data.Len())...)
	data.CopyTo(l.data)
	l.node, l.name, l.entries = nil, nil, l.entries[:0]
	return fields(l.data, func(num protowire.Number, v []byte, _ uint64) error {
		switch num {
		case 1: // identifier{1: node{1: id}, 2: log_name}
			l.name = bytesAt(v, 2)
			l.node = bytesAt(v, 1, 1)
		case 2: // http_logs{1: log_entry…}
			return fields(v, func(num protowire.Number, v []byte, _ uint64) error {
				if num != 1 {
					return nil
				}
				var e logEntry
				err := e.decode(v)
				l.entries = append(l.entries, e)
				return err
			})
		}
		return nil
	})
}

// decode reads HTTPAccessLogEntry{1: common, 4: response{1: response_code, 3:
// response_body_bytes}}.
func (e *logEntry) decode(b []byte) error {
	return fields(b, func(num protowire.Number, v []byte, _ uint64) error {
		switch num {
		case 1:
			return e.decodeCommon(v)
		case 4: // UInt32Value
			e.status = int(varintAt(v, 1, 1))
			e.bytes = int64(min(varintAt(v, 3), math.MaxInt64))
		}
		return nil
	})
}

// decodeCommon reads AccessLogCommon{7: time to the first byte sent upstream, 10:
// time to the last byte from there, 15: upstream_cluster, 16: response_flags, 17:
// metadata, 23: duration, 24: attempt count, 33: type}.
func (e *logEntry) decodeCommon(b []byte) error {
	return fields(b, func(num protowire.Number, v []byte, n uint64) error {
		switch num {
		case 7:
			e.sent = durationOf(v)
		case 10:
			e.heard = durationOf(v)
		case 15:
			e.cluster = v
		case 16:
			err := e.flags.decode(v)
			e.aborted = e.flags&(flagClientGone|flagClientReset) != 0
			return err
		case 23:
			e.took = durationOf(v)
		case 17:
			return e.decodeMetadata(v)
		case 24:
			e.attempts = int(n)
		case 33:
			e.kind = logKind(n)
		}
		return nil
	})
}

// durationOf reads google.protobuf.Duration{1: seconds, 2: nanos}.
func durationOf(b []byte) time.Duration {
	return time.Duration(varintAt(b, 1))*time.Second + time.Duration(varintAt(b, 2))
}

// decodeMetadata reads Metadata{1: filter_metadata}, a map by namespace.
func (e *logEntry) decodeMetadata(b []byte) error {
	return fields(b, func(num protowire.Number, v []byte, _ uint64) error {
		if num != 1 {
			return nil
		}
		switch string(bytesAt(v, 1)) {
		case envoy.ExchangeNamespace:
			facts := bytesAt(v, 2)
			e.exchange, e.dialect = stringOf(facts, envoy.FactExchange), stringOf(facts, envoy.FactDialect)
			e.model = stringOf(facts, envoy.FactModel)
			e.attempt, _ = strconv.Atoi(string(stringOf(facts, envoy.FactAttempt))) // 0 at the edge
		case envoy.UsageNamespace:
			facts := bytesAt(v, 2)
			e.usage, e.finish = stringOf(facts, envoy.UsageRaw), stringOf(facts, envoy.UsageFinish)
			e.broken = stringOf(facts, envoy.UsageBroken)
		}
		return nil
	})
}

// stringOf finds a string member of a google.protobuf.Struct{1: {1: key, 2:
// Value{3: string}}}.
func stringOf(b []byte, key string) (value []byte) {
	_ = fields(b, func(_ protowire.Number, v []byte, _ uint64) error { // malformed metadata holds nothing
		if string(bytesAt(v, 1)) == key {
			value = bytesAt(v, 2, 3)
		}
		return nil
	})
	return value
}

// bytesAt follows a path of field numbers through nested messages; nil where
// one is absent.
func bytesAt(b []byte, path ...protowire.Number) []byte {
	for _, want := range path {
		var next []byte
		if fields(b, func(num protowire.Number, v []byte, _ uint64) error {
			if num == want {
				next = v
			}
			return nil
		}) != nil {
			return nil
		}
		b = next
	}
	return b
}

// varintAt is the same for a varint at the path's end.
func varintAt(b []byte, path ...protowire.Number) (n uint64) {
	last := len(path) - 1
	b = bytesAt(b, path[:last]...)
	_ = fields(b, func(num protowire.Number, _ []byte, v uint64) error { // malformed counts are no counts
		if num == path[last] {
			n = v
		}
		return nil
	})
	return n
}
