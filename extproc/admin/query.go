package admin

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
)

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// parameters reads a query string strictly: each parameter is known and given
// once.
func parameters(r *http.Request, known ...string) (map[string]string, error) {
	values, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(values))
	for _, name := range sortedNames(values) {
		switch list := values[name]; {
		case !slices.Contains(known, name):
			p := unknownField(name, known)
			p.message = strings.Replace(p.message, "field", "parameter", 1)
			return nil, p
		case len(list) != 1:
			return nil, wrong(name, "the parameter is given twice")
		case len(list[0]) > 512 || strings.ContainsFunc(list[0], unicode.IsControl):
			return nil, wrong(name, "the parameter is too long or has control characters")
		default:
			out[name] = list[0]
		}
	}
	return out, nil
}

func limitOf(given map[string]string) (int, error) {
	text, ok := given["limit"]
	if !ok {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		return 0, wrong("limit", "is not a number from 1 to "+strconv.Itoa(maxLimit))
	}
	return n, nil
}

// momentOf reads a day (its beginning, UTC) or a time of RFC 3339.
func momentOf(given map[string]string, name string) (time.Time, error) {
	text, ok := given[name]
	if !ok {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, wrong(name, "is no time; write 2027-01-31 or 2027-01-31T12:00:00Z")
}

func queryOf(r *http.Request) (q Query, err error) {
	given, err := parameters(r, "after", "by", "from", "key", "limit", "model", "provider", "tag", "tenant", "to")
	if err != nil {
		return q, err
	}
	q = Query{
		Key: given["key"], Tenant: given["tenant"], Model: given["model"], Provider: given["provider"], Tag: given["tag"],
		By: given["by"], After: given["after"],
	}
	if q.Limit, err = limitOf(given); err != nil {
		return q, err
	}
	if q.From, err = momentOf(given, "from"); err != nil {
		return q, err
	}
	if q.To, err = momentOf(given, "to"); err != nil {
		return q, err
	}
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		return q, wrong("to", "is not after from")
	}
	return q, nil
}
