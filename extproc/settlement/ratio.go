package settlement

import (
	"sync"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Ratios learn how many bytes of an answer a token of output takes, by dialect
// and kind of answer: for answers that nobody counted, such as a stream whose
// client left. The zero Ratios is ready; it is safe for concurrent use.
type Ratios struct {
	mu  sync.Mutex
	per map[Shape]ratio // guarded by mu; there are few shapes
}

// Shape is what answers of a kind have in common on the wire.
type Shape struct {
	Dialect llm.Dialect
	Stream  bool
}

// ratio is bytes and tokens seen lately: each new answer makes the older ones
// count less.
type ratio struct{ bytes, tokens float64 }

const (
	// memory is how many answers a ratio remembers, about.
	memory = 64
	// unlearned is bytes a token before anything is known, rather too few: of a
	// stream, whose events wrap each token in JSON, and of an answer in one piece.
	unlearnedStream, unlearnedWhole = 160, 4
	// least is how many tokens an answer must have to teach: envelopes drown
	// shorter ones.
	least = 4
)

// unlearned are the streams of dialects with short events.
var unlearned = map[llm.Dialect]float64{llm.Anthropic: 100, llm.Gemini: 100, llm.Bedrock: 100}

// Learn notes an answer whose tokens are known.
func (r *Ratios) Learn(s Shape, bytes int64, output llm.Tokens) {
	if bytes <= 0 || output < least {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.per == nil {
		r.per = make(map[Shape]ratio)
	}
	old := r.per[s]
	const keep = 1 - 1.0/memory
	r.per[s] = ratio{old.bytes*keep + float64(bytes), old.tokens*keep + float64(output)}
}

// Output is how many tokens so many bytes probably are, rounded up.
func (r *Ratios) Output(s Shape, bytes int64) llm.Tokens {
	if bytes <= 0 {
		return 0
	}
	r.mu.Lock()
	known := r.per[s]
	r.mu.Unlock()
	per := float64(unlearnedWhole)
	if s.Stream {
		per = unlearnedStream
		if short, ok := unlearned[s.Dialect]; ok {
			per = short
		}
	}
	if known.tokens > 0 {
		per = max(1, known.bytes/known.tokens)
	}
	return min(llm.Tokens(float64(bytes)/per)+1, llm.MaxTokens)
}
