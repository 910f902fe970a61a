package admin

import (
	"fmt"
	"net/http"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/directory"
)

// ownView is a tenant's own credential in answers. Value stands for a secret
// that is kept and never shown; sent back, it keeps that secret.
type ownView struct {
	Tenant      string            `json:"tenant"`
	Provider    string            `json:"provider"`
	Value       credential.Secret `json:"value"`
	Fingerprint string            `json:"fingerprint"`
	Master      string            `json:"master"` // id of the master key that seals it
	Updated     time.Time         `json:"updated"`
	Version     uint64            `json:"version"`
}

func viewOfOwn(o *directory.OwnCredential) ownView {
	return ownView{o.Tenant, o.Provider, credential.Secret{}, o.Fingerprint, o.MasterID, o.Updated, o.Version}
}

// ownSchema is the JSON Schema of a credential's body.
const ownSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "credential",
  "description": "A tenant's own credential for a provider.",
  "type": "object",
  "properties": {
    "tenant": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", "description": "Whose it is."},
    "provider": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$", "description": "A provider of the catalog."},
    "value": {"type": "string", "maxLength": 8192, "description": "The provider's key. Masked as answers show it, or left out, it keeps the one that is there."}
  },
  "required": ["tenant", "provider"],
  "additionalProperties": false
}`

// readOwn reads a credential's body over what the path says already.
func (a *API) readOwn(r *http.Request, path directory.OwnCredential) (directory.OwnCredential, error) {
	body, err := readBody(r)
	if err != nil {
		return path, err
	}
	o, value := path, ""
	if err := texts(body, map[string]*string{"tenant": &o.Tenant, "provider": &o.Provider, "value": &value}); err != nil {
		return path, err
	}
	for _, f := range []struct{ name, was, is string }{{"tenant", path.Tenant, o.Tenant}, {"provider", path.Provider, o.Provider}} {
		if f.is == "" {
			return path, wrong(f.name, "is missing")
		}
		if f.was != "" && f.was != f.is {
			return path, wrong(f.name, "cannot be changed; make another credential")
		}
	}
	if a.Catalog != nil && a.Catalog().Provider(o.Provider) == nil {
		return path, wrong("provider", "is no provider of the catalog")
	}
	o.Secret = credential.NewSecret(value)
	return o, nil
}

func (a *API) putOwn(r *http.Request) (answered, error) {
	return a.writeOwn(r, directory.OwnCredential{})
}

func (a *API) patchOwn(r *http.Request) (answered, error) {
	old, err := a.findOwn(r)
	if err != nil {
		return answered{}, err
	}
	return a.writeOwn(r, directory.OwnCredential{Tenant: old.Tenant, Provider: old.Provider})
}

func (a *API) writeOwn(r *http.Request, path directory.OwnCredential) (answered, error) {
	by, err := by(r)
	if err != nil {
		return answered{}, err
	}
	o, err := a.readOwn(r, path)
	if err != nil {
		return answered{}, err
	}
	made, err := a.Directory.PutOwn(r.Context(), by, o)
	if err != nil {
		return answered{}, err
	}
	return answered{body: viewOfOwn(made), version: made.Version}, nil
}

func (a *API) findOwn(r *http.Request) (*directory.OwnCredential, error) {
	list, err := a.Directory.ListOwn(r.Context(), r.PathValue("tenant"))
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Provider == r.PathValue("provider") {
			return &list[i], nil
		}
	}
	return nil, fmt.Errorf("the credential %w", directory.ErrNotFound)
}

func (a *API) getOwn(r *http.Request) (answered, error) {
	o, err := a.findOwn(r)
	if err != nil {
		return answered{}, err
	}
	return answered{body: viewOfOwn(o), version: o.Version}, nil
}

func (a *API) deleteOwn(r *http.Request) (answered, error) {
	by, err := by(r)
	if err != nil {
		return answered{}, err
	}
	o := directory.OwnCredential{Tenant: r.PathValue("tenant"), Provider: r.PathValue("provider")}
	return answered{}, a.Directory.DeleteOwn(r.Context(), by, o)
}

func (a *API) listOwn(r *http.Request) (answered, error) {
	given, err := parameters(r, "after", "limit", "tenant")
	if err != nil {
		return answered{}, err
	}
	limit, err := limitOf(given)
	if err != nil {
		return answered{}, err
	}
	list, err := a.Directory.ListOwn(r.Context(), given["tenant"])
	if err != nil {
		return answered{}, err
	}
	cursor := func(o *directory.OwnCredential) string { return o.Tenant + "/" + o.Provider }
	if after := given["after"]; after != "" {
		for i := range list {
			if cursor(&list[i]) == after {
				list = list[i+1:]
				break
			}
		}
	}
	return newListing(list, limit, func(o directory.OwnCredential) (any, string, error) {
		return viewOfOwn(&o), cursor(&o), nil
	})
}

// schema lists the JSON Schema of each body by method and path.
func (a *API) schema(r *http.Request) (answered, error) {
	if _, err := parameters(r); err != nil {
		return answered{}, err
	}
	return answered{body: schemas()}, nil
}
