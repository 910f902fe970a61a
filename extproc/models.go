package extproc

import (
	"bytes"
	"encoding/json"
	"net/url"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// offer is a model and the targets that serve it now, in the order in which
// they are tried.
type offer struct {
	*catalog.Model
	targets []catalog.Target
}

// models answers the lists of models and one model of them, in the shape that
// the client's dialect has for it: what this key may use and Envoy has a route
// for.
func (r *routing) models() error {
	if m := string(r.head.method); m != "GET" && m != "HEAD" {
		return r.refuse(&llm.Problem{Kind: llm.MethodNotAllowed, Message: "Use GET for this endpoint, not " + printable(r.head.method) + "."})
	}
	var body []byte
	var p *llm.Problem
	if r.asked.endpoint == oneModel {
		body, p = r.oneModel()
	} else {
		_, query, _ := bytes.Cut(r.head.path, []byte("?"))
		var values url.Values
		if values, p = queryOf(query); p == nil {
			body, p = appendModels(nil, r.asked.dialect, listing{r.offers(), values})
		}
	}
	if p != nil {
		return r.refuse(p)
	}
	r.s.meter.Answered(r.asked.endpoint.String())
	return r.immediate(200, body, nil)
}

func queryOf(text []byte) (url.Values, *llm.Problem) {
	values, err := url.ParseQuery(string(text))
	if err != nil {
		return nil, &llm.Problem{Kind: llm.InvalidRequest, Message: "The query of the path cannot be read.", Cause: err}
	}
	return values, nil
}

func (r *routing) oneModel() ([]byte, *llm.Problem) {
	m, p := r.resolve(r.asked.model)
	if p != nil {
		return nil, p
	}
	return appendModel(nil, r.asked.dialect, r.offer(m)), nil
}

// offers are the models of this client, by name.
func (r *routing) offers() []offer {
	offers := make([]offer, 0, len(r.view.catalog.Models))
	for _, m := range r.view.catalog.Models {
		if !r.allowed(m.Name) {
			continue
		}
		if o := r.offer(m); len(o.targets) > 0 {
			offers = append(offers, o)
		}
	}
	return offers
}

func (r *routing) offer(m *catalog.Model) offer {
	o := offer{Model: m}
	for _, provider := range r.view.order[m.Name] {
		if t, ok := m.Target(provider); ok {
			o.targets = append(o.targets, t)
		}
	}
	return o
}

// context and output are the most that one of the targets takes and makes, in
// tokens; 0 = unknown.
func (o *offer) context() (most int64) {
	for i := range o.targets {
		most = max(most, o.targets[i].Context)
	}
	return most
}

func (o *offer) output() (most int64) {
	for i := range o.targets {
		most = max(most, o.targets[i].Output)
	}
	return most
}

// able is what some target can do; judged tells whether that of any is known.
func (o *offer) able() (able llm.Needs, judged bool) {
	for i := range o.targets {
		if t := &o.targets[i]; t.Judged {
			able, judged = able|t.Able, true
		}
	}
	return able, judged
}

// embeds tells whether the model makes vectors, not answers.
func (o *offer) embeds() bool {
	able, _ := o.able()
	return able.Has(llm.NeedEmbeddings)
}

// providers are the targets' names.
func (o *offer) providers() []string {
	names := make([]string, len(o.targets))
	for i := range o.targets {
		names[i] = o.targets[i].Provider.Name
	}
	return names
}

// listing is the models to list and the query that says which page of them.
type listing struct {
	offers []offer
	query  url.Values
}

// appendModels appends the list in the shape of a dialect.
func appendModels(dst []byte, d llm.Dialect, l listing) ([]byte, *llm.Problem) {
	var v any
	var p *llm.Problem
	switch d {
	case llm.Anthropic:
		v, p = anthropicList(l)
	case llm.Gemini:
		v, p = geminiList(l)
	default:
		v = openaiList(l)
	}
	if p != nil {
		return dst, p
	}
	return appendJSON(dst, v), nil
}

// appendModel appends one model in the shape of a dialect.
func appendModel(dst []byte, d llm.Dialect, o offer) []byte {
	switch d {
	case llm.Anthropic:
		return appendJSON(dst, anthropicModelOf(&o))
	case llm.Gemini:
		return appendJSON(dst, geminiModelOf(&o))
	default:
		return appendJSON(dst, openaiModelOf(&o))
	}
}

// appendJSON writes a value that always marshals: strings and numbers.
func appendJSON(dst []byte, v any) []byte {
	b := bytes.NewBuffer(dst)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
	return b.Bytes()
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
