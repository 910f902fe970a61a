package catalog

import (
	"encoding/json"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// The shapes of what the admin API takes where the catalog has a mapping by
// name, or more than an operator may write.

type keyBody struct {
	Name    string   `json:"name" eg:"name: ci" jsonschema_description:"Name of the key in logs and figures."`
	Tenant  string   `json:"tenant,omitempty" jsonschema_description:"Tenant that the key belongs to."`
	Models  []string `json:"models,omitempty" jsonschema_description:"Public names the key may use, * stands for any text. None given: all."`
	Tags    []string `json:"tags,omitempty" jsonschema:"maxItems=10" jsonschema_description:"Tags of every request made with the key."`
	Expires *moment  `json:"expires,omitempty" jsonschema_description:"When the key ends to be good: a day, from whose beginning (UTC) it is refused, or a moment. Never, if not given."`
}

type tenantBody struct {
	Name      string   `json:"name" eg:"name: acme" jsonschema_description:"Name of the tenant."`
	Tags      []string `json:"tags,omitempty" jsonschema:"maxItems=10" jsonschema_description:"Tags of every request of the tenant."`
	Models    []string `json:"models,omitempty" jsonschema_description:"Public names the tenant may use, * stands for any text. None given: all."`
	Suspended bool     `json:"suspended,omitempty" jsonschema:"default=false" jsonschema_description:"Refuse all requests of the tenant."`
}

// ParseKey reads what may be said of a key, from JSON: name, tenant, models,
// tags and expires, checked as in the catalog. The Key has no hash. The error
// is Errors.
func ParseKey(data []byte) (Key, error) {
	return parseBody(data, func(r *report, e *keyBody) Key { return r.key("", *e, oneOf("key")) })
}

// ParseTenant reads a tenant from JSON, as the catalog has it but with its name
// in a field. The error is Errors.
func ParseTenant(data []byte) (Tenant, error) {
	return parseBody(data, func(r *report, e *tenantBody) Tenant {
		r.name("name", e.Name, oneOf("tenant"))
		return r.tenant("", e.Name, tenantEntry{e.Tags, e.Models, e.Suspended})
	})
}

// ParseBudget reads a budget from JSON, as the catalog has it. Whether its
// shares fit a store, Budget.Fits tells. The error is Errors.
func ParseBudget(data []byte) (Budget, error) {
	return parseBody(data, func(r *report, e *budgetEntry) Budget { return r.budget("", e, oneOf("budget")) })
}

// bodyName is the file's name in errors of what is no file.
const bodyName = "JSON"

func parseBody[E, T any](data []byte, compile func(*report, *E) T) (T, error) {
	r, e := newReport(bodyName), new(E)
	root := jsonTree(data, r)
	var out T
	if root != nil {
		decodeTree(root, e, r)
	}
	if _, ok := root.(*ast.MappingNode); ok {
		out = compile(r, e)
	}
	if err := r.err(); err != nil {
		var none T
		return none, err
	}
	return out, nil
}

// Fits checks that the store has the regions that the budget's shares name. The
// error is Errors.
func (b Budget) Fits(s Store) error {
	r := newReport(bodyName)
	r.divided("shares", b.Shares, s)
	return r.err()
}

// JSON is what ParseKey reads: all of the key but its hash.
func (k Key) JSON() []byte {
	out := struct {
		Name    string   `json:"name"`
		Tenant  string   `json:"tenant,omitempty"`
		Models  []string `json:"models,omitempty"`
		Tags    []string `json:"tags,omitempty"`
		Expires string   `json:"expires,omitempty"`
	}{Name: k.Name, Tenant: k.Tenant, Models: k.Models, Tags: k.Tags}
	if !k.Expires.IsZero() {
		out.Expires = k.Expires.UTC().Format(time.RFC3339Nano)
	}
	return encoded(out)
}

// JSON is what ParseTenant reads.
func (t Tenant) JSON() []byte { return encoded(tenantBody(t)) }

// JSON is what ParseBudget reads, with its defaults written out.
func (b Budget) JSON() []byte {
	out := struct {
		Name    string         `json:"name"`
		Keys    []string       `json:"keys,omitempty"`
		Tenants []string       `json:"tenants,omitempty"`
		Models  []string       `json:"models,omitempty"`
		Tags    []string       `json:"tags,omitempty"`
		Each    []string       `json:"each,omitempty"`
		Per     string         `json:"per,omitempty"`
		Money   string         `json:"money,omitempty"`
		Request *int64         `json:"requests,omitempty"`
		Tokens  *int64         `json:"tokens,omitempty"`
		Input   *int64         `json:"input_tokens,omitempty"`
		Output  *int64         `json:"output_tokens,omitempty"`
		At      *int64         `json:"concurrent,omitempty"`
		Soft    []int          `json:"soft"`
		Shares  map[string]int `json:"shares,omitempty"`
		Away    map[string]any `json:"away,omitempty"`
	}{
		Name: b.Name, Keys: b.Keys, Tenants: b.Tenants, Models: b.Models, Tags: b.Tags,
		Each: b.Each, Per: b.Per, Soft: append([]int{}, b.Soft...), Shares: b.Shares,
	}
	counts := map[string]**int64{UnitRequests: &out.Request, UnitTokens: &out.Tokens, UnitInput: &out.Input, UnitOutput: &out.Output, UnitConcurrent: &out.At}
	for i := range b.Limits {
		l := &b.Limits[i]
		var away any = l.Away
		if into := counts[l.Unit]; into != nil {
			*into = &l.Amount
		} else {
			out.Money, away = dollars(l.Amount), dollars(l.Away)
		}
		if l.Away != 0 {
			if out.Away == nil {
				out.Away = map[string]any{}
			}
			out.Away[l.Unit] = away
		}
	}
	return encoded(out)
}

func dollars(nano int64) string { return "$" + llm.NanoUSD(nano).String() }

// encoded is JSON of plain values, which always marshal.
func encoded(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return text
}
