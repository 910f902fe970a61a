package meter

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/dragoman-gateway/dragoman/extproc/generation"
)

// fates are what becomes of records, failures who fails to take them.
var (
	fates = []figure{
		{"written", func(s *generation.Stats) int64 { return s.Written }},
		{"refused", func(s *generation.Stats) int64 { return s.Refused }},
		{"not_exported", func(s *generation.Stats) int64 { return s.ExportDropped }},
		{"expired", func(s *generation.Stats) int64 { return s.Expired }},
	}
	failures = []figure{
		{"store", func(s *generation.Stats) int64 { return s.StoreErrors }},
		{"exporter", func(s *generation.Stats) int64 { return s.ExportErrors }},
	}
)

// figure is one of a Writer's and the label that it has.
type figure struct {
	label string
	of    func(*generation.Stats) int64
}

// WatchRecords makes stats the source of the metrics of records.
func (m *Meter) WatchRecords(stats func() generation.Stats) {
	if m != nil {
		m.stats.Store(&stats)
	}
}

// records are the metrics of how records are written.
func (m *Meter) records() []prometheus.Collector {
	all := []prometheus.Collector{prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: "generations_waiting", Help: "Records of requests that are not written yet.",
	}, m.reads(func(s *generation.Stats) int64 { return s.Waiting }))}
	for _, f := range fates {
		all = append(all, prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: namespace, Name: "generations_total",
			Help:        "Records of requests: written, refused for a while for want of room, not exported for want of time, expired.",
			ConstLabels: prometheus.Labels{"fate": f.label},
		}, m.reads(f.of)))
	}
	for _, f := range failures {
		all = append(all, prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: namespace, Name: "generations_failures_total",
			Help:        "Calls that failed to keep records: the store's, which are tried again, and exporters', which are not.",
			ConstLabels: prometheus.Labels{"at": f.label},
		}, m.reads(f.of)))
	}
	return all
}

// reads gives a figure, 0 before there is a source.
func (m *Meter) reads(of func(*generation.Stats) int64) func() float64 {
	return func() float64 {
		stats := m.stats.Load()
		if stats == nil {
			return 0
		}
		now := (*stats)()
		return float64(of(&now))
	}
}
