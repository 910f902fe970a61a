package extproc

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// closedModels are on the gateway's account at two providers, or at one.
const closedModels = `
providers:
  alpha: {dialect: openai, base_url: "http://127.0.0.1:9101/v1"}
  beta: {dialect: openai, base_url: "http://127.0.0.1:9102/v1"}
models:
  sim/chat: {targets: [alpha, beta]}
  sim/alone: {targets: [alpha]}
quota: {byok: {fallback: false}}
`

func TestATenantWhoseOwnKeyIsClosedDoesNotSpendTheGatewaysAccount(t *testing.T) {
	t.Parallel()
	for _, model := range []string{"sim/chat", "sim/alone"} {
		synctest.Test(t, func(t *testing.T) {
			h := newPremises(t, keyed+closedModels).open(t)
			h.UseDirectory(&directory.Snapshot{Own: []*directory.OwnCredential{{Tenant: "acme", Provider: "alpha"}}})
			v := h.send("/v1/chat/completions", chat(model), "authorization", "Bearer "+carolKey)
			if v.status != 0 {
				t.Fatalf("%d %s", v.status, v.body)
			}
			c, done := attempting(t, h.Service, v.id.text(), 1)
			if err := wait(t, done); err != nil {
				t.Fatal(err)
			}
			out := c.replies()
			if len(out) != 1 || out[0].GetImmediateResponse().GetStatus().GetCode() != 503 {
				t.Fatalf("the first attempt at the tenant's own account: %v", out)
			}
			x := h.table.get(v.id)
			last := x.chain.Targets[len(x.chain.Targets)-1]
			if want := model == "sim/alone"; last.Own != want {
				t.Errorf("%s ends at %s, the tenant's own: %t", model, last.Provider.Name, last.Own)
			}
			if model == "sim/alone" {
				again := newTalk(t.Context())
				again.in <- requestHead(true, "x-request-id", v.id.text(), "x-envoy-attempt-count", "2")
				if err := h.attempt(again, "alpha"); err != nil {
					t.Fatal(err)
				}
				out := again.replies()
				if verdict := out[len(out)-1].GetImmediateResponse(); len(out) != 1 || verdict.GetStatus().GetCode() < 400 || !strings.Contains(string(verdict.GetBody()), "alpha: 401 auth") {
					t.Errorf("the verdict: %v", out)
				}
			}
		})
	}
}

func TestNobodyIsServedByAViewOfAStoreThatWasNotRead(t *testing.T) {
	t.Parallel()
	away, err := directory.Open(t.Context(), directory.Config{Store: nowhere{}, Logger: slog.New(slog.DiscardHandler), Patient: true})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, keyed+shopModels+shopBudgets).open(t)
		h.UseDirectory(away.Current())
		if h.Unready() == "" {
			t.Error("it is ready")
		}
		// The body comes after the store has been read: what the request decides by
		// is still the view it began with.
		c := newTalk(t.Context())
		c.in <- requestHead(false, ":method", "POST", ":authority", "127.0.0.1", ":path", "/v1/chat/completions", "content-type", "application/json", "authorization", "Bearer "+carolKey)
		ended := make(chan error, 1)
		go func() { ended <- h.router(c) }()
		synctest.Wait()
		h.UseDirectory(&directory.Snapshot{Tenants: []*directory.Tenant{{Tenant: catalog.Tenant{Name: "acme", Suspended: true}}}})
		c.in <- requestPiece(chat("sim/chat"), true)
		if err := wait(t, ended); err != nil {
			t.Fatal(err)
		}
		if v := visited(t, c.replies()); v.status != 503 || !strings.Contains(v.body, "does not know its keys and budgets yet") {
			t.Errorf("%d %s", v.status, v.body)
		}
		if v := h.send("/v1/chat/completions", chat("sim/chat"), "authorization", "Bearer "+carolKey); v.status != 403 {
			t.Errorf("of a suspended tenant: %d %s", v.status, v.body)
		}
		if why := h.Unready(); why != "" {
			t.Error(why)
		}
	})
}

func TestNamesThatTheCatalogShadowsAreLoggedOnceAChange(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := New(Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	d := &directory.Snapshot{
		Keys:    []*directory.Key{{Key: catalog.Key{Name: "alice"}}, {Key: catalog.Key{Name: "zoe"}}},
		Tenants: []*directory.Tenant{{Tenant: catalog.Tenant{Name: "acme"}}},
		Budgets: []*directory.Budget{{Budget: catalog.Budget{Name: "all"}}},
	}
	said := func() string {
		defer log.Reset()
		return log.String()
	}
	s.UseDirectory(d)
	s.UseCatalog(parsed(t, "open: true"+shopModels), nil, nil)
	if got := said(); got != "" {
		t.Errorf("nothing is shadowed: %s", got)
	}
	clash := parsed(t, keyed+"tenants: {acme: {}}"+shopModels+shopBudgets)
	s.UseCatalog(clash, nil, nil)
	if got := said(); !strings.Contains(got, "level=ERROR") || !strings.Contains(got, `names="[key alice tenant acme budget all]"`) {
		t.Errorf("logged: %s", got)
	}
	s.UseCatalog(clash, nil, nil)
	s.UseDirectory(d)
	if got := said(); got != "" {
		t.Errorf("logged again: %s", got)
	}
	fewer := *d
	fewer.Budgets = slices.Clone(d.Budgets[:0])
	s.UseDirectory(&fewer)
	if got := said(); !strings.Contains(got, `names="[key alice tenant acme]"`) {
		t.Errorf("after a change: %s", got)
	}
}

func TestNamesOfACatalogThatIsLoadedLaterAreReserved(t *testing.T) {
	t.Parallel()
	c := config(t)
	s, err := NewServer(*c, parsed(t, "open: true"+shopModels))
	if err != nil {
		t.Fatal(err)
	}
	by := directory.By{Who: "test"}
	if _, err := s.Directory().PutTenant(t.Context(), by, catalog.Tenant{Name: "acme"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Use(parsed(t, "open: true\ntenants: {acme: {}, other: {}}"+shopModels+shopBudgets)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"acme", "other"} {
		if _, err := s.Directory().PutTenant(t.Context(), by, catalog.Tenant{Name: name}); !errors.Is(err, directory.ErrExists) {
			t.Errorf("tenant %s: %v", name, err)
		}
	}
	all := catalog.Budget{Name: "all", Per: "day", Limits: []catalog.BudgetLimit{{Unit: catalog.UnitRequests}}}
	if _, err := s.Directory().PutBudget(t.Context(), by, all); !errors.Is(err, directory.ErrExists) {
		t.Errorf("budget all: %v", err)
	}
	if err := s.accounts.close(); err != nil {
		t.Error(err)
	}
}

// nowhere is a store that cannot be reached.
type nowhere struct{ directory.Store }

func (nowhere) Since(context.Context, directory.Point) (directory.Delta, error) {
	return directory.Delta{}, errors.New("connection refused")
}
