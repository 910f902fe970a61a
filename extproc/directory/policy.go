package directory

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// PutTenant makes or replaces a tenant.
func (d *Directory) PutTenant(ctx context.Context, by By, t catalog.Tenant) (*Tenant, error) {
	t, err := catalog.ParseTenant(t.JSON())
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	err = d.put(ctx, by, draft{kind: KindTenant, name: t.Name, verb: "tenant.put", data: data, after: json.RawMessage(t.JSON())})
	if err != nil {
		return nil, err
	}
	return written(find(d.Current().Tenants, t.Name, nameOfTenant), KindTenant)
}

// DeleteTenant forgets a tenant. The error is ErrInUse where that would allow
// what the tenant forbids: while it is suspended, or named by keys or
// credentials, unless the catalog has it, whose rules hold on.
func (d *Directory) DeleteTenant(ctx context.Context, by By, name string) error {
	return d.do(ctx, by, func(s *Snapshot) (*draft, error) {
		t := find(s.Tenants, name, nameOfTenant)
		if t == nil {
			return nil, missing(KindTenant)
		}
		w := draft{kind: KindTenant, name: name, verb: "tenant.delete", version: t.Version, before: json.RawMessage(t.JSON())}
		if d.free(KindTenant, name) != nil {
			return &w, nil //nolint:nilerr // that the catalog has the name is why it may go
		}
		return &w, s.mayForget(t)
	})
}

// mayForget refuses to forget a tenant that still rules over somebody.
func (s *Snapshot) mayForget(t *Tenant) error {
	keys, credentials := 0, 0
	for _, k := range s.Keys {
		if k.Tenant == t.Name {
			keys++
		}
	}
	for _, o := range s.Own {
		if o.Tenant == t.Name {
			credentials++
		}
	}
	var why string
	switch {
	case keys+credentials > 0:
		why = fmt.Sprintf("it has keys (%d) or credentials (%d), which would go on without its rules; delete those first", keys, credentials)
	case t.Suspended:
		why = "it is suspended, and whoever names it would be let in again; lift the suspension first (suspended: false)"
	default:
		return nil
	}
	return fmt.Errorf("%s %q %w: %s", KindTenant, t.Name, ErrInUse, why)
}

// ListTenants gives tenants sorted by name from the one after that name on, at
// most limit (0: all).
func (d *Directory) ListTenants(ctx context.Context, after string, limit int) ([]*Tenant, error) {
	if err := d.refresh(ctx); err != nil {
		return nil, err
	}
	return page(d.Current().Tenants, nameOfTenant, pageOf{after, limit}), nil
}

// PutBudget makes or replaces a budget.
func (d *Directory) PutBudget(ctx context.Context, by By, b catalog.Budget) (*Budget, error) {
	b, err := catalog.ParseBudget(b.JSON())
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	err = d.put(ctx, by, draft{kind: KindBudget, name: b.Name, verb: "budget.put", data: data, after: json.RawMessage(b.JSON())})
	if err != nil {
		return nil, err
	}
	return written(find(d.Current().Budgets, b.Name, nameOfBudget), KindBudget)
}

// DeleteBudget ends a budget.
func (d *Directory) DeleteBudget(ctx context.Context, by By, name string) error {
	return d.put(ctx, by, draft{kind: KindBudget, name: name, verb: "budget.delete"})
}

// ListBudgets gives budgets sorted by name from the one after that name on, at
// most limit (0: all).
func (d *Directory) ListBudgets(ctx context.Context, after string, limit int) ([]*Budget, error) {
	if err := d.refresh(ctx); err != nil {
		return nil, err
	}
	return page(d.Current().Budgets, nameOfBudget, pageOf{after, limit}), nil
}

// put writes a record over whatever is there; without data it deletes it, and
// there must be one.
func (d *Directory) put(ctx context.Context, by By, w draft) error {
	return d.do(ctx, by, func(s *Snapshot) (*draft, error) {
		out := w
		out.version, out.before = s.standing(w.kind, w.name)
		if out.data == nil && out.version == 0 {
			return nil, missing(w.kind)
		}
		if out.data == nil {
			return &out, nil
		}
		return &out, d.free(w.kind, w.name)
	})
}

// standing is the version of a record and what the audit trail may show of it.
func (s *Snapshot) standing(kind Kind, name string) (version uint64, shown any) {
	switch kind {
	case KindTenant:
		if t := find(s.Tenants, name, nameOfTenant); t != nil {
			return t.Version, json.RawMessage(t.JSON())
		}
	case KindBudget:
		if b := find(s.Budgets, name, nameOfBudget); b != nil {
			return b.Version, json.RawMessage(b.JSON())
		}
	}
	return 0, nil
}

// pageOf asks for a part of a list.
type pageOf struct {
	after string
	limit int // 0 = all
}

// FindTenant gives a tenant.
func (d *Directory) FindTenant(ctx context.Context, name string) (*Tenant, error) {
	if err := d.refresh(ctx); err != nil {
		return nil, err
	}
	if t := find(d.Current().Tenants, name, nameOfTenant); t != nil {
		return t, nil
	}
	return nil, missing(KindTenant)
}

// FindBudget gives a budget.
func (d *Directory) FindBudget(ctx context.Context, name string) (*Budget, error) {
	if err := d.refresh(ctx); err != nil {
		return nil, err
	}
	if b := find(d.Current().Budgets, name, nameOfBudget); b != nil {
		return b, nil
	}
	return nil, missing(KindBudget)
}

func page[T any](sorted []*T, of func(*T) string, p pageOf) []*T {
	i, same := slices.BinarySearchFunc(sorted, p.after, func(e *T, name string) int { return cmp.Compare(of(e), name) })
	if same {
		i++
	}
	rest := sorted[i:]
	if p.limit > 0 && len(rest) > p.limit {
		rest = rest[:p.limit]
	}
	return rest
}
