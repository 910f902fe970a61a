package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is one thing that is wrong with a source. Message says what is wrong
// and, after a semicolon, what would be right; it never holds a secret.
type Error struct {
	File      string
	Line, Col int    // from 1, in characters
	Field     string // such as providers.openai.base_url; "" = the whole file
	Message   string
}

// Error is "file:line:col: field: message".
func (e Error) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s", e.File, e.Line, e.Col, e.Field, e.Message)
}

// Errors is everything that is wrong with a source, sorted by line.
type Errors []Error

// Error has one line per error.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// maxErrors bounds a report; what goes beyond it is counted.
const maxErrors = 1000

// place is where something stands in the source.
type place struct{ line, col int }

// report collects the errors of one source. It belongs to one Parse.
type report struct {
	file   string
	at     map[string]place // of the value of every field that the source gives
	named  map[string]place // of the field's name
	failed map[string]bool
	errs   Errors
	more   int
}

func newReport(file string) *report {
	return &report{file: file, at: map[string]place{}, named: map[string]place{}, failed: map[string]bool{}}
}

// fail reports a field, where it stands or, if it is absent, where the nearest
// field around it does. The first error of a field is the only one: what
// follows from it would say nothing new.
func (r *report) fail(field, wrong, right string) {
	r.failAt(r.find(field), field, wrong+"; "+right)
}

// failName is fail for what is wrong with a field's name, not its value.
func (r *report) failName(field, wrong, right string) {
	at, ok := r.named[field]
	if !ok {
		at = r.find(field)
	}
	r.failAt(at, field, wrong+"; "+right)
}

func (r *report) failAt(at place, field, message string) {
	if field != "" && r.failed[field] {
		return
	}
	if len(r.errs) >= maxErrors {
		r.more++
		return
	}
	if field != "" {
		r.failed[field] = true
	}
	r.errs = append(r.errs, Error{File: r.file, Line: at.line, Col: at.col, Field: field, Message: message})
}

// given tells whether the source has that field.
func (r *report) given(field string) bool {
	_, ok := r.at[field]
	return ok
}

func (r *report) find(field string) place {
	for field != "" {
		if at, ok := r.at[field]; ok {
			return at
		}
		field = field[:max(strings.LastIndexAny(field, ".["), 0)]
	}
	return place{1, 1}
}

// err is nil or the sorted Errors.
func (r *report) err() error {
	if len(r.errs) == 0 {
		return nil
	}
	slices.SortStableFunc(r.errs, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col), cmp.Compare(a.Field, b.Field))
	})
	if r.more > 0 {
		last := r.errs[len(r.errs)-1]
		last.Field = ""
		last.Message = fmt.Sprintf("%d more errors are not shown; mend these first", r.more)
		r.errs = append(r.errs, last)
	}
	return r.errs
}

// before orders two fields as the source does.
func (r *report) before(a, b string) int {
	x, y := r.at[a], r.at[b]
	return cmp.Or(cmp.Compare(x.line, y.line), cmp.Compare(x.col, y.col), cmp.Compare(a, b))
}
