package openai

import (
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

func outside(name string, low, high int64) *llm.Problem {
	return invalid(name, name+" must be an integer from "+strconv.FormatInt(low, 10)+" to "+strconv.FormatInt(high, 10))
}

// fields reads the members of a request into typed fields; the first member of
// a wrong kind becomes the problem. null is as good as absent.
type fields struct{ problem *llm.Problem }

func (f *fields) Wrong(path, want string) {
	if f.problem == nil {
		f.problem = invalid(path, path+" must be "+want)
	}
}

func (f *fields) Text(path string, raw []byte) string {
	if scan.IsNull(raw) {
		return ""
	}
	s, ok := scan.Text(raw)
	if !ok {
		f.Wrong(path, "a string")
	}
	return s
}

func (f *fields) OptText(path string, raw []byte) llm.Opt[string] {
	if scan.IsNull(raw) {
		return llm.Opt[string]{}
	}
	return llm.Some(f.Text(path, raw))
}

func (f *fields) Number(path string, raw []byte) llm.Opt[float64] {
	if scan.IsNull(raw) {
		return llm.Opt[float64]{}
	}
	n, ok := scan.Float(raw)
	if !ok {
		f.Wrong(path, "a number")
	}
	return llm.Some(n)
}

func (f *fields) Integer(path string, raw []byte) llm.Opt[int64] {
	if scan.IsNull(raw) {
		return llm.Opt[int64]{}
	}
	n, ok := scan.Int(raw)
	if !ok {
		f.Wrong(path, "an integer")
	}
	return llm.Some(n)
}

func (f *fields) Truth(path string, raw []byte) llm.Opt[bool] {
	if scan.IsNull(raw) {
		return llm.Opt[bool]{}
	}
	v, ok := scan.Truth(raw)
	if !ok {
		f.Wrong(path, "true or false")
	}
	return llm.Some(v)
}

// Within reads an optional integer with bounds.
func (f *fields) Within(path string, raw []byte, low, high int64) llm.Opt[int64] {
	n := f.Integer(path, raw)
	if v, ok := n.Get(); ok && f.problem == nil && (v < low || v > high) {
		f.problem = outside(path, low, high)
	}
	return n
}

// Object walks an Object's members; null has none.
func (f *fields) Object(path string, raw []byte, visit func(key string, value []byte)) {
	w := scan.Over(raw)
	if !w.Object() {
		if !scan.IsNull(raw) {
			f.Wrong(path, "an object")
		}
		return
	}
	for w.Member() {
		visit(string(w.Key()), w.Value())
	}
}

// Array walks an Array's elements; null has none.
func (f *fields) Array(path string, raw []byte, visit func(path string, value []byte)) {
	w := scan.Over(raw)
	if !w.Array() {
		if !scan.IsNull(raw) {
			f.Wrong(path, "an array")
		}
		return
	}
	for i := 0; w.Element(); i++ {
		visit(path+"["+strconv.Itoa(i)+"]", w.Value())
	}
}
