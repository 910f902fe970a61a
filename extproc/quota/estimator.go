package quota

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Estimator tells beforehand how many tokens a request will take. It starts
// cautious and learns from what requests really took; estimates rarely fall
// below that. It knows at most mostDialects dialects and mostModels models by
// themselves, of which the longest unseen make room for new ones. Its methods
// may be called from any goroutine; estimating takes no lock.
type Estimator struct {
	ratios table[llm.Dialect] // bytes a token, in 1/ratioUnit
	models table[string]      // output tokens
	any    *learned           // output tokens of all models
}

// What is known before anything has been learned.
const (
	ratioUnit  = 256
	framing    = 16            // tokens of a request without text
	firstRatio = 2 * ratioUnit // bytes a token
	leastRatio = ratioUnit / 4
	firstGuess = 4096 // tokens of output
	enough     = 20   // observations from which one learns

	mostDialects = 32
	mostModels   = 1024
)

// The parts of a thousand by which estimates are chosen: one prompt in fifty
// has fewer bytes a token, one answer in twenty is longer.
const (
	lowRatio   = 20
	highOutput = 950
)

// NewEstimator makes one that has learned nothing.
func NewEstimator() *Estimator {
	e := &Estimator{
		ratios: table[llm.Dialect]{most: mostDialects, fresh: func() *learned { return newLearned(lowRatio, firstRatio) }},
		models: table[string]{most: mostModels, fresh: func() *learned { return newLearned(highOutput, 0) }},
		any:    newLearned(highOutput, firstGuess),
	}
	return e
}

// Prompt is what is known of a request before it is sent.
type Prompt struct {
	Dialect llm.Dialect
	Model   string // the public name
	Bytes   int    // of text: the body without media
	// Media are tokens known beside the text, such as those of images.
	Media Amount
	// MaxOutput is the request's own limit on output tokens, 0 if it has none;
	// OutputLimit and Context are the model's, 0 if unknown.
	MaxOutput, OutputLimit, Context Amount
}

// Estimate tells the tokens of input and output to reserve.
func (e *Estimator) Estimate(p *Prompt) (input, output Amount) {
	ratio := int64(firstRatio)
	if l := e.ratios.find(p.Dialect); l != nil {
		ratio = l.figure.Load()
	}
	size := min(max(int64(p.Bytes), 0), int64(MaxAmount)/ratioUnit)
	input = Amount((size*ratioUnit+ratio-1)/ratio) + framing + p.Media.used()
	output = p.MaxOutput
	if output <= 0 {
		output = Amount(e.any.figure.Load())
		if l := e.models.find(p.Model); l != nil && l.figure.Load() > 0 {
			output = Amount(l.figure.Load())
		}
	}
	if p.OutputLimit > 0 {
		output = min(output, p.OutputLimit)
	}
	if p.Context > 0 {
		input = min(input, p.Context)
		output = min(output, max(p.Context-input, 1))
	}
	return input, output
}

// Learn tells what a request really took at that time; 0 is unknown. Output
// that the request itself limited says nothing of the model's.
func (e *Estimator) Learn(at time.Time, p *Prompt, took Amounts) {
	text := took[Input] - framing - p.Media.used()
	if took[Input] <= MaxAmount && text > 0 && p.Bytes > 0 {
		size := min(int64(p.Bytes), int64(MaxAmount)/ratioUnit)
		ratio := min(max(size*ratioUnit/int64(text), leastRatio), maxCounted)
		e.ratios.findOrMake(p.Dialect, at).learn(at, ratio, lowEdge)
	}
	if out := took[Output].used(); out > 0 && p.MaxOutput <= 0 {
		n := min(int64(out), maxCounted)
		e.any.learn(at, n, highEdge)
		e.models.findOrMake(p.Model, at).learn(at, n, highEdge)
	}
}

// table has something learned by name. Reading takes no lock: the map is
// replaced when a name is added.
type table[K comparable] struct {
	most  int
	fresh func() *learned
	by    atomic.Pointer[map[K]*learned]
	mu    sync.Mutex // held to replace by
}

func (t *table[K]) find(name K) *learned {
	if by := t.by.Load(); by != nil {
		return (*by)[name]
	}
	return nil
}

func (t *table[K]) findOrMake(name K, at time.Time) *learned {
	if l := t.find(name); l != nil {
		return l
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.find(name); l != nil {
		return l
	}
	next := make(map[K]*learned)
	var oldest K
	since := at.UnixNano()
	if by := t.by.Load(); by != nil {
		for k, l := range *by {
			next[k] = l
			if seen := l.seen.Load(); seen <= since {
				oldest, since = k, seen
			}
		}
	}
	if len(next) >= t.most {
		delete(next, oldest)
	}
	if len(next) >= t.most {
		// All were seen later than now: this one is not learned.
		return t.fresh()
	}
	l := t.fresh()
	l.seen.Store(at.UnixNano())
	next[name] = l
	t.by.Store(&next)
	return l
}
