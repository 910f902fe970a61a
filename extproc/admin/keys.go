package admin

import (
	"net/http"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// keyView is a key in answers.
type keyView struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Tenant   string     `json:"tenant,omitempty"`
	Models   []string   `json:"models,omitempty"`
	Tags     []string   `json:"tags,omitempty"`
	Expires  *time.Time `json:"expires,omitempty"`
	Created  time.Time  `json:"created"`
	Revoked  *time.Time `json:"revoked,omitempty"`
	Grace    *time.Time `json:"grace,omitempty"` // until when the former secret is good
	LastUsed *time.Time `json:"last_used,omitempty"`
	Version  uint64     `json:"version"`
	// Secret is shown in the answer that makes it, and never after.
	Secret string `json:"secret,omitempty"`
}

func viewOfKey(k *directory.Key) keyView {
	return keyView{
		ID: k.ID, Name: k.Name, Tenant: k.Tenant, Models: k.Models, Tags: k.Tags, Created: k.Created, Version: k.Version,
		Expires: given(k.Expires), Revoked: given(k.Revoked), Grace: given(k.Grace), LastUsed: given(k.LastUsed),
	}
}

func given(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (a *API) listKeys(r *http.Request) (answered, error) {
	after, limit, err := span(r)
	if err != nil {
		return answered{}, err
	}
	list, err := a.Directory.ListKeys(r.Context(), after, limit+1)
	if err != nil {
		return answered{}, err
	}
	return newListing(list, limit, func(k directory.Key) (any, string, error) { return viewOfKey(&k), k.Name, nil })
}

func (a *API) createKey(r *http.Request) (answered, error) {
	body, err := readBody(r)
	if err != nil {
		return answered{}, err
	}
	what, err := catalog.ParseKey(body)
	if err != nil {
		return answered{}, err
	}
	k, secret, err := a.Directory.CreateKey(r.Context(), directory.By{Who: who}, what)
	if err != nil {
		return answered{}, err
	}
	view := viewOfKey(k)
	view.Secret = secret.Reveal()
	return answered{http.StatusCreated, view, k.Version}, nil
}

func (a *API) getKey(r *http.Request) (answered, error) {
	k, err := a.Directory.FindKey(r.Context(), r.PathValue("id"))
	if err != nil {
		return answered{}, err
	}
	return answered{body: viewOfKey(k), version: k.Version}, nil
}

func (a *API) patchKey(r *http.Request) (answered, error) {
	by, err := by(r)
	if err != nil {
		return answered{}, err
	}
	old, err := a.Directory.FindKey(r.Context(), r.PathValue("id"))
	if err != nil {
		return answered{}, err
	}
	text, err := patched(r, old.JSON(), catalog.KeySchema())
	if err != nil {
		return answered{}, err
	}
	what, err := catalog.ParseKey(text)
	if err != nil {
		return answered{}, err
	}
	if by.Expect == (directory.Expect{}) {
		by.Expect = directory.Seen(old.Version) // the patch was made of that one
	}
	k, err := a.Directory.UpdateKey(r.Context(), by, directory.KeyUpdate{Key: old.ID, Change: func(k *catalog.Key) { *k = what }})
	if err != nil {
		return answered{}, err
	}
	return answered{body: viewOfKey(k), version: k.Version}, nil
}

func (a *API) revokeKey(r *http.Request) (answered, error) {
	by, err := by(r)
	if err != nil {
		return answered{}, err
	}
	k, err := a.Directory.RevokeKey(r.Context(), by, r.PathValue("id"))
	if err != nil {
		return answered{}, err
	}
	return answered{body: viewOfKey(k), version: k.Version}, nil
}

func (a *API) rotateKey(r *http.Request) (answered, error) {
	by, err := by(r)
	if err != nil {
		return answered{}, err
	}
	body, err := readBody(r)
	if err != nil {
		return answered{}, err
	}
	text := "0s"
	if err := texts(body, map[string]*string{"grace": &text}); err != nil {
		return answered{}, err
	}
	grace, err := time.ParseDuration(text)
	if err != nil {
		return answered{}, wrong("grace", "is no duration; write how long the former secret stays good, such as 24h")
	}
	k, secret, err := a.Directory.RotateKey(r.Context(), by, directory.Rotation{Key: r.PathValue("id"), Grace: grace})
	if err != nil {
		return answered{}, err
	}
	view := viewOfKey(k)
	view.Secret = secret.Reveal()
	return answered{body: view, version: k.Version}, nil
}
