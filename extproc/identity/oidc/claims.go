package oidc

import (
	"encoding/json"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// maxDepth is how many objects and lists of a token may enclose each other.
const maxDepth = 8

// reader builds values of a JSON text: string, json.Number, bool, nil, []any
// and map[string]any.
type reader struct {
	walk  scan.Walk
	wrong string
}

// parseObject reads a JSON object. A name that comes twice, anywhere, is a
// mistake: two readers could see two values.
func parseObject(text []byte) (object map[string]any, wrong string) {
	r := reader{walk: scan.Over(text)}
	if r.walk.Kind() != scan.Object {
		return nil, "is no JSON object"
	}
	object = r.object(1)
	if err := r.walk.End(); err != nil && r.wrong == "" {
		return nil, "is no valid JSON"
	}
	if r.wrong != "" {
		return nil, r.wrong
	}
	return object, ""
}

func (r *reader) object(depth int) map[string]any {
	out := map[string]any{}
	if depth > maxDepth {
		r.wrong = "is nested deeper than 8 levels"
		return out
	}
	for r.walk.Object(); r.walk.Member(); {
		name := string(r.walk.Key())
		if _, twice := out[name]; twice {
			r.wrong = "has a name twice"
		}
		out[name] = r.value(depth)
	}
	return out
}

func (r *reader) array(depth int) []any {
	out := []any{}
	if depth > maxDepth {
		r.wrong = "is nested deeper than 8 levels"
		return out
	}
	for r.walk.Array(); r.walk.Element(); {
		out = append(out, r.value(depth))
	}
	return out
}

func (r *reader) value(depth int) any {
	switch r.walk.Kind() {
	case scan.Object:
		return r.object(depth + 1)
	case scan.Array:
		return r.array(depth + 1)
	case scan.String:
		text, _ := scan.Text(r.walk.Value())
		return text
	case scan.Number:
		return json.Number(r.walk.Value())
	case scan.Bool:
		truth, _ := scan.Truth(r.walk.Value())
		return truth
	default:
		r.walk.Value()
		return nil
	}
}

// find gives the value of a claim. A dot leads into an object, but names may
// have dots of their own (kubernetes.io): ok is false unless exactly one
// reading leads to a value.
func find(object map[string]any, path string) (value any, ok bool) {
	value, n := readings(object, path)
	return value, n == 1
}

func readings(object map[string]any, path string) (value any, n int) {
	if v, has := object[path]; has && v != nil {
		value, n = v, 1
	}
	for i := range len(path) {
		if path[i] != '.' {
			continue
		}
		inner, isObject := object[path[:i]].(map[string]any)
		if !isObject {
			continue
		}
		v, more := readings(inner, path[i+1:])
		if more > 0 {
			value = v
		}
		n += more
	}
	return value, n
}

// text is a claim's value as names and patterns see it; false for what is
// neither text nor a whole number nor a truth value.
func text(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case json.Number:
		_, whole := scan.Int([]byte(v))
		return string(v), whole
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	}
	return "", false
}

// validPath tells whether a claim may be named so: what lies between dots is
// not empty, and there are few of them.
func validPath(path string) bool {
	return path != "" && !strings.ContainsAny(path, "{}") && strings.Count(path, ".") < maxDepth &&
		!strings.HasPrefix(path, ".") && !strings.HasSuffix(path, ".") && !strings.Contains(path, "..")
}
