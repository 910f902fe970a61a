package extproc

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// modelEntry is a model in OpenAI's list shape, with the targets that serve it.
// Source: OpenAI API reference, "List models".
type modelEntry struct {
	ID      string   `json:"id"`
	Object  string   `json:"object"`
	Created int64    `json:"created"`
	OwnedBy string   `json:"owned_by"`
	Context int64    `json:"context_length,omitempty"`
	Served  []string `json:"providers"`
}

// models answers GET /v1/models and /v1/models/{id}: what this key may use and
// Envoy has a route for.
func (r *routing) models(e endpoint, name string) error {
	if m := string(r.head.method); m != "GET" && m != "HEAD" {
		return r.refuse(e, &llm.Problem{Kind: llm.MethodNotAllowed, Message: "Use GET for this endpoint, not " + printable(r.head.method) + "."})
	}
	var v any
	if e == oneModel {
		m, p := r.resolve(name)
		if p != nil {
			return r.refuse(e, p)
		}
		v = r.entry(m)
	} else {
		v = r.list()
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return r.refuse(e, &llm.Problem{Kind: llm.Internal, Message: "The model list could not be written.", Cause: err})
	}
	r.s.meter.Answered(e.String())
	return r.immediate(200, b.Bytes(), nil)
}

func (r *routing) list() any {
	data := make([]modelEntry, 0, len(r.view.catalog.Models))
	for _, m := range r.view.catalog.Models {
		if r.allowed(m.Name) && len(r.view.order[m.Name]) > 0 {
			data = append(data, r.entry(m))
		}
	}
	return struct {
		Object string       `json:"object"`
		Data   []modelEntry `json:"data"`
	}{"list", data}
}

func (r *routing) entry(m *catalog.Model) modelEntry {
	creator, _, _ := strings.Cut(m.Name, "/")
	e := modelEntry{ID: m.Name, Object: "model", OwnedBy: creator, Served: r.view.order[m.Name]}
	if !m.Created.IsZero() {
		e.Created = m.Created.Unix()
	}
	if e.Served == nil {
		e.Served = []string{}
	}
	for _, t := range m.Targets {
		e.Context = max(e.Context, t.Context)
	}
	return e
}

// health answers the open paths of the edge: "ok", or what is not ready.
func (r *routing) health(e endpoint) error {
	if e == readyz {
		if why := r.s.Unready(); why != "" {
			body, _ := json.Marshal(map[string]string{"status": "not ready", "reason": why}) // two strings
			return r.immediate(503, body, nil)
		}
	}
	return r.immediate(200, []byte(`{"status":"ok"}`), nil)
}
