package xds

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the server's counters by kind. Their labels are closed: a kind,
// or a role. Versions and nodes are in Status, never in a label.
type metrics struct {
	published, nacks, overdue [numKinds]prometheus.Counter
}

// newMetrics makes the metrics and registers them unless r is nil.
func newMetrics(r prometheus.Registerer, s *Server) (*metrics, error) {
	m := &metrics{}
	vectors := []struct {
		name, help string
		counters   *[numKinds]prometheus.Counter
	}{
		{"dragoman_xds_published_total", "Versions offered to subscribers.", &m.published},
		{"dragoman_xds_nacks_total", "Versions refused by a subscriber.", &m.nacks},
		{"dragoman_xds_ack_timeouts_total", "Steps that went on without all ACKs.", &m.overdue},
	}
	var collectors []prometheus.Collector
	for _, v := range vectors {
		vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: v.name, Help: v.help}, []string{"type"})
		for k := range numKinds {
			v.counters[k] = vec.WithLabelValues(k.String())
		}
		collectors = append(collectors, vec)
	}
	for role, envoys := range map[string]bool{"envoy": true, "extproc": false} {
		collectors = append(collectors, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "dragoman_xds_connected_nodes",
			Help:        "Streams of subscribers.",
			ConstLabels: prometheus.Labels{"role": role},
		}, func() float64 { return float64(s.fleet.count(envoys)) }))
	}
	collectors = append(collectors, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "dragoman_xds_ready",
		Help: "1 while the last good publish is in force or on its way.",
	}, func() float64 {
		if s.view.Load().reason() == "" {
			return 1
		}
		return 0
	}))
	if r == nil {
		return m, nil
	}
	var errs []error
	for _, c := range collectors {
		errs = append(errs, r.Register(c))
	}
	return m, errors.Join(errs...)
}
