package generationtest

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Memory is a store that looks at every record for every question.
type Memory struct {
	mu      sync.Mutex
	records map[generation.ID]*generation.Record // guarded by mu
	fault   error                                // guarded by mu
	calls   int                                  // guarded by mu: of Insert
}

// NewMemory makes an empty store.
func NewMemory() *Memory { return &Memory{records: map[generation.ID]*generation.Record{}} }

// Fail makes Insert and Expire fail from now on; nil ends that.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = err
}

// Calls is how often Insert has been called.
func (m *Memory) Calls() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

// Insert keeps records; one that is there stays unless the new one says more.
func (m *Memory) Insert(_ context.Context, records []*generation.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.calls++; m.fault != nil {
		return m.fault
	}
	for _, r := range records {
		if old, ok := m.records[r.ID]; !ok || r.SaysMore(old) {
			m.records[r.ID] = r
		}
	}
	return nil
}

// Expire deletes the oldest records.
func (m *Memory) Expire(_ context.Context, before time.Time, most int) (n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault != nil {
		return 0, m.fault
	}
	for _, r := range slices.SortedFunc(func(yield func(*generation.Record) bool) {
		for _, r := range m.records {
			if !yield(r) {
				return
			}
		}
	}, func(a, b *generation.Record) int { return a.Started.Compare(b.Started) }) {
		if n < most && r.Started.Before(before) {
			delete(m.records, r.ID)
			n++
		}
	}
	return n, nil
}

// Get finds a record.
func (m *Memory) Get(_ context.Context, id generation.ID, v generation.View) (*generation.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, ok := m.records[id]; ok && v.Sees(r) {
		return r, nil
	}
	return nil, generation.ErrNotFound
}

// List gives a page.
func (m *Memory) List(_ context.Context, f generation.Filter, p generation.Page) ([]*generation.Record, error) {
	limit := min(p.Limit, generation.MaxPage)
	if limit <= 0 {
		limit = 100
	}
	after := p.After
	list := []*generation.Record{}
	for _, r := range m.matching(f) {
		older := cmp.Or(r.Started.Compare(after.Started), bytes.Compare(r.ID[:], after.ID[:])) < 0
		if after == (generation.Position{}) || older {
			list = append(list, r)
		}
	}
	return list[:min(limit, len(list))], nil
}

func (m *Memory) matching(f generation.Filter) []*generation.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := []*generation.Record{}
	for _, r := range m.records {
		if lets(f, r) {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b *generation.Record) int {
		return cmp.Or(b.Started.Compare(a.Started), bytes.Compare(b.ID[:], a.ID[:]))
	})
	return list
}

func lets(f generation.Filter, r *generation.Record) bool {
	for _, c := range [][2]string{
		{f.OfKey, r.Key}, {f.OfTenant, r.Tenant}, {f.Model, r.ServedModel()}, {f.Provider, r.LastProvider()}, {f.User, r.User},
	} {
		if c[0] != "" && c[0] != c[1] {
			return false
		}
	}
	has := 0
	for _, tag := range f.Tags {
		if slices.Contains(r.Tags, tag) {
			has++
		}
	}
	own, asked := f.Own.Get()
	switch {
	case !f.Sees(r), r.Started.Before(f.From), !f.To.IsZero() && !r.Started.Before(f.To):
	case f.Status != 0 && f.Status != r.Status, f.Failed && r.Error == "", asked && own != r.Own():
	case len(f.Tags) > 0 && has == 0, f.EachTag && has < len(f.Tags):
	default:
		return true
	}
	return false
}

// Report sums up.
func (m *Memory) Report(_ context.Context, f generation.Filter, g generation.Grouping) ([]generation.Row, error) {
	if err := g.Check(); err != nil {
		return nil, err
	}
	type group struct {
		value string
		step  int64
	}
	sums := map[group]*generation.Row{}
	if g == (generation.Grouping{}) {
		sums[group{}] = &generation.Row{}
	}
	for _, r := range m.matching(f) {
		for _, value := range valuesOf(r, g.By) {
			at := group{value: value}
			row := generation.Row{Value: value}
			if g.Per > 0 {
				row.Time = r.Started.UTC().Truncate(g.Per)
				at.step = row.Time.Unix()
			}
			if sums[at] == nil {
				sums[at] = &row
			}
			add(&sums[at].Sums, r)
		}
	}
	rows := []generation.Row{}
	for _, row := range sums {
		rows = append(rows, *row)
	}
	generation.SortRows(rows)
	return rows, nil
}

func valuesOf(r *generation.Record, d generation.Dimension) []string {
	switch d {
	case generation.ByModel:
		return []string{r.ServedModel()}
	case generation.ByProvider:
		return []string{r.LastProvider()}
	case generation.ByKey:
		return []string{r.Key}
	case generation.ByTenant:
		return []string{r.Tenant}
	case generation.ByUser:
		return []string{r.User}
	case generation.ByTag:
		if len(r.Tags) > 0 {
			return r.Tags
		}
	case generation.ByCredential:
		if r.Own() {
			return []string{"byok"}
		}
		return []string{"system"}
	}
	return []string{""}
}

func add(s *generation.Sums, r *generation.Record) {
	s.Requests++
	for _, c := range []struct {
		into *int64
		is   bool
	}{{&s.Failed, r.Error != ""}, {&s.Unpriced, !r.Priced}, {&s.Estimated, r.Estimated}} {
		if c.is {
			*c.into++
		}
	}
	s.Cost, s.Market = plus(s.Cost, r.Cost), plus(s.Market, r.Market)
	s.Input, s.Output = plus(s.Input, r.Usage.Input.Or(0)), plus(s.Output, r.Usage.Output.Or(0))
	s.CacheRead, s.CacheWrite = plus(s.CacheRead, r.Usage.CacheRead.Or(0)), plus(s.CacheWrite, r.Usage.CacheWrite.Or(0))
	s.Reasoning = plus(s.Reasoning, r.Usage.Reasoning.Or(0))
}

func plus[N llm.NanoUSD | llm.Tokens](a, b N) N {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
