package admin

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// patched is a resource with a body's merge patch (RFC 7396) in it: null
// removes a field. Fields are those of the resource's schema; the name stays.
func patched(r *http.Request, now, schema []byte) ([]byte, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	var was, patch map[string]json.RawMessage
	if err := json.Unmarshal(now, &was); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, &patch); err != nil {
		return nil, wrong("", "the body is not JSON")
	}
	known := fieldsOf(schema)
	for _, name := range sortedNames(patch) {
		if !slices.Contains(known, name) {
			return nil, unknownField(name, known)
		}
	}
	if name, given := patch["name"]; given && !bytes.Equal(name, was["name"]) {
		return nil, wrong("name", "cannot be changed; make another one")
	}
	return json.Marshal(merged(was, patch))
}

func merged(was, patch map[string]json.RawMessage) map[string]json.RawMessage {
	for name, value := range patch {
		var inner, below map[string]json.RawMessage
		switch {
		case string(value) == "null":
			delete(was, name)
			continue
		case json.Unmarshal(value, &inner) == nil:
			if json.Unmarshal(was[name], &below) != nil || below == nil {
				below = map[string]json.RawMessage{}
			}
			below = merged(below, inner)
			if len(below) == 0 && len(inner) > 0 {
				delete(was, name) // the patch took all of it
				continue
			}
			if text, err := json.Marshal(below); err == nil { // what was unmarshalled marshals
				value = text
			}
		}
		was[name] = value
	}
	return was
}

// fieldsOf are the fields of a JSON Schema, sorted.
func fieldsOf(schema []byte) []string {
	var s struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if json.Unmarshal(schema, &s) != nil {
		return nil // the schema is ours
	}
	return sortedNames(s.Properties)
}

// versioned is a resource's JSON with its version.
func versioned(resource []byte, version uint64) (map[string]json.RawMessage, error) {
	var out map[string]json.RawMessage
	if err := json.Unmarshal(resource, &out); err != nil {
		return nil, err
	}
	text, err := json.Marshal(version)
	out["version"] = text
	return out, err
}

// listing is a page of a list.
type listing struct {
	Data []any  `json:"data"`
	Next string `json:"next,omitempty"` // the parameter after of the next page
}

// newListing cuts what was read, one more than limit at most, to a page.
func newListing[T any](read []T, limit int, entry func(T) (view any, name string, err error)) (answered, error) {
	out := listing{Data: []any{}}
	for i, e := range read {
		if i == limit {
			break
		}
		view, name, err := entry(e)
		if err != nil {
			return answered{}, err
		}
		out.Data = append(out.Data, view)
		if i == limit-1 && len(read) > limit {
			out.Next = name
		}
	}
	return answered{body: out}, nil
}

// span is which part of a list a request asks for.
func span(r *http.Request) (after string, limit int, err error) {
	given, err := parameters(r, "after", "limit")
	if err != nil {
		return "", 0, err
	}
	limit, err = limitOf(given)
	return given["after"], limit, err
}

// store is where the catalog says that shares are kept apart; the zero Store
// if nobody tells.
func (a *API) store() (catalog.Store, bool) {
	if a.Catalog == nil {
		return catalog.Store{}, false
	}
	return a.Catalog().Store, true
}
