package admin

import (
	"net/http"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

func answerTenant(t *directory.Tenant, status int) (answered, error) {
	view, err := versioned(t.JSON(), t.Version)
	return answered{status, view, t.Version}, err
}

func (a *API) listTenants(r *http.Request) (answered, error) {
	after, limit, err := span(r)
	if err != nil {
		return answered{}, err
	}
	list, err := a.Directory.ListTenants(r.Context(), after, limit+1)
	if err != nil {
		return answered{}, err
	}
	return newListing(list, limit, func(t *directory.Tenant) (any, string, error) {
		view, err := versioned(t.JSON(), t.Version)
		return view, t.Name, err
	})
}

func (a *API) createTenant(r *http.Request) (answered, error) {
	body, err := readBody(r)
	if err != nil {
		return answered{}, err
	}
	what, err := catalog.ParseTenant(body)
	if err != nil {
		return answered{}, err
	}
	t, err := a.Directory.PutTenant(r.Context(), directory.By{Who: who, Expect: directory.Seen(0)}, what)
	if err != nil {
		return answered{}, err
	}
	return answerTenant(t, http.StatusCreated)
}

func (a *API) getTenant(r *http.Request) (answered, error) {
	t, err := a.Directory.FindTenant(r.Context(), r.PathValue("name"))
	if err != nil {
		return answered{}, err
	}
	return answerTenant(t, http.StatusOK)
}

func (a *API) patchTenant(r *http.Request) (answered, error) {
	by, err := by(r)
	if err != nil {
		return answered{}, err
	}
	old, err := a.Directory.FindTenant(r.Context(), r.PathValue("name"))
	if err != nil {
		return answered{}, err
	}
	text, err := patched(r, old.JSON(), catalog.TenantSchema())
	if err != nil {
		return answered{}, err
	}
	what, err := catalog.ParseTenant(text)
	if err != nil {
		return answered{}, err
	}
	if by.Expect == (directory.Expect{}) {
		by.Expect = directory.Seen(old.Version) // the patch was made of that one
	}
	t, err := a.Directory.PutTenant(r.Context(), by, what)
	if err != nil {
		return answered{}, err
	}
	return answerTenant(t, http.StatusOK)
}

func (a *API) deleteTenant(r *http.Request) (answered, error) {
	by, err := by(r)
	if err != nil {
		return answered{}, err
	}
	return answered{}, a.Directory.DeleteTenant(r.Context(), by, r.PathValue("name"))
}

func answerBudget(b *directory.Budget, status int) (answered, error) {
	view, err := versioned(b.JSON(), b.Version)
	return answered{status, view, b.Version}, err
}

func (a *API) listBudgets(r *http.Request) (answered, error) {
	after, limit, err := span(r)
	if err != nil {
		return answered{}, err
	}
	list, err := a.Directory.ListBudgets(r.Context(), after, limit+1)
	if err != nil {
		return answered{}, err
	}
	return newListing(list, limit, func(b *directory.Budget) (any, string, error) {
		view, err := versioned(b.JSON(), b.Version)
		return view, b.Name, err
	})
}

// readBudget checks a budget against itself and against the store's regions.
func (a *API) readBudget(body []byte) (catalog.Budget, error) {
	b, err := catalog.ParseBudget(body)
	if err != nil {
		return b, err
	}
	if store, known := a.store(); known {
		return b, b.Fits(store)
	}
	return b, nil
}

func (a *API) createBudget(r *http.Request) (answered, error) {
	body, err := readBody(r)
	if err != nil {
		return answered{}, err
	}
	what, err := a.readBudget(body)
	if err != nil {
		return answered{}, err
	}
	b, err := a.Directory.PutBudget(r.Context(), directory.By{Who: who, Expect: directory.Seen(0)}, what)
	if err != nil {
		return answered{}, err
	}
	return answerBudget(b, http.StatusCreated)
}

func (a *API) getBudget(r *http.Request) (answered, error) {
	b, err := a.Directory.FindBudget(r.Context(), r.PathValue("name"))
	if err != nil {
		return answered{}, err
	}
	return answerBudget(b, http.StatusOK)
}

func (a *API) patchBudget(r *http.Request) (answered, error) {
	by, err := by(r)
	if err != nil {
		return answered{}, err
	}
	old, err := a.Directory.FindBudget(r.Context(), r.PathValue("name"))
	if err != nil {
		return answered{}, err
	}
	text, err := patched(r, old.JSON(), catalog.BudgetSchema())
	if err != nil {
		return answered{}, err
	}
	what, err := a.readBudget(text)
	if err != nil {
		return answered{}, err
	}
	if by.Expect == (directory.Expect{}) {
		by.Expect = directory.Seen(old.Version) // the patch was made of that one
	}
	b, err := a.Directory.PutBudget(r.Context(), by, what)
	if err != nil {
		return answered{}, err
	}
	return answerBudget(b, http.StatusOK)
}

func (a *API) deleteBudget(r *http.Request) (answered, error) {
	by, err := by(r)
	if err != nil {
		return answered{}, err
	}
	return answered{}, a.Directory.DeleteBudget(r.Context(), by, r.PathValue("name"))
}
