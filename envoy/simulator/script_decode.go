package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// field is one member of Script as its tag names it.
type field struct {
	name  string
	index int
}

// fields is the vocabulary of scripts, sorted by name.
var fields = func() (all []field) {
	t := reflect.TypeFor[Script]()
	for i := range t.NumField() {
		all = append(all, field{t.Field(i).Tag.Get("sim"), i})
	}
	slices.SortFunc(all, func(a, b field) int { return strings.Compare(a.name, b.name) })
	return all
}()

func fieldNamed(name string) (field, bool) {
	i, ok := slices.BinarySearchFunc(fields, name, func(f field, n string) int { return strings.Compare(f.name, n) })
	if !ok {
		return field{}, false
	}
	return fields[i], true
}

// ErrUnknownField is part of the error about a field that no script has.
var ErrUnknownField = errors.New("unknown field")

func unknownField(name string) error {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return fmt.Errorf("%s: %w, known are %s", name, ErrUnknownField, strings.Join(names, ", "))
}

// ParseScript reads a script from a JSON object. Unknown and repeated fields
// are errors that begin with the field's name.
func ParseScript(data []byte) (Script, error) {
	var s Script
	seen := map[string]bool{}
	var err error
	ok := members(data, func(name string, value []byte) bool {
		if seen[name] {
			err = fmt.Errorf("%s: given twice", name)
			return false
		}
		seen[name] = true
		err = s.set(name, value)
		return err == nil
	})
	switch {
	case err != nil:
		return Script{}, err
	case !ok:
		return Script{}, errors.New("want a JSON object")
	}
	if err := s.Validate(); err != nil {
		return Script{}, err
	}
	return s, nil
}

// set gives the named field the value of a JSON text.
func (s *Script) set(name string, value []byte) error {
	f, ok := fieldNamed(name)
	if !ok {
		return unknownField(name)
	}
	target := reflect.ValueOf(s).Elem().Field(f.index)
	if target.Type() == reflect.TypeFor[time.Duration]() {
		var text string
		if json.Unmarshal(value, &text) != nil {
			return fmt.Errorf(`%s: want a duration such as "50ms"`, name)
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf(`%s: %q is no duration such as "50ms"`, name, text)
		}
		target.SetInt(int64(d))
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.DisallowUnknownFields()
	if err := dec.Decode(target.Addr().Interface()); err != nil {
		return fmt.Errorf("%s: %s is no %s", name, clip(string(value), 40), want(target))
	}
	return nil
}

// want names what a field takes, for errors.
func want(v reflect.Value) string {
	switch v.Interface().(type) {
	case Split:
		return `number of bytes or "odd"`
	case Headers:
		return "object of strings or lists of strings that make headers"
	case *Usage:
		return "object of prompt_tokens, completion_tokens, total_tokens, cached_tokens, cache_write_tokens, reasoning_tokens"
	}
	switch v.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.Int:
		return "whole number"
	}
	return "string"
}

// ParseQuery reads a script from query form: status=503&retry_after=1. A flag
// may stand without a value; headers repeat as "Name: value"; usage is JSON.
func ParseQuery(query url.Values) (Script, error) {
	var s Script
	names := make([]string, 0, len(query))
	for name := range query {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f, ok := fieldNamed(name)
		if !ok {
			return Script{}, unknownField(name)
		}
		values := query[name]
		target := reflect.ValueOf(&s).Elem().Field(f.index)
		if _, many := target.Interface().(Headers); len(values) > 1 && !many {
			return Script{}, fmt.Errorf("%s: given twice", name)
		}
		text, err := jsonText(target, values)
		if err != nil {
			return Script{}, fmt.Errorf("%s: %w", name, err)
		}
		if err := s.set(name, text); err != nil {
			return Script{}, err
		}
	}
	if err := s.Validate(); err != nil {
		return Script{}, err
	}
	return s, nil
}

// jsonText turns values of query form into the JSON text of a field.
func jsonText(target reflect.Value, values []string) ([]byte, error) {
	value := strings.ToValidUTF8(values[0], "\uFFFD")
	switch target.Interface().(type) {
	case Headers:
		h := Headers{}
		for _, line := range values {
			name, v, ok := strings.Cut(line, ":")
			if !ok {
				return nil, fmt.Errorf(`%q is no "Name: value"`, line)
			}
			h[name] = append(h[name], strings.TrimSpace(v))
		}
		return json.Marshal(h)
	case Split:
		if _, err := strconv.Atoi(value); err != nil {
			return json.Marshal(value)
		}
		return []byte(value), nil
	case time.Duration:
		return json.Marshal(value)
	}
	switch {
	case target.Kind() == reflect.String:
		return json.Marshal(value)
	case target.Kind() == reflect.Bool && value == "":
		return []byte("true"), nil
	case value == "":
		return nil, errors.New("want a value")
	}
	return []byte(value), nil
}

// MarshalJSON writes the fields that are set, sorted by name, as ParseScript
// reads them.
func (s Script) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	v := reflect.ValueOf(s)
	for _, f := range fields {
		value := v.Field(f.index)
		if value.IsZero() {
			continue
		}
		item := value.Interface()
		if d, ok := item.(time.Duration); ok {
			item = d.String()
		}
		text, err := json.Marshal(item)
		if err != nil {
			return nil, err
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(appendString(out, f.name), ':')
		out = append(out, text...)
	}
	return append(out, '}'), nil
}

// UnmarshalJSON is ParseScript.
func (s *Script) UnmarshalJSON(data []byte) (err error) {
	*s, err = ParseScript(data)
	return err
}

// over lays another script over this one: its set fields win, and of fields
// that exclude each other only its own remain.
func (s Script) over(base Script) Script {
	if names, _ := s.breakages(); len(names) > 0 {
		base.heal()
	}
	if s.sources() > 0 {
		base.Text, base.Silent, base.Echo, base.Size = "", false, false, 0
	}
	from, to := reflect.ValueOf(s), reflect.ValueOf(&base).Elem()
	for _, f := range fields {
		if v := from.Field(f.index); !v.IsZero() {
			to.Field(f.index).Set(v)
		}
	}
	return base
}

// UnmarshalJSON takes a number of bytes or "odd".
func (s *Split) UnmarshalJSON(data []byte) error {
	if string(data) == `"odd"` {
		*s = Odd
		return nil
	}
	n, err := strconv.ParseUint(string(data), 10, 31)
	*s = Split(n)
	return err
}

// MarshalJSON is the inverse of UnmarshalJSON.
func (s Split) MarshalJSON() ([]byte, error) {
	if s == Odd {
		return []byte(`"odd"`), nil
	}
	return strconv.AppendInt(nil, int64(s), 10), nil
}

// UnmarshalJSON takes a string or a list of strings for each name, and refuses
// what HTTP cannot carry (RFC 9110, section 5).
func (h *Headers) UnmarshalJSON(data []byte) error {
	raw := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	out := make(Headers, len(raw))
	for name, value := range raw {
		var one string
		var many []string
		if json.Unmarshal(value, &one) == nil {
			many = []string{one}
		} else if err := json.Unmarshal(value, &many); err != nil {
			return err
		}
		if !isToken(name) || slices.ContainsFunc(many, func(v string) bool { return strings.ContainsAny(v, "\r\n\x00") }) {
			return fmt.Errorf("%q cannot be a header", name)
		}
		key := http.CanonicalHeaderKey(name)
		out[key] = append(out[key], many...)
	}
	*h = out
	return nil
}

func isToken(name string) bool {
	if name == "" {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// clip shortens a text for an error message.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
