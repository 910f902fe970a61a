package generationtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Store is what the contract is about.
type Store interface {
	generation.Store
	generation.Reader
}

var _ Store = (*Memory)(nil)

var everybody = generation.View{All: true}

// Contract runs all cases; open gives each an empty store.
func Contract(t *testing.T, open func(t *testing.T) Store) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(*testing.T, Store)
	}{
		{"a record is found as it was written", roundTrip},
		{"nobody finds what the view does not see", views},
		{"a record is replaced only by one that says more", replacement},
		{"every question is answered as by looking at every record", questions},
		{"pages together are the whole list", pages},
		{"sums saturate instead of overflowing", saturation},
		{"the oldest expire first and in steps", expiry},
		{"writers at the same time lose nothing and count nothing twice", together},
		{"a text that no record can have finds nothing", hostileText},
		{"nothing is asked after the context has ended", cancelled},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

func insert(t *testing.T, s Store, records ...*generation.Record) {
	t.Helper()
	if err := s.Insert(t.Context(), records); err != nil {
		t.Fatal(err)
	}
}

func roundTrip(t *testing.T, s Store) {
	t.Helper()
	sparse := &generation.Record{ID: generation.ID{1}, Started: Epoch}
	for _, want := range []*generation.Record{Full(), sparse} {
		insert(t, s, want)
		got, err := s.Get(t.Context(), want.ID, everybody)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	if _, err := s.Get(t.Context(), generation.ID{2}, everybody); !errors.Is(err, generation.ErrNotFound) {
		t.Errorf("an unknown id: %v", err)
	}
}

func views(t *testing.T, s Store) {
	t.Helper()
	r := Full()
	insert(t, s, r)
	for _, c := range []struct {
		view generation.View
		sees bool
	}{
		{generation.View{}, false},
		{generation.View{All: true}, true},
		{generation.View{Key: "ci", KeyID: "k1"}, true},
		{generation.View{Key: "ci"}, false},
		{generation.View{KeyID: "k1"}, false},
		{generation.View{Key: "ci", KeyID: "k2"}, false},
		{generation.View{Tenant: "acme"}, true},
		{generation.View{Tenant: "globex"}, false},
		{generation.View{Key: "ci", KeyID: "k1", Tenant: "acme"}, true},
		{generation.View{Key: "ci", KeyID: "k1", Tenant: "globex"}, false},
	} {
		_, err := s.Get(t.Context(), r.ID, c.view)
		list, listErr := s.List(t.Context(), generation.Filter{View: c.view}, generation.Page{})
		total, totalErr := generation.Total(t.Context(), s, generation.Filter{View: c.view})
		if listErr != nil || totalErr != nil {
			t.Fatal(listErr, totalErr)
		}
		if (err == nil) != c.sees || (len(list) == 1) != c.sees || (total.Requests == 1) != c.sees || c.view.Sees(r) != c.sees {
			t.Errorf("%+v: got %v, %d in the list, %d in the sum; want %t", c.view, err, len(list), total.Requests, c.sees)
		}
	}
}

func replacement(t *testing.T, s Store) {
	t.Helper()
	kinds := []generation.Record{{Recovered: true}, {Unobserved: true}, {}, {Corrected: true, Recovered: true}}
	for i, first := range kinds {
		for j, second := range kinds {
			a, b := first, second
			a.ID, b.ID = generation.ID{byte(i), byte(j)}, generation.ID{byte(i), byte(j)}
			a.Started, b.Started, a.Cost, b.Cost, a.Error, b.Error = Epoch, Epoch, 1, 2, "first", "second"
			want := "first"
			if j > i {
				want = "second"
			}
			insert(t, s, &a)
			insert(t, s, &b)
			insert(t, s, &a)
			got, err := s.Get(t.Context(), a.ID, everybody)
			if err != nil || got.Error != want {
				t.Errorf("weight %d after %d: %+v, %v", b.Weight(), a.Weight(), got, err)
			}
			total, err := generation.Total(t.Context(), s, generation.Filter{View: everybody, From: Epoch, To: Epoch.Add(1)})
			if count := int64(4*i + j + 1); err != nil || total.Requests != count {
				t.Errorf("%d records, want %d: %v", total.Requests, count, err)
			}
		}
	}
}

func questions(t *testing.T, s Store) {
	t.Helper()
	simple := NewMemory()
	records := Some(1, 400)
	insert(t, s, records...)
	if err := simple.Insert(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(2, 0)) //nolint:gosec // the same questions every time
	answered := 0
	for range 60 {
		f := randomFilter(rnd)
		want, wantErr := simple.List(t.Context(), f, generation.Page{Limit: 500})
		got, err := s.List(t.Context(), f, generation.Page{Limit: 500})
		if err != nil || wantErr != nil {
			t.Fatalf("%+v: %v, %v", f, err, wantErr)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%+v: %s", f, diff)
		}
		if len(want) > 0 {
			answered++
		}
		for _, per := range []time.Duration{0, generation.Hour, generation.Day} {
			for _, by := range append(generation.Dimensions(), generation.ByNothing) {
				g := generation.Grouping{By: by, Per: per}
				rows, err := s.Report(t.Context(), f, g)
				if err != nil {
					t.Fatalf("%+v %+v: %v", f, g, err)
				}
				if diff := cmp.Diff(report(t, simple, f, g), rows); diff != "" {
					t.Fatalf("%+v %+v: %s", f, g, diff)
				}
			}
		}
	}
	if answered < 20 {
		t.Errorf("only %d questions let anything through", answered)
	}
	if _, err := s.Report(t.Context(), generation.Filter{}, generation.Grouping{By: "status; --"}); err == nil {
		t.Error("a grouping that does not exist is answered")
	}
}

// report is the simple store's answer: it fails only when it is told to.
func report(t *testing.T, s generation.Reader, f generation.Filter, g generation.Grouping) []generation.Row {
	t.Helper()
	rows, err := s.Report(t.Context(), f, g)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func randomFilter(rnd *rand.Rand) generation.Filter {
	pick := func(words ...string) string {
		if rnd.IntN(3) > 0 {
			return ""
		}
		return words[rnd.IntN(len(words))]
	}
	f := generation.Filter{
		View: everybody, OfKey: pick("ci", "O'Neil"), OfTenant: pick("acme", "globex"), Model: pick("a/1", "b/3"), Provider: pick("p", "q"), User: pick("zoë", "%_"),
	}
	if rnd.IntN(2) == 0 {
		f.From = Epoch.Add(time.Duration(rnd.Int64N(int64(30 * time.Hour))))
		f.To = f.From.Add(time.Duration(rnd.Int64N(int64(40 * time.Hour))))
	}
	switch rnd.IntN(8) {
	case 0:
		f.Status = 502
	case 1:
		f.Failed = true
	case 2, 3:
		f.Own = llm.Some(rnd.IntN(2) == 0)
	case 4:
		f.Tags, f.EachTag = []string{"x", "\""}, rnd.IntN(2) == 0
	case 5:
		f.Tags = []string{"é"}
	case 6:
		f.View = generation.View{Tenant: "acme"}
	case 7:
		f.View = generation.View{Key: "ci", KeyID: "k1"}
	}
	return f
}

func pages(t *testing.T, s Store) {
	t.Helper()
	records := Some(3, 95)
	for i, r := range records {
		r.Started = Epoch.Add(time.Duration(i/10) * time.Second) // ten of each time
	}
	insert(t, s, records...)
	f := generation.Filter{View: everybody}
	whole, err := s.List(t.Context(), f, generation.Page{})
	if err != nil || len(whole) != 95 {
		t.Fatalf("%d records, %v", len(whole), err)
	}
	var joined []*generation.Record
	page := generation.Page{Limit: 7}
	for range 14 {
		part, err := s.List(t.Context(), f, page)
		if err != nil || len(part) == 0 || len(part) > 7 {
			t.Fatalf("a page of %d, %v", len(part), err)
		}
		joined = append(joined, part...)
		// Through text, as an answer carries it.
		if page.After, err = generation.ParsePosition(part[len(part)-1].Position().String()); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(whole, joined); diff != "" {
		t.Error(diff)
	}
	if last, err := s.List(t.Context(), f, page); err != nil || len(last) != 0 {
		t.Errorf("after the last page: %d records, %v", len(last), err)
	}
}

func saturation(t *testing.T, s Store) {
	t.Helper()
	for i := range 3 {
		insert(t, s, &generation.Record{
			ID: generation.ID{byte(i)}, Started: Epoch, Cost: math.MaxInt64, Market: math.MaxInt64 / 4,
			Usage: llm.Usage{Input: llm.Some(llm.Tokens(math.MaxInt64))},
		})
	}
	total, err := generation.Total(t.Context(), s, generation.Filter{View: everybody})
	want := generation.Sums{Requests: 3, Unpriced: 3, Cost: math.MaxInt64, Market: 3 * (math.MaxInt64 / 4), Input: math.MaxInt64}
	if diff := cmp.Diff(want, total); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func expiry(t *testing.T, s Store) {
	t.Helper()
	for i := range 10 {
		insert(t, s, &generation.Record{ID: generation.ID{byte(i)}, Started: Epoch.Add(time.Duration(-i) * time.Hour)})
	}
	for _, c := range []struct{ deleted, left int }{{4, 6}, {1, 5}, {0, 5}} {
		n, err := s.Expire(t.Context(), Epoch.Add(-4*time.Hour), 4)
		if err != nil || n != c.deleted {
			t.Fatalf("%d deleted, %v; want %d", n, err, c.deleted)
		}
		list, err := s.List(t.Context(), generation.Filter{View: everybody}, generation.Page{})
		if err != nil || len(list) != c.left || list[0].ID != (generation.ID{}) {
			t.Fatalf("%d left, %v; want %d", len(list), err, c.left)
		}
	}
}

func together(t *testing.T, s Store) {
	t.Helper()
	const writers = 4
	records := Some(5, 300)
	var wait sync.WaitGroup
	faults := make(chan error, writers)
	for i := range writers {
		wait.Go(func() {
			for from := i * 50; from < i*50+150; from += 50 { // each record is written by up to three
				if err := s.Insert(t.Context(), records[from:from+50]); err != nil {
					faults <- fmt.Errorf("writer %d: %w", i, err)
					return
				}
			}
		})
	}
	wait.Wait()
	close(faults)
	for err := range faults {
		t.Error(err)
	}
	simple := NewMemory()
	if err := simple.Insert(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	f := generation.Filter{View: everybody}
	got, err := s.Report(t.Context(), f, generation.Grouping{})
	if diff := cmp.Diff(report(t, simple, f, generation.Grouping{}), got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func hostileText(t *testing.T, s Store) {
	t.Helper()
	insert(t, s, Full())
	for _, text := range []string{"a\x00b", "\xff\xfe", "' OR 1=1 --", "$1", "?", `\`, `"`} {
		f := generation.Filter{View: everybody, OfKey: text, OfTenant: text, Model: text, Provider: text, User: text, Tags: []string{text}}
		list, err := s.List(t.Context(), f, generation.Page{})
		if err != nil || len(list) != 0 {
			t.Errorf("%q: %d records, %v", text, len(list), err)
		}
	}
}

func cancelled(t *testing.T, s Store) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, simple := s.(*Memory); simple {
		return // it does not wait for anything
	}
	if err := s.Insert(ctx, []*generation.Record{Full()}); err == nil {
		t.Error("Insert has ignored the context")
	}
	if _, err := s.Get(ctx, Full().ID, everybody); err == nil {
		t.Error("Get has ignored the context")
	}
}
