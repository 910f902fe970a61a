package meter

import (
	"errors"
	"slices"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

const namespace = "dragoman"

// Meter counts the events of the service.
type Meter struct {
	surfaces  map[string]*surface // immutable after New
	seconds   [NumLanes]prometheus.Observer
	failovers prometheus.Counter
	entries   [NumLogs]prometheus.Counter
	orphans   prometheus.Counter
	lost      prometheus.Counter

	vectors   vectors
	money     money
	providers atomic.Pointer[providers]
	open      atomic.Pointer[func() (exchanges int, held int64)]
	stats     atomic.Pointer[func() generation.Stats]
}

// surface holds the counters of what clients can ask for.
type surface struct {
	answered prometheus.Counter
	refused  [llm.NumKinds]prometheus.Counter
	ended    [NumLanes][numOutcomes]prometheus.Counter
}

// New registers the service's metrics, for the providers of c. The error joins
// what the registerer refused.
func New(reg prometheus.Registerer, c *catalog.Catalog) (*Meter, error) {
	m := &Meter{vectors: newVectors(), money: newMoney()}
	requests := counters("requests_total", "Requests that ended: by status class, broken if the answer broke off after its first content, or by kind of problem where no provider was asked.", "surface", "lane", "outcome")
	seconds := histograms("request_seconds", "Time from a request's arrival to the end of its answer.", requestBuckets, "lane")
	entries := counters("access_log_entries_total", "Access log entries received from Envoy.", "log")
	m.failovers = counter("failovers_total", "Answers that came from another than the first attempt.")
	m.orphans = counter("orphans_total", "Attempts whose exchange is not known, as after a restart.")
	m.lost = counter("lost_exchanges_total", "Exchanges that ended without an access log entry.")
	exchanges := m.gauge("exchanges", "Open exchanges.", func(exchanges int, _ int64) float64 { return float64(exchanges) })
	held := m.gauge("held_bytes", "Bytes of request bodies held for attempts.", func(_ int, held int64) float64 { return float64(held) })

	all := []prometheus.Collector{requests, seconds, entries, m.failovers, m.orphans, m.lost, exchanges, held}
	var errs []error
	for _, metric := range slices.Concat(all, m.vectors.all(), m.money.all, m.records()) {
		errs = append(errs, reg.Register(metric))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	m.surfaces = make(map[string]*surface, len(surfaceNames))
	for _, name := range surfaceNames {
		m.surfaces[name] = newSurface(requests, name)
	}
	for i := range m.seconds {
		m.seconds[i] = seconds.WithLabelValues(laneNames[i])
	}
	for i := range m.entries {
		m.entries[i] = entries.WithLabelValues(logNames[i])
	}
	m.UseCatalog(c)
	return m, nil
}

func newSurface(requests *prometheus.CounterVec, name string) *surface {
	s := &surface{}
	for k := range s.refused {
		s.refused[k] = requests.WithLabelValues(name, laneNames[NoLane], llm.Kind(k).String())
	}
	for l := range s.ended {
		for o := range s.ended[l] {
			s.ended[l][o] = requests.WithLabelValues(name, laneNames[l], outcomeNames[o])
		}
	}
	s.answered = s.ended[NoLane][success]
	return s
}

// UseCatalog counts the providers of c by name. The series of those that are
// gone end.
func (m *Meter) UseCatalog(c *catalog.Catalog) {
	if m == nil {
		return
	}
	old := m.providers.Swap(m.vectors.providers(c.Providers))
	if old == nil {
		return
	}
	for name := range old.named {
		if c.Provider(name) == nil && name != other {
			m.vectors.forget(name)
		}
	}
}

// Watch makes open the source of the gauges.
func (m *Meter) Watch(open func() (exchanges int, held int64)) {
	if m != nil {
		m.open.Store(&open)
	}
}

func (m *Meter) gauge(name, help string, pick func(exchanges int, held int64) float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, func() float64 {
		open := m.open.Load()
		if open == nil {
			return 0
		}
		return pick((*open)())
	})
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
}

// Upper bounds in seconds: from an answer out of a cache to the default time
// limits of first content (60 s) and of a JSON answer (600 s).
var (
	contentBuckets = []float64{0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 20, 40, 60}
	requestBuckets = []float64{0.01, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300, 600}
)
