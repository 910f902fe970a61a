package admin

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

func parseQuery(raw string) (url.Values, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, wrong("", "the query string cannot be read")
	}
	return values, nil
}

// audit lists events after one, ascending.
func (a *API) audit(r *http.Request) (answered, error) {
	given, err := parameters(r, "limit", "since")
	if err != nil {
		return answered{}, err
	}
	limit, err := limitOf(given)
	if err != nil {
		return answered{}, err
	}
	since := uint64(0)
	if text, ok := given["since"]; ok {
		if since, err = strconv.ParseUint(text, 10, 53); err != nil {
			return answered{}, wrong("since", "is not the seq of an event")
		}
	}
	events, err := a.Directory.Audit(r.Context(), since, limit+1)
	if err != nil {
		return answered{}, err
	}
	return newListing(events, limit, func(e directory.Event) (any, string, error) { return e, strconv.FormatUint(e.Seq, 10), nil })
}

func (a *API) usage(r *http.Request) (answered, error) {
	q, err := queryOf(r)
	if err != nil || a.Usage == nil {
		return answered{}, orNothing(err, "usage")
	}
	return pageOf(a.Usage.Usage(r.Context(), q))
}

func (a *API) generations(r *http.Request) (answered, error) {
	q, err := queryOf(r)
	if err != nil || a.Generations == nil {
		return answered{}, orNothing(err, "generations")
	}
	return pageOf(a.Generations.Generations(r.Context(), q))
}

func orNothing(err error, what string) error {
	if err != nil {
		return err
	}
	return problem{status: http.StatusNotFound, kind: notFound, message: "this process keeps no " + what}
}

func pageOf(p Page, err error) (answered, error) {
	if err != nil {
		return answered{}, err
	}
	out := listing{Data: make([]any, len(p.Data)), Next: p.Next}
	for i, d := range p.Data {
		out.Data[i] = d
	}
	return answered{body: out}, nil
}

// rotationSchema is the JSON Schema of a rotation's body.
const rotationSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "rotation",
  "description": "A new secret for a key.",
  "type": "object",
  "properties": {
    "grace": {"type": "string", "default": "0s", "description": "How long the former secret stays good, such as 24h, 2160h at most."}
  },
  "additionalProperties": false
}`

// schemas are the JSON Schemas of bodies by method and path. A patch has the
// fields of what it changes, none of them required, and null removes one.
func schemas() map[string]json.RawMessage {
	whole := map[string][]byte{
		"POST " + apiRoot + "keys": catalog.KeySchema(), "POST " + apiRoot + "tenants": catalog.TenantSchema(), "POST " + apiRoot + "budgets": catalog.BudgetSchema(),
		"POST " + apiRoot + "credentials": []byte(ownSchema), "POST " + apiRoot + "keys/{id}/rotate": []byte(rotationSchema),
	}
	out := map[string]json.RawMessage{}
	for pattern, schema := range whole {
		out[pattern] = schema
	}
	for pattern, schema := range map[string][]byte{
		"keys/{id}": catalog.KeySchema(), "tenants/{name}": catalog.TenantSchema(), "budgets/{name}": catalog.BudgetSchema(),
		"credentials/{tenant}/{provider}": []byte(ownSchema),
	} {
		if text, err := patchSchema(schema); err == nil { // the schemas are ours
			out["PATCH "+apiRoot+pattern] = text
		}
	}
	return out
}

// patchSchema is the schema of a merge patch.
func patchSchema(schema []byte) ([]byte, error) {
	var doc map[string]any
	if err := json.Unmarshal(schema, &doc); err != nil {
		return nil, err
	}
	delete(doc, "required")
	properties, _ := doc["properties"].(map[string]any)
	for name, p := range properties {
		properties[name] = map[string]any{"anyOf": []any{p, map[string]any{"type": "null"}}}
	}
	return json.Marshal(doc)
}
