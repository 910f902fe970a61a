package directory_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// spoil writes data that no verb writes over a record.
func (s *scene) spoil(t *testing.T, r directory.Record) {
	t.Helper()
	if err := s.store.Write(t.Context(), []directory.Change{{Record: r}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ListTenants(t.Context(), "", 0); err != nil {
		t.Fatal(err)
	}
}

func TestATenantThatCannotBeReadIsSuspendedUntilItIsReplaced(t *testing.T) {
	t.Parallel()
	s := begin(t)
	made, err := s.PutTenant(t.Context(), by, catalog.Tenant{Name: "acme", Suspended: true})
	if err != nil {
		t.Fatal(err)
	}
	s.spoil(t, directory.Record{Kind: directory.KindTenant, Name: "acme", Version: made.Version, Data: []byte(`{"Suspended":"no"}`)})
	s.spoil(t, directory.Record{Kind: directory.KindTenant, Name: "other", Data: []byte(`{`)})
	for _, d := range []*directory.Directory{s.Directory, s.open(t)} {
		now := d.Current().Tenants
		if len(now) != 2 || !now[0].Suspended || !now[1].Suspended {
			t.Errorf("%+v", now)
		}
	}
	for _, name := range []string{"acme", "other"} {
		if !bytes.Contains(s.log.Bytes(), []byte("level=ERROR msg=\"a record of the directory cannot be used\" kind=tenant name="+name)) {
			t.Errorf("%s is not reported:\n%s", name, s.log)
		}
	}
	if lifted, err := s.PutTenant(t.Context(), by, catalog.Tenant{Name: "acme"}); err != nil || lifted.Suspended {
		t.Errorf("%+v %v", lifted, err)
	}
}

func TestABudgetThatCannotBeReadHoldsAsItWasOrRefusesWhatItMatches(t *testing.T) {
	t.Parallel()
	s := begin(t)
	money := catalog.Budget{Name: "team", Keys: []string{"ci"}, Per: "day", Soft: []int{80}, Limits: []catalog.BudgetLimit{{Unit: catalog.UnitMoney, Amount: 5}}}
	made, err := s.PutBudget(t.Context(), by, money)
	if err != nil {
		t.Fatal(err)
	}
	unit := `{"Keys":["ci"],"Models":7,"Per":"day","Limits":[{"Unit":"wishes","Amount":1}]}`
	s.spoil(t, directory.Record{Kind: directory.KindBudget, Name: "team", Version: made.Version, Data: []byte(strings.Replace(unit, "7", "null", 1))})
	held := s.Current().Budgets
	if len(held) != 1 || held[0].Version == made.Version {
		t.Fatalf("%+v", held)
	}
	if diff := cmp.Diff(money, held[0].Budget); diff != "" {
		t.Errorf("it holds no longer as it was:\n%s", diff)
	}
	for _, tt := range []struct {
		name, data string
		keys       []string
	}{
		{"all", `[`, nil},
		{"few", unit, []string{"ci"}},
		{"negative", `{"Keys":["ci"],"Per":"day","Limits":[{"Unit":"requests","Amount":-1}]}`, []string{"ci"}},
		{"unlimited", `{"Keys":["a","b"],"Per":"day"}`, []string{"a", "b"}},
	} {
		s.spoil(t, directory.Record{Kind: directory.KindBudget, Name: tt.name, Data: []byte(tt.data)})
		b, err := s.FindBudget(t.Context(), tt.name)
		if err != nil {
			t.Fatal(err)
		}
		want := catalog.Budget{Name: tt.name, Keys: tt.keys, Per: "minute", Limits: []catalog.BudgetLimit{{Unit: catalog.UnitRequests}}}
		if diff := cmp.Diff(want, b.Budget); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		if !bytes.Contains(s.log.Bytes(), []byte("kind=budget name="+tt.name)) {
			t.Errorf("%s is not reported:\n%s", tt.name, s.log)
		}
		if err := s.DeleteBudget(t.Context(), by, tt.name); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestACredentialThatCannotBeReadIsClosedUntilItIsReplaced(t *testing.T) {
	t.Parallel()
	s := begin(t, sealedBy(t, "a"))
	made := put(t, s.Directory, own("acme", "openai", canary))
	s.spoil(t, directory.Record{Kind: directory.KindCredential, Name: "acme/openai", Version: made.Version, Data: []byte(`[]`)})
	if o := s.Current().OwnOf("acme", "openai"); o == nil || o.Secret.Set() {
		t.Fatalf("%+v", o)
	}
	var invalid *directory.InvalidError
	if _, err := s.PutOwn(t.Context(), by, own("acme", "openai", "")); !errors.As(err, &invalid) {
		t.Errorf("what cannot be read is kept: %v", err)
	}
	if o := put(t, s.Directory, own("acme", "openai", canary+"2")); o.Secret.Reveal() != canary+"2" {
		t.Errorf("%+v", o)
	}
}

func TestACredentialStaysOpenWhileItIsResealedUnderAKeyThatIsNotHere(t *testing.T) {
	t.Parallel()
	s := begin(t, sealedBy(t, "a"))
	put(t, s.Directory, own("acme", "openai", canary))
	here := s.open(t, sealedBy(t, "a"))
	moved := s.open(t, sealedBy(t, "ba"))
	resealed := func(o *directory.OwnCredential, err error) {
		if err != nil {
			t.Errorf("%s: %v", o.Tenant, err)
		}
	}
	if err := moved.Reseal(t.Context(), by, resealed); err != nil {
		t.Fatal(err)
	}
	opened := func() string {
		t.Helper()
		if _, err := here.ListOwn(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		return here.Current().OwnOf("acme", "openai").Secret.Reveal()
	}
	if got := opened(); got != canary {
		t.Errorf("%q", got)
	}
	put(t, moved, own("acme", "openai", canary+"2")) // another secret: the one before must not serve
	if got := opened(); got != "" {
		t.Errorf("a secret that was replaced is still open: %q", got)
	}
}
