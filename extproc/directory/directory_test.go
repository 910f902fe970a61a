package directory_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/extproc/directory/sqlite"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var by = directory.By{Who: "admin"}

// scene is a directory on a file, its clock and its log.
type scene struct {
	*directory.Directory
	path  string
	store directory.Store
	log   *bytes.Buffer

	mu  sync.Mutex
	now time.Time
}

func (s *scene) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *scene) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// begin opens a directory on a new file, with changes to its configuration.
func begin(t *testing.T, set ...func(*directory.Config)) *scene {
	t.Helper()
	s := &scene{path: filepath.Join(t.TempDir(), "dragoman.db"), now: time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC), log: &bytes.Buffer{}}
	s.Directory = s.open(t, set...)
	return s
}

// open opens one more directory on the file.
func (s *scene) open(t *testing.T, set ...func(*directory.Config)) *directory.Directory {
	t.Helper()
	store, err := sqlite.Open(t.Context(), s.path, sqlite.Options{Now: s.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	c := directory.Config{Store: store, Now: s.clock, Logger: slog.New(slog.NewTextHandler(s.log, nil))}
	for _, f := range set {
		f(&c)
	}
	s.store = c.Store
	d, err := directory.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (s *scene) create(t *testing.T, k catalog.Key) (made *directory.Key, secret string) {
	t.Helper()
	made, shown, err := s.CreateKey(t.Context(), by, k)
	if err != nil {
		t.Fatal(err)
	}
	return made, shown.Reveal()
}

func TestARotatedKeysFormerSecretIsGoodForItsGrace(t *testing.T) {
	t.Parallel()
	s := begin(t)
	k, first := s.create(t, catalog.Key{Name: "ci", Tenant: "acme", Models: []string{"openai/*"}, Expires: s.now.Add(48 * time.Hour)})
	if k.Hash != sha256.Sum256([]byte(first)) || k.Created != s.now {
		t.Errorf("%+v", k)
	}
	rotated, secret, err := s.RotateKey(t.Context(), by, directory.Rotation{Key: k.ID, Grace: 24 * time.Hour})
	if err != nil || rotated.ID != k.ID || rotated.Hash != sha256.Sum256([]byte(secret.Reveal())) || secret.Reveal() == first {
		t.Fatalf("%+v %v", rotated, err)
	}
	fresh := catalog.Key{Name: "ci", Hash: rotated.Hash, Tenant: "acme", Models: []string{"openai/*"}, Expires: s.now.Add(48 * time.Hour)}
	former := fresh
	former.Hash, former.Expires = k.Hash, s.now.Add(24*time.Hour)
	if diff := cmp.Diff([]catalog.Key{fresh, former}, good(s.Directory)); diff != "" {
		t.Error(diff)
	}
	// A grace longer than the key's life does not prolong it; a second rotation
	// ends what was before the first.
	if _, _, err = s.RotateKey(t.Context(), by, directory.Rotation{Key: "ci", Grace: 72 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	accepted := good(s.Directory)
	if len(accepted) != 2 || accepted[1].Hash != rotated.Hash || !accepted[1].Expires.Equal(fresh.Expires) {
		t.Errorf("%+v", accepted)
	}
	if _, _, err = s.RotateKey(t.Context(), by, directory.Rotation{Key: "ci"}); err != nil || len(good(s.Directory)) != 1 {
		t.Errorf("without grace: %v %+v", err, good(s.Directory))
	}
	var invalid *directory.InvalidError
	if _, _, err := s.RotateKey(t.Context(), by, directory.Rotation{Key: "ci", Grace: -time.Second}); !errors.As(err, &invalid) || invalid.Field != "grace" {
		t.Errorf("%v", err)
	}
}

func TestARevokedKeyIsListedAndItsNameMayBeGivenAnew(t *testing.T) {
	t.Parallel()
	s := begin(t)
	k, _ := s.create(t, catalog.Key{Name: "ci"})
	if _, _, err := s.CreateKey(t.Context(), by, catalog.Key{Name: "ci"}); !errors.Is(err, directory.ErrExists) {
		t.Errorf("%v", err)
	}
	if _, err := s.RevokeKey(t.Context(), by, k.ID); err != nil {
		t.Fatal(err)
	}
	if len(good(s.Directory)) != 0 || len(s.Current().Keys) != 0 {
		t.Errorf("%+v", s.Current().Keys)
	}
	list, err := s.ListKeys(t.Context(), "", 0)
	if err != nil || len(list) != 1 || !list[0].Revoked.Equal(s.now) {
		t.Errorf("%+v %v", list, err)
	}
	for verb, try := range map[string]func() error{
		"revoke": func() error { _, err := s.RevokeKey(t.Context(), by, k.ID); return err },
		"rotate": func() error {
			_, _, err := s.RotateKey(t.Context(), by, directory.Rotation{Key: k.ID})
			return err
		},
		"update": func() error {
			_, err := s.UpdateKey(t.Context(), by, directory.KeyUpdate{Key: k.ID, Change: func(*catalog.Key) {}})
			return err
		},
	} {
		if err := try(); !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("%s of a revoked key: %v", verb, err)
		}
	}
	again, _ := s.create(t, catalog.Key{Name: "ci"})
	if again.ID == k.ID || len(s.Current().Keys) != 1 {
		t.Errorf("%+v", s.Current().Keys)
	}
}

func TestAKeyIsUpdatedOnlyAsItWasSeen(t *testing.T) {
	t.Parallel()
	s := begin(t)
	k, _ := s.create(t, catalog.Key{Name: "ci", Tags: []string{"a"}})
	change := directory.KeyUpdate{Key: k.ID, Change: func(k *catalog.Key) {
		k.Name, k.Hash, k.Models, k.Tags = "other", [32]byte{1}, []string{"openai/*"}, nil
	}}
	seen := directory.By{Who: "admin", Expect: directory.Seen(k.Version)}
	updated, err := s.UpdateKey(t.Context(), seen, change)
	if err != nil || updated.Name != "ci" || updated.Hash != k.Hash || len(updated.Models) != 1 || len(updated.Tags) != 0 {
		t.Fatalf("%+v %v", updated, err)
	}
	if _, err := s.UpdateKey(t.Context(), seen, change); !errors.Is(err, directory.ErrConflict) {
		t.Errorf("%v", err)
	}
	var wrong catalog.Errors
	if _, err := s.UpdateKey(t.Context(), by, directory.KeyUpdate{Key: k.ID, Change: func(k *catalog.Key) { k.Models = []string{"two words"} }}); !errors.As(err, &wrong) || wrong[0].Field != "models[0]" {
		t.Errorf("%v", err)
	}
	if _, err := s.UpdateKey(t.Context(), by, directory.KeyUpdate{Key: k.ID, Change: func(k *catalog.Key) { k.Expires = s.now.Add(-1) }}); err == nil {
		t.Error("a key may end in the past")
	}
	// What others write meanwhile does not matter to who has not said what they saw.
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := s.UpdateKey(t.Context(), by, change); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestTenantsAndBudgetsAreWrittenReadAndDeleted(t *testing.T) {
	t.Parallel()
	s := begin(t)
	budget := catalog.Budget{
		Name: "monthly", Tenants: []string{"acme"}, Each: []string{"key"}, Per: "month", Soft: []int{80},
		Limits: []catalog.BudgetLimit{{Unit: catalog.UnitMoney, Amount: 500_000_000_000, Away: 1}, {Unit: catalog.UnitRequests, Amount: 1 << 53}},
	}
	tenant := catalog.Tenant{Name: "acme", Tags: []string{"plan:pro"}, Models: []string{"openai/*"}}
	madeTenant, err := s.PutTenant(t.Context(), by, tenant)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutBudget(t.Context(), by, budget); err != nil {
		t.Fatal(err)
	}
	other := s.open(t).Current()
	if diff := cmp.Diff([]*directory.Tenant{{Tenant: tenant, Version: 1}}, other.Tenants); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]*directory.Budget{{Budget: budget, Version: 2}}, other.Budgets); diff != "" {
		t.Error(diff)
	}
	absent := directory.By{Who: "admin", Expect: directory.Seen(0)}
	if _, err := s.PutTenant(t.Context(), absent, tenant); !errors.Is(err, directory.ErrExists) {
		t.Errorf("%v", err)
	}
	if err := s.DeleteTenant(t.Context(), directory.By{Who: "admin", Expect: directory.Seen(madeTenant.Version + 1)}, "acme"); !errors.Is(err, directory.ErrConflict) {
		t.Errorf("%v", err)
	}
	var wrong catalog.Errors
	budget.Limits = nil
	if _, err := s.PutBudget(t.Context(), by, budget); !errors.As(err, &wrong) {
		t.Errorf("%v", err)
	}
	if err := errors.Join(s.DeleteTenant(t.Context(), by, "acme"), s.DeleteBudget(t.Context(), by, "monthly")); err != nil {
		t.Fatal(err)
	}
	if now := s.Current(); len(now.Tenants)+len(now.Budgets) != 0 {
		t.Errorf("%+v", now)
	}
	if err := s.DeleteBudget(t.Context(), by, "monthly"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func TestNamesOfTheCatalogAreNotGivenHere(t *testing.T) {
	t.Parallel()
	s := begin(t, func(c *directory.Config) {
		c.Reserved = func(kind directory.Kind, name string) bool { return kind == directory.KindKey && name == "ci" }
	})
	if _, _, err := s.CreateKey(t.Context(), by, catalog.Key{Name: "ci"}); !errors.Is(err, directory.ErrExists) {
		t.Errorf("%v", err)
	}
	if _, err := s.PutTenant(t.Context(), by, catalog.Tenant{Name: "ci"}); err != nil {
		t.Errorf("%v", err)
	}
}

func TestWhoMissedADeletionForLongBeginsAnew(t *testing.T) {
	t.Parallel()
	s := begin(t)
	if _, err := s.PutTenant(t.Context(), by, catalog.Tenant{Name: "gone"}); err != nil {
		t.Fatal(err)
	}
	sleeper := s.open(t)
	if err := s.DeleteTenant(t.Context(), by, "gone"); err != nil {
		t.Fatal(err)
	}
	s.pass(directory.TombstoneLife + time.Hour)
	if _, err := s.PutTenant(t.Context(), by, catalog.Tenant{Name: "new"}); err != nil {
		t.Fatal(err)
	}
	list, err := sleeper.ListTenants(t.Context(), "", 0)
	if err != nil || len(list) != 1 || list[0].Name != "new" {
		t.Errorf("%v %v", list, err)
	}
}

func TestARecordNobodyCanReadLetsNobodyIn(t *testing.T) {
	t.Parallel()
	s := begin(t)
	k, _ := s.create(t, catalog.Key{Name: "ci"})
	s.create(t, catalog.Key{Name: "good"})
	for kind, data := range map[directory.Kind]string{directory.KindKey: `{"id":"k_1","hash":"12"}`, directory.KindBudget: `[`, "strange": `{}`} {
		r := directory.Record{Kind: kind, Name: "ci", Data: []byte(data)}
		if kind == directory.KindKey {
			r.Version = k.Version
		}
		if err := s.store.Write(t.Context(), []directory.Change{{Record: r}}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.ListKeys(t.Context(), "", 0)
	if err != nil || len(list) != 1 || list[0].Name != "good" {
		t.Errorf("%+v %v", list, err)
	}
	if n := bytes.Count(s.log.Bytes(), []byte("cannot be used")); n != 3 {
		t.Errorf("%d records reported:\n%s", n, s.log)
	}
}

func TestSnapshotsArriveInOrderAndOnlyWhenSomethingChanged(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []uint64
	s := begin(t, func(c *directory.Config) {
		c.OnChange = func(s *directory.Snapshot) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, s.Version)
		}
	})
	for _, name := range []string{"a", "b", "c"} {
		if _, err := s.PutTenant(t.Context(), by, catalog.Tenant{Name: name}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.ListTenants(t.Context(), "", 0); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff([]uint64{1, 2, 3}, seen); diff != "" {
		t.Error(diff)
	}
}

func TestListsComeInPages(t *testing.T) {
	t.Parallel()
	s := begin(t)
	for _, name := range []string{"d", "b", "a", "c"} {
		s.create(t, catalog.Key{Name: name})
	}
	var got []string
	for after := ""; ; {
		list, err := s.ListKeys(t.Context(), after, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range list {
			got = append(got, k.Name)
			after = k.Name
		}
		if len(list) < 3 {
			break
		}
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "d"}, got); diff != "" {
		t.Error(diff)
	}
}

// counting is a store that counts writings of uses.
type counting struct {
	directory.Store
	writes chan map[string]time.Time
}

func (c counting) Used(ctx context.Context, at map[string]time.Time) error {
	c.writes <- at
	return c.Store.Used(ctx, at)
}

// good are the keys by which requests are let in.
func good(d *directory.Directory) (keys []catalog.Key) {
	for _, k := range d.Current().Accepted() {
		keys = append(keys, *k)
	}
	return keys
}
