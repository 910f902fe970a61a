package admin

import (
	"context"
	"net/http"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// policy serves a kind of record that is one JSON object under a name.
type policy[T any] struct {
	records func(ctx context.Context, after string, limit int) ([]*T, error)
	find    func(ctx context.Context, name string) (*T, error)
	// put makes or replaces the record that text says.
	put    func(ctx context.Context, by directory.By, text []byte) (*T, error)
	remove func(ctx context.Context, by directory.By, name string) error
	schema func() []byte
	show   func(*T) shown
}

// shown is a record as it is listed.
type shown struct {
	name    string
	text    []byte // as it was put
	version uint64
}

func (a *API) tenants() *policy[directory.Tenant] {
	d := a.Directory
	return &policy[directory.Tenant]{
		records: d.ListTenants, find: d.FindTenant, remove: d.DeleteTenant, schema: catalog.TenantSchema,
		put: func(ctx context.Context, by directory.By, text []byte) (*directory.Tenant, error) {
			what, err := catalog.ParseTenant(text)
			if err != nil {
				return nil, err
			}
			return d.PutTenant(ctx, by, what)
		},
		show: func(t *directory.Tenant) shown { return shown{t.Name, t.JSON(), t.Version} },
	}
}

func (a *API) budgets() *policy[directory.Budget] {
	d := a.Directory
	return &policy[directory.Budget]{
		records: d.ListBudgets, find: d.FindBudget, remove: d.DeleteBudget, schema: catalog.BudgetSchema,
		put: func(ctx context.Context, by directory.By, text []byte) (*directory.Budget, error) {
			what, err := a.readBudget(text)
			if err != nil {
				return nil, err
			}
			return d.PutBudget(ctx, by, what)
		},
		show: func(b *directory.Budget) shown { return shown{b.Name, b.JSON(), b.Version} },
	}
}

// readBudget checks a budget against itself and against the store's regions.
func (a *API) readBudget(text []byte) (catalog.Budget, error) {
	b, err := catalog.ParseBudget(text)
	if err != nil {
		return b, err
	}
	if store, known := a.store(); known {
		return b, b.Fits(store)
	}
	return b, nil
}

func (p *policy[T]) answer(record *T, status int) (answered, error) {
	s := p.show(record)
	view, err := versioned(s.text, s.version)
	return answered{status, view, s.version}, err
}

func (p *policy[T]) list(r *http.Request) (answered, error) {
	after, limit, err := span(r)
	if err != nil {
		return answered{}, err
	}
	list, err := p.records(r.Context(), after, limit+1)
	if err != nil {
		return answered{}, err
	}
	return newListing(list, limit, func(record *T) (any, string, error) {
		s := p.show(record)
		view, err := versioned(s.text, s.version)
		return view, s.name, err
	})
}

func (p *policy[T]) create(r *http.Request) (answered, error) {
	body, err := readBody(r)
	if err != nil {
		return answered{}, err
	}
	made, err := p.put(r.Context(), directory.By{Who: who, Expect: directory.Seen(0)}, body)
	if err != nil {
		return answered{}, err
	}
	return p.answer(made, http.StatusCreated)
}

func (p *policy[T]) get(r *http.Request) (answered, error) {
	record, err := p.find(r.Context(), r.PathValue("name"))
	if err != nil {
		return answered{}, err
	}
	return p.answer(record, http.StatusOK)
}

func (p *policy[T]) patch(r *http.Request) (answered, error) {
	by, err := by(r)
	if err != nil {
		return answered{}, err
	}
	record, err := p.find(r.Context(), r.PathValue("name"))
	if err != nil {
		return answered{}, err
	}
	old := p.show(record)
	text, err := patched(r, old.text, p.schema())
	if err != nil {
		return answered{}, err
	}
	if by.Expect == (directory.Expect{}) {
		by.Expect = directory.Seen(old.version) // the patch was made of that one
	}
	made, err := p.put(r.Context(), by, text)
	if err != nil {
		return answered{}, err
	}
	return p.answer(made, http.StatusOK)
}

func (p *policy[T]) delete(r *http.Request) (answered, error) {
	by, err := by(r)
	if err != nil {
		return answered{}, err
	}
	return answered{}, p.remove(r.Context(), by, r.PathValue("name"))
}
