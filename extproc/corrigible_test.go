package extproc

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/generation/generationtest"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/journal"
	"github.com/dragoman-gateway/dragoman/extproc/settlement"
)

var epoch = time.Date(2027, 2, 28, 23, 59, 0, 0, time.UTC)

func TestWhatMayBeCorrectedIsGivenOutOnceAndForgottenInTime(t *testing.T) {
	t.Parallel()
	var c corrigible
	first, second := &exchange{id: exchangeID{1}}, &exchange{id: exchangeID{2}}
	c.keep(first, epoch)
	c.keep(second, epoch.Add(corrigibleFor))
	if c.take(exchangeID{3}) != nil || c.take(first.id) != first || c.take(first.id) != nil {
		t.Error("it is not given out once")
	}
	c.keep(first, epoch.Add(corrigibleFor+time.Second))
	c.keep(&exchange{id: exchangeID{4}}, epoch.Add(2*corrigibleFor+time.Second))
	if c.take(second.id) != nil || c.take(first.id) != first {
		t.Error("what is too old is kept, or what is not is forgotten")
	}
}

func TestWhatMayBeCorrectedIsBounded(t *testing.T) {
	t.Parallel()
	var c corrigible
	for i := range maxCorrigible + 10 {
		c.keep(&exchange{id: exchangeID{byte(i), byte(i >> 8), byte(i >> 16)}}, epoch)
	}
	if len(c.byID) > maxCorrigible || len(c.queue) > maxCorrigible {
		t.Errorf("%d are kept, %d in the queue", len(c.byID), len(c.queue))
	}
	if c.take(exchangeID{9}) != nil || c.take(exchangeID{10}) == nil {
		t.Error("not the oldest went")
	}
}

func TestOnlyOneOfManyTakesWhatMayBeCorrected(t *testing.T) {
	t.Parallel()
	var c corrigible
	x := &exchange{id: exchangeID{1}}
	c.keep(x, epoch)
	var all sync.WaitGroup
	taken := make(chan *exchange, 8)
	for range 8 {
		all.Go(func() {
			if got := c.take(x.id); got != nil {
				taken <- got
			}
		})
	}
	all.Wait()
	if len(taken) != 1 {
		t.Errorf("%d have it", len(taken))
	}
}

func TestThoseThatWaitAreDueInTheirOrder(t *testing.T) {
	t.Parallel()
	var w waiting
	for i := range byte(3) {
		w.add(exchangeID{i}, epoch.Add(time.Duration(i)*time.Second))
	}
	if got := w.due(epoch.Add(-time.Nanosecond)); len(got) != 0 {
		t.Errorf("too early: %v", got)
	}
	if got := w.due(epoch.Add(time.Second)); len(got) != 2 || got[0] != (exchangeID{0}) || got[1] != (exchangeID{1}) {
		t.Errorf("due are %v", got)
	}
	if got := w.due(epoch.Add(time.Hour)); len(got) != 1 {
		t.Errorf("then %v", got)
	}
}

func TestRecordsThatFoundNoRoomAreWrittenWhenThereIsSome(t *testing.T) {
	t.Parallel()
	store := generationtest.NewMemory()
	j := journal.Memory()
	b := &Books{Journal: j}
	b.Records = generation.New(generation.Config{Store: store, OnWritten: b.Written, Held: 2, Logger: slog.New(slog.DiscardHandler)})
	for i := range byte(7) {
		slot, err := j.Begin(&journal.Entry{ID: [16]byte{i}})
		if err != nil {
			t.Fatal(err)
		}
		if err := slot.Settle(nil, nil); err != nil {
			t.Fatal(err)
		}
		b.unwritten.add(exchangeID{i}, slot)
		b.write(&generation.Record{ID: generation.ID{i}, Started: epoch})
	}
	if n := len(b.refused.records); n != 5 {
		t.Fatalf("%d of 7 records found no room", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	writing.Go(func() { _ = b.Records.Run(ctx) }) // what it could not write is missed below
	for deadline := time.Now().Add(20 * time.Second); b.Records.Stats().Written < 7 && time.Now().Before(deadline); {
		<-time.After(10 * time.Millisecond)
	}
	cancel()
	writing.Wait()
	for i := range byte(7) {
		if _, err := store.Get(t.Context(), generation.ID{i}, generation.View{All: true}); err != nil {
			t.Errorf("record %d: %v", i, err)
		}
	}
	if len(b.unwritten.m) != 0 || b.refused.records != nil {
		t.Errorf("%d slots and %d records are left", len(b.unwritten.m), len(b.refused.records))
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

func TestAnExchangeIsAccountedForOnce(t *testing.T) {
	t.Parallel()
	p := newPremises(t, "open: true"+shopModels+shopBudgets)
	h := p.open(t)
	v := h.send("/v1/chat/completions", chat("sim/leave"))
	x := h.table.get(v.id)
	h.reports(x, 1, &x.chain.Targets[0], settlement.Report{Ended: true})
	h.settle(x, false)
	charged := x.spend.charged
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() { h.settle(x, i%2 == 0) })
	}
	all.Wait()
	h.settle(x, true)
	if x.spend.charged != charged || charged != (quota.Amounts{quota.Requests: 1}) {
		t.Errorf("charged %v, then %v", charged, x.spend.charged)
	}
	h.table.remove(v.id)
	h.freed()
	if got := h.used("all"); got[quota.Requests] != 1 {
		t.Errorf("%d requests are counted", got[quota.Requests])
	}
}
