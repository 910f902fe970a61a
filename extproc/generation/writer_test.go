package generation_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/generation/generationtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var everybody = generation.View{All: true}

// desk is a Writer at work on a store in memory.
type desk struct {
	*generation.Writer
	store *generationtest.Memory
	stop  context.CancelFunc
	ended chan error

	mu  sync.Mutex
	ids []generation.ID // guarded by mu: told by OnWritten
}

func newDesk(t *testing.T, change func(*generation.Config)) *desk {
	t.Helper()
	d := &desk{store: generationtest.NewMemory(), ended: make(chan error, 1)}
	cfg := generation.Config{Store: d.store, Logger: slog.New(slog.DiscardHandler), OnWritten: func(ids []generation.ID) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.ids = append(d.ids, ids...)
	}}
	if change != nil {
		change(&cfg)
	}
	d.Writer = generation.New(cfg)
	ctx, stop := context.WithCancel(t.Context())
	d.stop = stop
	go func() { d.ended <- d.Run(ctx) }()
	return d
}

// end stops the Writer and gives Run's error.
func (d *desk) end() error {
	d.stop()
	return <-d.ended
}

func (d *desk) told() []generation.ID {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]generation.ID(nil), d.ids...)
}

func (d *desk) count(t *testing.T) int64 {
	t.Helper()
	sum, err := generation.Total(t.Context(), d.store, generation.Filter{View: everybody})
	if err != nil {
		t.Fatal(err)
	}
	return sum.Requests
}

func TestARecordIsFoundAtOnceAndWrittenSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, nil)
		r := generationtest.Full()
		if !d.Add(r) {
			t.Fatal("refused")
		}
		if got, err := d.Get(t.Context(), r.ID, everybody); err != nil || got.ID != r.ID || d.count(t) != 0 {
			t.Errorf("before it is written: %+v, %v", got, err)
		}
		if _, err := d.Get(t.Context(), r.ID, generation.View{Tenant: "globex"}); !errors.Is(err, generation.ErrNotFound) {
			t.Errorf("another tenant: %v", err)
		}
		<-time.After(250 * time.Millisecond)
		synctest.Wait()
		if got, err := d.Get(t.Context(), r.ID, everybody); err != nil || got.ID != r.ID || d.count(t) != 1 {
			t.Errorf("after it is written: %+v, %v", got, err)
		}
		if diff := cmp.Diff([]generation.ID{r.ID}, d.told()); diff != "" {
			t.Error(diff)
		}
		if s := d.Stats(); s.Waiting != 0 || s.Written != 1 {
			t.Errorf("%+v", s)
		}
		if err := d.end(); err != nil {
			t.Error(err)
		}
	})
}

func TestAFullBatchDoesNotWaitForItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, nil)
		synctest.Wait()
		for _, r := range generationtest.Some(1, 1200) {
			if !d.Add(r) {
				t.Fatal("refused")
			}
		}
		synctest.Wait()
		// What waits is less than a batch of 500; how it was cut before is chance.
		if n := d.count(t); n < 700 {
			t.Errorf("%d records are written without a wait", n)
		}
		if err := d.end(); err != nil || d.count(t) != 1200 || d.store.Calls() > 6 {
			t.Errorf("%d records in %d batches, %v", d.count(t), d.store.Calls(), err)
		}
	})
}

func TestWhatAStoreCannotTakeWaitsAndIsWrittenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, func(c *generation.Config) { c.Held = 600 })
		away := errors.New("away")
		d.store.Fail(away)
		records := generationtest.Some(1, 700)
		for i, r := range records[:600] {
			if !d.Add(r) {
				t.Fatalf("record %d is refused", i)
			}
		}
		<-time.After(time.Minute)
		if d.Add(records[600]) || d.Stats().Refused != 1 {
			t.Errorf("a full queue takes more: %+v", d.Stats())
		}
		if !d.Add(records[3]) {
			t.Error("a record that waits already is refused")
		}
		if tries := d.store.Calls(); tries < 12 || tries > 30 {
			t.Errorf("%d tries in a minute; want about one in 5 s", tries)
		}
		if len(d.told()) > 0 {
			t.Error("OnWritten before anything is written")
		}
		d.store.Fail(nil)
		<-time.After(6 * time.Second)
		synctest.Wait()
		if d.count(t) != 600 || len(d.told()) != 600 || !d.Add(records[600]) {
			t.Errorf("%d records are written, %d told, %+v", d.count(t), len(d.told()), d.Stats())
		}
		if err := d.end(); err != nil || d.count(t) != 601 {
			t.Errorf("%d records, %v", d.count(t), err)
		}
	})
}

func TestARecordThatSaysMoreReplacesOneThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, nil)
		first := &generation.Record{ID: generation.ID{1}, Started: generationtest.Epoch, Unobserved: true, Cost: 1}
		better, worse := *first, *first
		better.Corrected, better.Cost = true, 2
		worse.Unobserved, worse.Recovered, worse.Cost = false, true, 3
		for _, r := range []*generation.Record{first, &better, &worse} {
			if !d.Add(r) {
				t.Fatal("refused")
			}
		}
		if got, err := d.Get(t.Context(), first.ID, everybody); err != nil || got.Cost != 2 {
			t.Errorf("%+v, %v", got, err)
		}
		if err := d.end(); err != nil {
			t.Error(err)
		}
		got, err := d.store.Get(t.Context(), first.ID, everybody)
		if err != nil || got.Cost != 2 || len(d.told()) != 1 {
			t.Errorf("%+v, %v; told %d times", got, err, len(d.told()))
		}
	})
}

func TestWhatCannotBeWrittenAtTheEndIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, nil)
		d.store.Fail(errors.New("away"))
		d.Add(generationtest.Full())
		<-time.After(time.Second)
		if err := d.end(); !errors.Is(err, generation.ErrUnwritten) {
			t.Errorf("%v", err)
		}
	})
}

func TestContentsAreKeptOnlyWhereTheyAreWanted(t *testing.T) {
	for _, wanted := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t, func(c *generation.Config) { c.Contents = wanted })
			given := generationtest.Full()
			d.Add(given)
			if given.Contents == nil {
				t.Error("the caller's record is changed")
			}
			early, err := d.Get(t.Context(), given.ID, everybody)
			if err != nil || (early.Contents != nil) != wanted {
				t.Errorf("wanted %t, waiting: %v, %v", wanted, early.Contents, err)
			}
			if err := d.end(); err != nil {
				t.Error(err)
			}
			late, err := d.store.Get(t.Context(), given.ID, everybody)
			if err != nil || (late.Contents != nil) != wanted {
				t.Errorf("wanted %t, written: %v, %v", wanted, late.Contents, err)
			}
		})
	}
}

func TestOldRecordsExpireInSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, func(c *generation.Config) { c.Keep = 24 * time.Hour })
		now := time.Now()
		for i, r := range generationtest.Some(1, 2600) {
			if r.Started = now.Add(-25 * time.Hour); i >= 2500 {
				r.Started = now.Add(-23*time.Hour - 30*time.Minute)
			}
			d.Add(r)
		}
		<-time.After(2 * time.Minute)
		synctest.Wait()
		if n := d.count(t); n != 100 || d.Stats().Expired != 2500 {
			t.Errorf("%d are left, %+v", n, d.Stats())
		}
		<-time.After(32 * time.Minute)
		synctest.Wait()
		if n := d.count(t); n != 0 {
			t.Errorf("%d are left later", n)
		}
		if err := d.end(); err != nil {
			t.Error(err)
		}
	})
}

// outlet is an exporter that can be slow or fail.
type outlet struct {
	mu      sync.Mutex
	records int
	fault   error
	hold    chan struct{}
	closed  bool
}

func (o *outlet) Export(ctx context.Context, records []*generation.Record) error {
	if o.hold != nil {
		select {
		case <-o.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.records += len(records)
	return o.fault
}

func (o *outlet) Close() error {
	o.closed = true
	return nil
}

func TestEveryExporterGetsWhatIsWrittenWhateverOthersDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken, whole := &outlet{fault: errors.New("full disk")}, &outlet{}
		d := newDesk(t, func(c *generation.Config) { c.Exporters = []generation.Exporter{broken, whole} })
		for _, r := range generationtest.Some(1, 20) {
			d.Add(r)
		}
		if err := d.end(); err != nil {
			t.Error(err)
		}
		if whole.records != 20 || !whole.closed || !broken.closed || d.Stats().ExportErrors != 1 {
			t.Errorf("%+v, %+v", whole, d.Stats())
		}
	})
}

func TestAnExporterThatHangsHoldsUpNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := &outlet{hold: make(chan struct{})}
		d := newDesk(t, func(c *generation.Config) { c.Exporters = []generation.Exporter{stuck} })
		for _, r := range generationtest.Some(1, 100) {
			d.Add(r)
			<-time.After(300 * time.Millisecond) // a batch of its own
		}
		synctest.Wait()
		if d.count(t) != 100 || d.Stats().ExportDropped == 0 {
			t.Errorf("%d are written, %+v", d.count(t), d.Stats())
		}
		began := time.Now()
		if err := d.end(); err != nil || time.Since(began) > 6*time.Second {
			t.Errorf("the end took %s, %v", time.Since(began), err)
		}
	})
}

func TestTextIsBoundAndFitForEveryStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, func(c *generation.Config) { c.Contents = true })
		r := &generation.Record{
			ID: generation.ID{1}, Started: generationtest.Epoch, User: strings.Repeat("é", 300), Model: "a\x00b\xffc",
			Tags: []string{"x", "x\x00", strings.Repeat("t", 600)}, Attempts: make([]generation.Attempt, 100),
			Contents: &generation.Contents{Request: strings.Repeat("a", generation.MaxContents+1)},
		}
		r.Attempts[99].Provider = "last"
		d.Add(r)
		got, err := d.Get(t.Context(), r.ID, everybody)
		if err != nil {
			t.Fatal(err)
		}
		if got.User != strings.Repeat("é", 256) || got.Model != "ab\uFFFDc" {
			t.Errorf("user %q, model %q", got.User, got.Model)
		}
		if diff := cmp.Diff([]string{"x", strings.Repeat("t", 512)}, got.Tags); diff != "" {
			t.Error(diff)
		}
		if n := len(got.Attempts); n != 64 || got.Attempts[n-1].Provider != "last" {
			t.Errorf("%d attempts", n)
		}
		if !got.Contents.Cut || len(got.Contents.Request) != generation.MaxContents {
			t.Errorf("%d bytes of contents, cut %t", len(got.Contents.Request), got.Contents.Cut)
		}
		if err := d.end(); err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	w := generation.New(generation.Config{Store: generationtest.NewMemory(), Held: 1 << 30})
	r := generationtest.Full()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.ID = generation.ID{byte(i), byte(i >> 8), byte(i >> 16), byte(i >> 24)}
		if !w.Add(r) {
			b.Fatal("refused")
		}
	}
}
