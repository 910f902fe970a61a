package extproc

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dragoman-gateway/dragoman/extproc/generation"
)

// gathered sums up a metric whose labels have a value; "" = any.
func gathered(t *testing.T, reg prometheus.Gatherer, name, label string) (sum float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			match := label == ""
			for _, l := range m.GetLabel() {
				match = match || l.GetValue() == label
			}
			if match && f.GetName() == name {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func TestMetricsOfAServerTellHowItsRecordsAreWritten(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	c := config(t)
	c.Metrics = reg
	s, err := NewServer(*c, parsed(t, "open: true"+shopModels))
	if err != nil {
		t.Fatal(err)
	}
	for i := range byte(3) {
		s.accounts.books.Records.Add(&generation.Record{ID: generation.ID{i}, Started: epoch})
	}
	if n := gathered(t, reg, "dragoman_generations_waiting", ""); n != 3 {
		t.Errorf("%v records wait before anybody writes", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	writing.Go(func() { s.accounts.run(ctx, ctx) })
	for deadline := time.Now().Add(20 * time.Second); gathered(t, reg, "dragoman_generations_total", "written") < 3 && time.Now().Before(deadline); {
		<-time.After(10 * time.Millisecond)
	}
	cancel()
	writing.Wait()
	if n := gathered(t, reg, "dragoman_generations_total", "written"); n != 3 {
		t.Errorf("%v records are written", n)
	}
	if n := gathered(t, reg, "dragoman_generations_waiting", ""); n != 0 {
		t.Errorf("%v records still wait", n)
	}
	if err := s.accounts.close(); err != nil {
		t.Error(err)
	}
}
