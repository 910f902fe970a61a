package extproc

import (
	"math"
	"strconv"
	"time"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/dragoman-gateway/dragoman/envoy"
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
	aborted  bool // the client left
	// usage is the provider's own usage object, and finish its word for why the
	// answer ended, as a guard found them.
	usage, finish []byte
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

// decodeCommon reads AccessLogCommon{15: upstream_cluster, 16: response_flags{15:
// downstream_connection_termination}, 17: metadata, 23: duration{1: seconds, 2:
// nanos}, 24: attempt count, 33: type}.
func (e *logEntry) decodeCommon(b []byte) error {
	return fields(b, func(num protowire.Number, v []byte, n uint64) error {
		switch num {
		case 15:
			e.cluster = v
		case 16:
			e.aborted = varintAt(v, 15) != 0
		case 23:
			e.took = time.Duration(varintAt(v, 1))*time.Second + time.Duration(varintAt(v, 2))
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
