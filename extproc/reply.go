package extproc

import (
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/dragoman-gateway/dragoman/envoy"
)

// part is what a reply answers; the values are the field numbers of
// ProcessingResponse's oneof.
type part uint8

const (
	toRequestHeaders  part = 1
	toResponseHeaders part = 2
	toRequestBody     part = 3
	toResponseBody    part = 4
	toRequestTrailers part = 5
	immediate         part = 7
)

// bodyOp is what happens to the body a reply is about.
type bodyOp uint8

const (
	keepBody     bodyOp = iota // as it came
	replaceBody                // with reply.body; with headers: CONTINUE_AND_REPLACE
	streamedBody               // reply.body is the next piece (full duplex)
)

// reply is an envoy.service.ext_proc.v3.ProcessingResponse. The zero value of
// a field means "nothing said". This is the only place that writes them.
type reply struct {
	part   part
	set    []setHeader
	remove [][]byte
	op     bodyOp
	body   []byte
	more   [][]byte // what follows body, uncopied
	end    bool     // of the stream, with streamedBody
	// reroute makes Envoy look at its routes again.
	reroute bool
	status  int // of an immediate answer
	// facts is an encoded google.protobuf.Struct for dynamic metadata.
	facts []byte
	// chain is an encoded map entry for typed dynamic metadata.
	chain []byte
}

// setHeader overwrites or adds a header.
type setHeader struct {
	name  string
	value []byte
}

const continueAndReplace = 1

// encode writes the message; the body goes last and is not copied, as field
// order is free in protobuf. The caller must not change body afterwards.
func (r *reply) encode() mem.BufferSlice {
	inner := r.innerSize()
	n := protowire.SizeTag(protowire.Number(r.part)) + protowire.SizeBytes(inner)
	size := r.bodySize()
	head := n - size
	if len(r.facts) > 0 {
		head += protowire.SizeTag(8) + protowire.SizeBytes(len(r.facts))
	}
	if len(r.chain) > 0 {
		head += protowire.SizeTag(13) + protowire.SizeBytes(len(r.chain))
	}
	small := size <= 4<<10
	if small {
		head += size
	}
	pool := mem.DefaultBufferPool()
	buf := pool.Get(head)
	b := (*buf)[:0]
	b = appendBytes(b, 8, r.facts)
	b = appendBytes(b, 13, r.chain)
	b = protowire.AppendTag(b, protowire.Number(r.part), protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(inner))
	b = r.appendInner(b)
	if small {
		b = append(b, r.body...)
		for _, p := range r.more {
			b = append(b, p...)
		}
		*buf = b
		return mem.BufferSlice{mem.NewBuffer(buf, pool)}
	}
	*buf = b
	out := append(make(mem.BufferSlice, 0, 2+len(r.more)), mem.NewBuffer(buf, pool), mem.SliceBuffer(r.body))
	for _, p := range r.more {
		out = append(out, mem.SliceBuffer(p))
	}
	return out
}

func (r *reply) bodySize() int {
	n := len(r.body)
	for _, p := range r.more {
		n += len(p)
	}
	return n
}

// innerSize is the size of the oneof's message, body included.
func (r *reply) innerSize() int {
	if r.part == immediate {
		return r.immediateSize()
	}
	// HeadersResponse, BodyResponse and TrailersResponse: {1: …}.
	c := r.commonSize()
	if r.part == toRequestTrailers {
		c = r.mutationSize()
	}
	return protowire.SizeTag(1) + protowire.SizeBytes(c)
}

func (r *reply) appendInner(b []byte) []byte {
	if r.part == immediate {
		return r.appendImmediate(b)
	}
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	if r.part == toRequestTrailers {
		b = protowire.AppendVarint(b, uint64(r.mutationSize()))
		return r.appendMutation(b)
	}
	b = protowire.AppendVarint(b, uint64(r.commonSize()))
	return r.appendCommon(b)
}

// commonSize is that of CommonResponse{1: status, 2: header_mutation,
// 3: body_mutation, 5: clear_route_cache}.
func (r *reply) commonSize() int {
	n := 0
	if r.replaces() {
		n += 2
	}
	if m := r.mutationSize(); m > 0 {
		n += protowire.SizeTag(2) + protowire.SizeBytes(m)
	}
	if r.reroute {
		n += 2
	}
	if r.op != keepBody {
		n += protowire.SizeTag(3) + protowire.SizeBytes(r.bodyMutationSize())
	}
	return n
}

func (r *reply) replaces() bool {
	return r.op == replaceBody && (r.part == toRequestHeaders || r.part == toResponseHeaders)
}

func (r *reply) appendCommon(b []byte) []byte {
	if r.replaces() {
		b = protowire.AppendTag(b, 1, protowire.VarintType)
		b = protowire.AppendVarint(b, continueAndReplace)
	}
	if m := r.mutationSize(); m > 0 {
		b = protowire.AppendTag(b, 2, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(m))
		b = r.appendMutation(b)
	}
	if r.reroute {
		b = protowire.AppendTag(b, 5, protowire.VarintType)
		b = protowire.AppendVarint(b, 1)
	}
	if r.op != keepBody {
		b = protowire.AppendTag(b, 3, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(r.bodyMutationSize()))
		b = r.appendBodyMutation(b)
	}
	return b
}

// bodyMutationSize is that of BodyMutation{1: body | 3: StreamedBodyResponse{
// 1: body, 2: end_of_stream}}.
func (r *reply) bodyMutationSize() int {
	if r.op == replaceBody {
		return protowire.SizeTag(1) + protowire.SizeBytes(r.bodySize())
	}
	return protowire.SizeTag(3) + protowire.SizeBytes(r.streamedSize())
}

func (r *reply) streamedSize() int {
	n := protowire.SizeTag(1) + protowire.SizeBytes(r.bodySize())
	if r.end {
		n += 2
	}
	return n
}

// appendBodyMutation stops right before the body's bytes.
func (r *reply) appendBodyMutation(b []byte) []byte {
	if r.op == streamedBody {
		b = protowire.AppendTag(b, 3, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(r.streamedSize()))
		if r.end {
			b = protowire.AppendTag(b, 2, protowire.VarintType)
			b = protowire.AppendVarint(b, 1)
		}
	}
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	return protowire.AppendVarint(b, uint64(r.bodySize()))
}

// immediateSize is that of ImmediateResponse{1: HttpStatus{1: code}, 2:
// headers, 5: details, 3: body}.
func (r *reply) immediateSize() int {
	status := protowire.SizeTag(1) + protowire.SizeVarint(uint64(r.status))
	n := protowire.SizeTag(1) + protowire.SizeBytes(status)
	if m := r.mutationSize(); m > 0 {
		n += protowire.SizeTag(2) + protowire.SizeBytes(m)
	}
	n += protowire.SizeTag(5) + protowire.SizeBytes(len(envoy.AnswerDetails))
	return n + protowire.SizeTag(3) + protowire.SizeBytes(r.bodySize())
}

func (r *reply) appendImmediate(b []byte) []byte {
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(protowire.SizeTag(1)+protowire.SizeVarint(uint64(r.status))))
	b = protowire.AppendTag(b, 1, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(r.status))
	if m := r.mutationSize(); m > 0 {
		b = protowire.AppendTag(b, 2, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(m))
		b = r.appendMutation(b)
	}
	b = protowire.AppendTag(b, 5, protowire.BytesType)
	b = protowire.AppendString(b, envoy.AnswerDetails)
	b = protowire.AppendTag(b, 3, protowire.BytesType)
	return protowire.AppendVarint(b, uint64(r.bodySize()))
}

// mutationSize is that of HeaderMutation{1: HeaderValueOption{1: HeaderValue{
// 1: key, 3: raw_value}, 3: append_action}, 2: remove_headers}.
func (r *reply) mutationSize() int {
	n := 0
	for i := range r.set {
		n += protowire.SizeTag(1) + protowire.SizeBytes(r.set[i].size())
	}
	for _, name := range r.remove {
		n += protowire.SizeTag(2) + protowire.SizeBytes(len(name))
	}
	return n
}

const overwriteOrAdd = 2

func (r *reply) appendMutation(b []byte) []byte {
	for i := range r.set {
		h := &r.set[i]
		b = protowire.AppendTag(b, 1, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(h.size()))
		b = protowire.AppendTag(b, 1, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(h.valueSize()))
		b = protowire.AppendTag(b, 1, protowire.BytesType)
		b = protowire.AppendString(b, h.name)
		b = protowire.AppendTag(b, 3, protowire.BytesType)
		b = protowire.AppendBytes(b, h.value)
		b = protowire.AppendTag(b, 3, protowire.VarintType)
		b = protowire.AppendVarint(b, overwriteOrAdd)
	}
	for _, name := range r.remove {
		b = protowire.AppendTag(b, 2, protowire.BytesType)
		b = protowire.AppendBytes(b, name)
	}
	return b
}

func (h *setHeader) valueSize() int {
	return protowire.SizeTag(1) + protowire.SizeBytes(len(h.name)) + protowire.SizeTag(3) + protowire.SizeBytes(len(h.value))
}

func (h *setHeader) size() int {
	return protowire.SizeTag(1) + protowire.SizeBytes(h.valueSize()) + 2
}

func appendBytes(b []byte, num protowire.Number, v []byte) []byte {
	if len(v) == 0 {
		return b
	}
	b = protowire.AppendTag(b, num, protowire.BytesType)
	return protowire.AppendBytes(b, v)
}
