package directory_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// overtaken is a store whose next write is followed by somebody else's before
// the writer knows of its own.
type overtaken struct {
	directory.Store
	by func() // nil: by nobody
}

func (o *overtaken) Write(ctx context.Context, changes []directory.Change) error {
	err := o.Store.Write(ctx, changes)
	if by := o.by; by != nil {
		o.by = nil
		by()
	}
	return err
}

func TestARecordThatIsRemovedAsItIsWrittenIsNotFound(t *testing.T) {
	t.Parallel()
	store := &overtaken{}
	s := begin(t, sealedBy(t, "a"), func(c *directory.Config) { store.Store, c.Store = c.Store, store })
	other := s.open(t, sealedBy(t, "a"))
	for name, tt := range map[string]struct {
		write  func() (any, error)
		remove func() error
	}{
		"a tenant": {
			func() (any, error) { return s.PutTenant(t.Context(), by, catalog.Tenant{Name: "acme"}) },
			func() error { return other.DeleteTenant(t.Context(), by, "acme") },
		},
		"a budget": {
			func() (any, error) {
				return s.PutBudget(t.Context(), by, catalog.Budget{Name: "b", Per: "day", Limits: []catalog.BudgetLimit{{Unit: catalog.UnitRequests}}})
			},
			func() error { return other.DeleteBudget(t.Context(), by, "b") },
		},
		"a credential": {
			func() (any, error) { return s.PutOwn(t.Context(), by, own("acme", "openai", canary)) },
			func() error { return other.DeleteOwn(t.Context(), by, own("acme", "openai", "")) },
		},
		"a key whose name is given anew": {
			func() (any, error) {
				k, secret, err := s.CreateKey(t.Context(), by, catalog.Key{Name: "ci"})
				if secret.Set() {
					t.Error("its secret is shown")
				}
				return k, err
			},
			func() error {
				_, err := other.RevokeKey(t.Context(), by, "ci")
				if err == nil {
					_, _, err = other.CreateKey(t.Context(), by, catalog.Key{Name: "ci"})
				}
				return err
			},
		},
	} {
		store.by = func() {
			if err := tt.remove(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if made, err := tt.write(); !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("%s: %+v, %v", name, made, err)
		}
	}
}

// silent is a store that answers no reading until its caller gives up.
type silent struct{ directory.Store }

func (silent) Since(ctx context.Context, _ directory.Point) (directory.Delta, error) {
	<-ctx.Done()
	return directory.Delta{}, ctx.Err()
}

func TestAVerbWaitsForNobodyLongerThanItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun, give := context.WithTimeout(t.Context(), time.Millisecond)
		defer give()
		d, err := directory.Open(begun, directory.Config{Store: silent{}, Now: time.Now, Logger: slog.New(slog.DiscardHandler), Patient: true})
		if err != nil || d.Current().Loaded() {
			t.Fatalf("loaded %t, %v", d.Current().Loaded(), err)
		}
		reading, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { // as Run does, for up to half a minute
			_, err := d.ListTenants(reading, "", 0)
			ended <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		began := time.Now()
		if _, err := d.PutTenant(ctx, by, catalog.Tenant{Name: "acme"}); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 2*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestATenantThatStillRulesIsNotDeleted(t *testing.T) {
	t.Parallel()
	s := begin(t, sealedBy(t, "a"))
	tenant := func(suspended bool) {
		t.Helper()
		if _, err := s.PutTenant(t.Context(), by, catalog.Tenant{Name: "acme", Suspended: suspended}); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(why string) {
		t.Helper()
		err := s.DeleteTenant(t.Context(), by, "acme")
		if !errors.Is(err, directory.ErrInUse) || !strings.Contains(err.Error(), why) {
			t.Errorf("%v, want that %s", err, why)
		}
		if len(s.Current().Tenants) != 1 {
			t.Fatal("it is deleted")
		}
	}
	tenant(true)
	refused("lift the suspension")
	tenant(false)
	k, _ := s.create(t, catalog.Key{Name: "ci", Tenant: "acme"})
	s.create(t, catalog.Key{Name: "other", Tenant: "acme2"})
	refused("keys (1)")
	if _, err := s.RevokeKey(t.Context(), by, k.ID); err != nil {
		t.Fatal(err)
	}
	put(t, s.Directory, own("acme", "openai", canary))
	refused("credentials (1)")
	if err := s.DeleteOwn(t.Context(), by, own("acme", "openai", "")); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteTenant(t.Context(), by, "acme"); err != nil || len(s.Current().Tenants) != 0 {
		t.Errorf("%v", err)
	}
}

func TestATenantThatTheCatalogHasNowMayGo(t *testing.T) {
	t.Parallel()
	var has bool
	s := begin(t, func(c *directory.Config) {
		c.Reserved = func(kind directory.Kind, _ string) bool { return has && kind == directory.KindTenant }
	})
	if _, err := s.PutTenant(t.Context(), by, catalog.Tenant{Name: "acme", Suspended: true}); err != nil {
		t.Fatal(err)
	}
	s.create(t, catalog.Key{Name: "ci", Tenant: "acme"})
	has = true
	if _, err := s.PutTenant(t.Context(), by, catalog.Tenant{Name: "acme"}); !errors.Is(err, directory.ErrExists) {
		t.Errorf("%v", err)
	}
	if err := s.DeleteTenant(t.Context(), by, "acme"); err != nil {
		t.Errorf("nobody can ever change or delete it: %v", err)
	}
}
