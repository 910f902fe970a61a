package simulator

import (
	"hash/crc32"
	"math"
)

// usualDimensions is the length of a vector where neither client nor dialect
// says one.
const usualDimensions = 1536

// embedding is what a provider answers to texts that shall be embedded.
type embedding struct {
	model   string
	vectors [][]float32 // of length 1 each, one per input
	tokens  int64
}

// embedding makes vectors that depend on model, text and length alone. A text
// is close to itself and to nothing else.
func (x *exchange) embedding(a *ask, s *Script) *embedding {
	out := &embedding{model: a.model, tokens: a.prompt}
	if s.Usage != nil && s.Usage.Prompt != nil {
		out.tokens = *s.Usage.Prompt
	}
	length := a.dimensions
	if length <= 0 {
		length = usualDimensions
	}
	for _, text := range a.inputs {
		d := dice(uint64(crc32.Checksum([]byte(text), castagnoli))<<32 | uint64(crc32.Checksum([]byte(a.model), castagnoli)))
		vector, norm := make([]float32, length), 0.0
		for i := range vector {
			v := float64(d.throw()>>11)/(1<<52) - 1
			vector[i], norm = float32(v), norm+v*v
		}
		for i := range vector {
			vector[i] /= float32(math.Sqrt(norm))
		}
		out.vectors = append(out.vectors, vector)
	}
	return out
}
