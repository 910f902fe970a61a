package extproc

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// codec reads and writes the hand-made messages of the hot path and leaves
// every other type to the standard protobuf codec.
type codec struct{ proto encoding.CodecV2 }

func newCodec() encoding.CodecV2 { return codec{proto: encoding.GetCodecV2(proto.Name)} }

func (c codec) Name() string { return proto.Name }

func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if r, ok := v.(*reply); ok {
		return r.encode(), nil
	}
	return c.proto.Marshal(v)
}

func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	switch m := v.(type) {
	case *message:
		return m.decode(data)
	case *logBatch:
		return m.decode(data)
	default:
		return c.proto.Unmarshal(data, v)
	}
}
