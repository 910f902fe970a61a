package responses

import (
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// fields reads the members of a request into typed fields; the first member of
// a wrong kind becomes the problem. null is as good as absent.
type fields struct{ problem *llm.Problem }

func (f *fields) wrong(path, want string) {
	if f.problem == nil {
		f.problem = invalid(path, path+" must be "+want)
	}
}

func (f *fields) text(path string, raw []byte) string {
	if scan.IsNull(raw) {
		return ""
	}
	s, ok := scan.Text(raw)
	if !ok {
		f.wrong(path, "a string")
	}
	return s
}

func (f *fields) optText(path string, raw []byte) llm.Opt[string] {
	if scan.IsNull(raw) {
		return llm.Opt[string]{}
	}
	return llm.Some(f.text(path, raw))
}

func (f *fields) number(path string, raw []byte) llm.Opt[float64] {
	if scan.IsNull(raw) {
		return llm.Opt[float64]{}
	}
	n, ok := scan.Float(raw)
	if !ok {
		f.wrong(path, "a number")
	}
	return llm.Some(n)
}

func (f *fields) integer(path string, raw []byte) llm.Opt[int64] {
	if scan.IsNull(raw) {
		return llm.Opt[int64]{}
	}
	n, ok := scan.Int(raw)
	if !ok {
		f.wrong(path, "an integer")
	}
	return llm.Some(n)
}

func (f *fields) truth(path string, raw []byte) llm.Opt[bool] {
	if scan.IsNull(raw) {
		return llm.Opt[bool]{}
	}
	v, ok := scan.Truth(raw)
	if !ok {
		f.wrong(path, "true or false")
	}
	return llm.Some(v)
}

// object walks an object's members; null has none.
func (f *fields) object(path string, raw []byte, visit func(key string, value []byte)) {
	w := scan.Over(raw)
	if !w.Object() {
		if !scan.IsNull(raw) {
			f.wrong(path, "an object")
		}
		return
	}
	for w.Member() {
		visit(string(w.Key()), w.Value())
	}
}

// array walks an array's elements; null has none.
func (f *fields) array(path string, raw []byte, visit func(path string, value []byte)) {
	w := scan.Over(raw)
	if !w.Array() {
		if !scan.IsNull(raw) {
			f.wrong(path, "an array")
		}
		return
	}
	for i := 0; w.Element(); i++ {
		visit(path+"["+strconv.Itoa(i)+"]", w.Value())
	}
}

// isEmpty tells whether a value says nothing: null or an array or object
// without elements. Clients copy such members out of answers.
func isEmpty(raw []byte) bool {
	w := scan.Over(raw)
	switch scan.KindOf(raw) {
	case scan.Array:
		return w.Array() && !w.Element()
	case scan.Object:
		return w.Object() && !w.Member()
	}
	return scan.IsNull(raw)
}
