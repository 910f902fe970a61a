// Package directorytest is what every store of a directory must do, as tests.
//
// Promises: each test opens stores over data of its own. Refuses: clocks of its
// own for tombstones; a store is opened with the test's. Concurrency: tests run
// in parallel where the data allows it.
package directorytest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
)

// Clock is a store's.
type Clock = func() time.Time

// Place is where the stores of one test keep their data.
type Place interface {
	// Open opens one more store on it; the test's cleanup closes it.
	Open(t *testing.T, now Clock) directory.Store
}

// Contract tests stores; begin makes an empty place for a test.
func Contract(t *testing.T, begin func(t *testing.T) Place) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Place){
		"what was written is read by others, and only what is new": onlyNews,
		"a record of another version is not replaced":              conflicts,
		"a batch applies whole or not at all":                      wholeBatches,
		"a change that is sent again is made once":                 sentAgain,
		"another history of the same versions is told":             histories,
		"deletions are news, until their tombstones are gone":      tombstones,
		"events stand in order and come in pages":                  events,
		"the later use of a key stays":                             lastUses,
		"followers wake":                                           followersWake,
		"no update is lost among writers at once":                  noLostUpdates,
		"names and data are taken as they are":                     anyText,
		"two directories hold the same":                            twoDirectories,
		"large directories load in pages":                          large,
	} {
		t.Run(name, func(t *testing.T) { test(t, begin(t)) })
	}
}

// write makes a change of a record that is expected in a version.
func write(name string, version uint64, data string) directory.Change {
	return directory.Change{
		Record: directory.Record{Kind: directory.KindTenant, Name: name, Version: version, Data: []byte(data)},
		Event:  directory.Event{At: time.Unix(1_800_000_000, 0).UTC(), Who: "test", Verb: "tenant.put", Kind: directory.KindTenant, Name: name},
	}
}

func remove(name string, version uint64) directory.Change {
	c := write(name, version, "")
	c.Record.Deleted, c.Event.Verb = true, "tenant.delete"
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start is where a store's history begins.
var start directory.Point

// since reads all that was written after a point.
func since(t *testing.T, s directory.Store, after directory.Point) directory.Delta {
	t.Helper()
	d, err := s.Since(t.Context(), after)
	must(t, err)
	for more := d; more.More; {
		more, err = s.Since(t.Context(), more.Point)
		must(t, err)
		d.Records, d.Point, d.More = append(d.Records, more.Records...), more.Point, more.More
	}
	return d
}

func namesOf(d directory.Delta) (out []string) {
	for _, r := range d.Records {
		out = append(out, fmt.Sprintf("%s=%s", r.Name, r.Data))
	}
	return out
}

func onlyNews(t *testing.T, p Place) {
	t.Helper()
	one, two := p.Open(t, time.Now), p.Open(t, time.Now)
	if d := since(t, two, start); d.Epoch != "" || d.Version != 0 || len(d.Records) != 0 {
		t.Errorf("an empty store: %+v", d)
	}
	must(t, one.Write(t.Context(), []directory.Change{write("a", 0, "1"), write("b", 0, "2")}))
	first := since(t, two, start)
	if diff := cmp.Diff([]string{"a=1", "b=2"}, namesOf(first)); diff != "" || first.Epoch == "" || first.Version == 0 {
		t.Fatalf("%+v\n%s", first, diff)
	}
	if d := since(t, two, first.Point); len(d.Records) != 0 || d.Version != first.Version || d.Epoch != first.Epoch {
		t.Errorf("nothing is new: %+v", d)
	}
	must(t, two.Write(t.Context(), []directory.Change{write("a", first.Records[0].Version, "3")}))
	second := since(t, one, first.Point)
	if diff := cmp.Diff([]string{"a=3"}, namesOf(second)); diff != "" || second.Version <= first.Version || second.Records[0].Version != second.Version {
		t.Errorf("%+v\n%s", second, diff)
	}
	if d := since(t, one, directory.Point{Version: second.Version + 1000, Change: second.Change}); !d.Stale {
		t.Error("a version that the store never had is not stale")
	}
}

func conflicts(t *testing.T, p Place) {
	t.Helper()
	s := p.Open(t, time.Now)
	must(t, s.Write(t.Context(), []directory.Change{write("a", 0, "1")}))
	v := since(t, s, start).Version
	for name, c := range map[string]directory.Change{
		"there is one": write("a", 0, "x"), "another version": write("a", v+1, "x"), "there is none": write("b", v, "x"),
		"deleting another version": remove("a", v+1), "deleting what is not there": remove("b", v),
	} {
		if err := s.Write(t.Context(), []directory.Change{c}); !errors.Is(err, directory.ErrConflict) || !strings.Contains(err.Error(), c.Record.Name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if d := since(t, s, start); d.Version != v {
		t.Errorf("a refused write moved the version: %+v", d)
	}
	if list, err := s.Events(t.Context(), 0, 10); err != nil || len(list) != 1 {
		t.Errorf("refused writes are in the trail: %v %v", list, err)
	}
}

func wholeBatches(t *testing.T, p Place) {
	t.Helper()
	s := p.Open(t, time.Now)
	err := s.Write(t.Context(), []directory.Change{write("a", 0, "1"), write("b", 7, "2"), write("c", 0, "3")})
	if !errors.Is(err, directory.ErrConflict) || !strings.Contains(err.Error(), `"b"`) {
		t.Errorf("%v", err)
	}
	if d := since(t, s, start); len(d.Records) != 0 {
		t.Errorf("half a batch: %+v", d)
	}
	if err := s.Write(t.Context(), nil); err == nil {
		t.Error("a batch of nothing is accepted")
	}
	if err := s.Write(t.Context(), make([]directory.Change, directory.MaxBatch+1)); err == nil {
		t.Error("too large a batch is accepted")
	}
}

func tombstones(t *testing.T, p Place) {
	t.Helper()
	var mu sync.Mutex
	now := time.Unix(1_800_000_000, 0)
	s := p.Open(t, func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	})
	must(t, s.Write(t.Context(), []directory.Change{write("a", 0, "1"), write("b", 0, "2")}))
	first := since(t, s, start)
	must(t, s.Write(t.Context(), []directory.Change{remove("a", first.Records[0].Version)}))
	d := since(t, s, first.Point)
	if len(d.Records) != 1 || !d.Records[0].Deleted || d.Records[0].Name != "a" || len(d.Records[0].Data) != 0 {
		t.Fatalf("%+v", d)
	}
	mu.Lock()
	now = now.Add(directory.TombstoneLife + 2*time.Second)
	mu.Unlock()
	must(t, s.Write(t.Context(), []directory.Change{write("c", 0, "3")}))
	if d := since(t, s, start); d.Stale || cmp.Diff([]string{"b=2", "c=3"}, namesOf(d)) != "" {
		t.Errorf("%+v", d)
	}
	if d := since(t, s, first.Point); !d.Stale {
		t.Errorf("who missed the deletion is not told: %+v", d)
	}
	if again := since(t, s, d.Point); again.Stale || cmp.Diff([]string{"c=3"}, namesOf(again)) != "" {
		t.Errorf("who has seen the deletion begins anew: %+v", again)
	}
	must(t, s.Write(t.Context(), []directory.Change{write("a", 0, "4")}))
	if d := since(t, s, start); cmp.Diff([]string{"b=2", "c=3", "a=4"}, namesOf(d)) != "" {
		t.Errorf("a name that was deleted does not come back: %+v", d)
	}
}

func events(t *testing.T, p Place) {
	t.Helper()
	s := p.Open(t, time.Now)
	for i := range 5 {
		c := write(fmt.Sprint("t", i), 0, "x")
		c.Event.ID = fmt.Sprint("change-", i)
		c.Event.Before, c.Event.After = []byte(`{"a":1}`), []byte(`{"a":"é\"<"}`)
		must(t, s.Write(t.Context(), []directory.Change{c}))
	}
	all, err := s.Events(t.Context(), 0, 100)
	must(t, err)
	want := write("t0", 0, "").Event
	want.Seq, want.ID, want.Before, want.After = 1, "change-0", []byte(`{"a":1}`), []byte(`{"a":"é\"<"}`)
	if len(all) != 5 {
		t.Fatalf("%d events", len(all))
	}
	all[0].After = []byte(strings.ReplaceAll(string(all[0].After), `\u003c`, "<"))
	if diff := cmp.Diff(want, all[0]); diff != "" {
		t.Error(diff)
	}
	some, err := s.Events(t.Context(), all[1].Seq, 2)
	must(t, err)
	if diff := cmp.Diff(all[2:4], some); diff != "" {
		t.Error(diff)
	}
	if none, err := s.Events(t.Context(), all[4].Seq, 2); err != nil || len(none) != 0 {
		t.Errorf("%v %v", none, err)
	}
}

func lastUses(t *testing.T, p Place) {
	t.Helper()
	one, two := p.Open(t, time.Now), p.Open(t, time.Now)
	early, late := time.UnixMilli(1_800_000_000_123).UTC(), time.UnixMilli(1_800_000_060_456).UTC()
	many := map[string]time.Time{"k_a": late, "k_b": early}
	for i := range 2500 {
		many[fmt.Sprint("k_many", i)] = early
	}
	must(t, one.Used(t.Context(), many))
	must(t, two.Used(t.Context(), map[string]time.Time{"k_a": early, "k_b": late}))
	must(t, two.Used(t.Context(), nil))
	ids := []string{"k_a", "k_b", "k_never"}
	for i := range 2500 {
		ids = append(ids, fmt.Sprint("k_many", i))
	}
	got, err := one.LastUsed(t.Context(), ids)
	must(t, err)
	if !got["k_a"].Equal(late) || !got["k_b"].Equal(late) || !got["k_many2499"].Equal(early) || len(got) != 2502 {
		t.Errorf("%v %v, %d ids", got["k_a"], got["k_b"], len(got))
	}
	c := write("a", 0, "1")
	c.Forget = "k_a"
	must(t, one.Write(t.Context(), []directory.Change{c}))
	got, err = one.LastUsed(t.Context(), ids[:3])
	if diff := cmp.Diff(map[string]time.Time{"k_b": late}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if got, err := one.LastUsed(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("%v %v", got, err)
	}
}

func noLostUpdates(t *testing.T, p Place) {
	t.Helper()
	const writers, each = 4, 15
	var wg sync.WaitGroup
	for range writers {
		s := p.Open(t, time.Now)
		wg.Go(func() {
			for done := 0; done < each; {
				d, err := s.Since(t.Context(), start)
				if err != nil {
					t.Error(err)
					return
				}
				c := write("counter", 0, "+")
				if len(d.Records) == 1 {
					c = write("counter", d.Records[0].Version, string(d.Records[0].Data)+"+")
				}
				switch err := s.Write(t.Context(), []directory.Change{c}); {
				case err == nil:
					done++
				case !errors.Is(err, directory.ErrConflict):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	d := since(t, p.Open(t, time.Now), start)
	if len(d.Records) != 1 || len(d.Records[0].Data) != writers*each {
		t.Errorf("%d of %d updates are there", len(d.Records[0].Data), writers*each)
	}
}

func anyText(t *testing.T, p Place) {
	t.Helper()
	s := p.Open(t, time.Now)
	texts := []string{"'; DROP TABLE dir_record; --", "a b\nc", `{"x":"\u0000"}`, "näme/with/slashes", "0 0 0", "%s%d", "\x01\xff"}
	want := []string{}
	for _, text := range texts {
		must(t, s.Write(t.Context(), []directory.Change{write(text, 0, text+"\x00"+text)}))
		want = append(want, text+"="+text+"\x00"+text)
	}
	if diff := cmp.Diff(want, namesOf(since(t, p.Open(t, time.Now), start)), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

// within calls condition until it holds, or fails the test.
func within(t *testing.T, limit time.Duration, condition func(context.Context) bool) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	began := time.Now()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !condition(ctx) {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %v", limit)
		case <-tick.C:
		}
	}
	return time.Since(began)
}
