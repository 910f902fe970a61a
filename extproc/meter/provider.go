package meter

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// vectors are the metrics that have a provider among their labels.
type vectors struct {
	attempts     *prometheus.CounterVec
	tokens       *prometheus.CounterVec
	firstContent *prometheus.HistogramVec
}

// providers are the counters of all providers, as of one catalog. Immutable.
type providers struct {
	named map[string]*provider
	other *provider
}

type provider struct {
	attempts     [chain.NumReasons]prometheus.Counter
	tokens       [numTokenClasses]prometheus.Counter
	firstContent prometheus.Observer
}

func newVectors() vectors {
	return vectors{
		attempts:     counters("attempts_total", "Attempts that ended: reason none is an answer, broken_* one that broke off after its first content.", "provider", "reason"),
		tokens:       counters("tokens_total", "Tokens used. Classes do not overlap.", "provider", "class"),
		firstContent: histograms("first_content_seconds", "Time from an attempt's start to its first content, or its whole JSON answer.", contentBuckets, "provider"),
	}
}

func (v *vectors) all() []prometheus.Collector {
	return []prometheus.Collector{v.attempts, v.tokens, v.firstContent}
}

func (v *vectors) providers(all []*catalog.Provider) *providers {
	ps := &providers{named: make(map[string]*provider, len(all)), other: v.provider(other)}
	for _, p := range all {
		ps.named[p.Name] = v.provider(p.Name)
	}
	return ps
}

func (v *vectors) provider(name string) *provider {
	p := &provider{firstContent: v.firstContent.WithLabelValues(name)}
	for r := range p.attempts {
		p.attempts[r] = v.attempts.WithLabelValues(name, chain.Reason(r).String())
	}
	for c := range p.tokens {
		p.tokens[c] = v.tokens.WithLabelValues(name, tokenClassNames[c])
	}
	return p
}

// forget ends a provider's series.
func (v *vectors) forget(name string) {
	of := prometheus.Labels{"provider": name}
	v.attempts.DeletePartialMatch(of)
	v.tokens.DeletePartialMatch(of)
	v.firstContent.DeletePartialMatch(of)
}

func (m *Meter) provider(name string) *provider {
	ps := m.providers.Load()
	if p := ps.named[name]; p != nil {
		return p
	}
	return ps.other
}
