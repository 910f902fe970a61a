package meter

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// money are the metrics of limits and settlements.
type money struct {
	limited   map[string]prometheus.Counter // immutable after newMoney
	settled   [numBasis]prometheus.Counter
	cost      prometheus.Counter
	unpriced  prometheus.Counter
	corrected prometheus.Counter
	crossed   prometheus.Counter
	all       []prometheus.Collector
}

// unitNames are what limits count, by quota.Unit's names.
var unitNames = []string{"requests", "input", "output", "tokens", "money", "concurrent", other}

// basis is what a settlement rests on.
type basis uint8

const (
	reported   basis = iota // the providers said what was used
	estimated               // bytes did
	unobserved              // nobody saw the end
	numBasis
)

var basisNames = [numBasis]string{"reported", "estimated", "unobserved"}

func newMoney() money {
	limited := counters("limited_total", "Requests that a limit refused, by what it counts.", "unit")
	settled := counters("settlements_total", "Exchanges settled, by what their usage rests on.", "basis")
	m := money{
		limited:   make(map[string]prometheus.Counter, len(unitNames)),
		cost:      counter("cost_dollars_total", "What settled exchanges cost, in US dollars."),
		unpriced:  counter("unpriced_total", "Exchanges that used tokens without a known price."),
		corrected: counter("corrections_total", "Exchanges settled by estimate and set right when their usage became known."),
		crossed:   counter("soft_limits_crossed_total", "Times a soft threshold of a limit was crossed."),
	}
	for _, name := range unitNames {
		m.limited[name] = limited.WithLabelValues(name)
	}
	for i := range m.settled {
		m.settled[i] = settled.WithLabelValues(basisNames[i])
	}
	m.all = []prometheus.Collector{limited, settled, m.cost, m.unpriced, m.corrected, m.crossed}
	return m
}

// Limited counts a request that a limit of that unit refused.
func (m *Meter) Limited(unit string) {
	if m == nil {
		return
	}
	c, ok := m.money.limited[unit]
	if !ok {
		c = m.money.limited[other]
	}
	c.Inc()
}

// Bill is what an exchange was settled as.
type Bill struct {
	Cost                            llm.NanoUSD
	Estimated, Unobserved, Unpriced bool
}

// Settled counts a settlement.
func (m *Meter) Settled(b Bill) {
	if m == nil {
		return
	}
	rests := reported
	switch {
	case b.Unobserved:
		rests = unobserved
	case b.Estimated:
		rests = estimated
	}
	m.money.settled[rests].Inc()
	m.money.cost.Add(float64(max(b.Cost, 0)) / 1e9)
	if b.Unpriced {
		m.money.unpriced.Inc()
	}
}

// Corrected counts a settlement that later usage set right.
func (m *Meter) Corrected() {
	if m != nil {
		m.money.corrected.Inc()
	}
}

// Crossed counts a soft threshold that was crossed.
func (m *Meter) Crossed() {
	if m != nil {
		m.money.crossed.Inc()
	}
}
