package meter

import (
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// End is how a request that got as far as an exchange ended.
type End struct {
	Surface string
	Lane    Lane
	Status  int           // what the client got; 0 = nothing
	Broken  bool          // the answer broke off after its first content
	Took    time.Duration // from the request's arrival
}

// Refused counts a request that was answered with a problem before any
// provider was asked.
func (m *Meter) Refused(surface string, k llm.Kind) {
	if m != nil {
		m.surface(surface).refused[min(k, llm.NumKinds-1)].Inc()
	}
}

// Answered counts a request that needed no provider.
func (m *Meter) Answered(surface string) {
	if m != nil {
		m.surface(surface).answered.Inc()
	}
}

// Ended counts a request at the end of its exchange.
func (m *Meter) Ended(e End) {
	if m == nil {
		return
	}
	lane := e.Lane.index()
	out := outcomeOf(e.Status)
	if e.Broken {
		out = broken
	}
	m.surface(e.Surface).ended[lane][out].Inc()
	m.seconds[lane].Observe(e.Took.Seconds())
}

// Attempt counts an attempt at its end; chain.None is an answer.
func (m *Meter) Attempt(provider string, r chain.Reason) {
	if m == nil {
		return
	}
	if r >= chain.NumReasons {
		r = chain.Internal
	}
	m.provider(provider).attempts[r].Inc()
}

// FirstContent notes how long after an attempt's beginning its first content, or
// its whole JSON answer, went to the client.
func (m *Meter) FirstContent(provider string, took time.Duration) {
	if m != nil {
		m.provider(provider).firstContent.Observe(took.Seconds())
	}
}

// FailedOver counts an answer that came from another than the first attempt.
func (m *Meter) FailedOver() {
	if m != nil {
		m.failovers.Inc()
	}
}

// Tokens counts what an attempt used.
func (m *Meter) Tokens(provider string, u Usage) {
	if m == nil {
		return
	}
	p := m.provider(provider)
	for c, n := range u.split() {
		if n > 0 {
			p.tokens[c].Add(float64(n))
		}
	}
}

// LogEntries counts access log entries that came in.
func (m *Meter) LogEntries(l Log, n int) {
	if m != nil && l < NumLogs && n > 0 {
		m.entries[l].Add(float64(n))
	}
}

// Orphan counts an attempt whose exchange is not known.
func (m *Meter) Orphan() {
	if m != nil {
		m.orphans.Inc()
	}
}

// Lost counts exchanges that ended without an access log entry.
func (m *Meter) Lost(n int) {
	if m != nil && n > 0 {
		m.lost.Add(float64(n))
	}
}

func (m *Meter) surface(name string) *surface {
	if s := m.surfaces[name]; s != nil {
		return s
	}
	return m.surfaces[other]
}
