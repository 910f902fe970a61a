package members

import (
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// Fields reads the members of a request into typed fields; the first member of
// a wrong kind becomes the problem. null is as good as absent.
type Fields struct {
	Problem *llm.Problem
	// Dots numbers the elements of paths as in a.0.b, as Anthropic does; else as
	// in a[0].b.
	Dots bool
}

// Wrong notes a member that is not what it must be.
func (f *Fields) Wrong(path, want string) {
	if f.Problem == nil {
		f.Problem = dialect.Invalid(path, path+" must be "+want)
	}
}

// Text reads a string; null is "".
func (f *Fields) Text(path string, raw []byte) string {
	if scan.IsNull(raw) {
		return ""
	}
	s, ok := scan.Text(raw)
	if !ok {
		f.Wrong(path, "a string")
	}
	return s
}

// OptText reads an optional string.
func (f *Fields) OptText(path string, raw []byte) llm.Opt[string] {
	if scan.IsNull(raw) {
		return llm.Opt[string]{}
	}
	return llm.Some(f.Text(path, raw))
}

// Number reads an optional number.
func (f *Fields) Number(path string, raw []byte) llm.Opt[float64] {
	if scan.IsNull(raw) {
		return llm.Opt[float64]{}
	}
	n, ok := scan.Float(raw)
	if !ok {
		f.Wrong(path, "a number")
	}
	return llm.Some(n)
}

// Integer reads an optional integer.
func (f *Fields) Integer(path string, raw []byte) llm.Opt[int64] {
	if scan.IsNull(raw) {
		return llm.Opt[int64]{}
	}
	n, ok := scan.Int(raw)
	if !ok {
		f.Wrong(path, "an integer")
	}
	return llm.Some(n)
}

// Truth reads an optional true or false.
func (f *Fields) Truth(path string, raw []byte) llm.Opt[bool] {
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
func (f *Fields) Within(path string, raw []byte, low, high int64) llm.Opt[int64] {
	n := f.Integer(path, raw)
	if v, ok := n.Get(); ok && f.Problem == nil && (v < low || v > high) {
		f.Problem = Outside(path, low, high)
	}
	return n
}

// Object walks an Object's members; null has none.
func (f *Fields) Object(path string, raw []byte, visit func(key string, value []byte)) {
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
func (f *Fields) Array(path string, raw []byte, visit func(path string, value []byte)) {
	w := scan.Over(raw)
	if !w.Array() {
		if !scan.IsNull(raw) {
			f.Wrong(path, "an array")
		}
		return
	}
	for i := 0; w.Element(); i++ {
		visit(f.At(path, i), w.Value())
	}
}

// At is the path of an element.
func (f *Fields) At(path string, i int) string {
	if f.Dots {
		return path + "." + strconv.Itoa(i)
	}
	return path + "[" + strconv.Itoa(i) + "]"
}

// Outside is the problem of an integer out of bounds.
func Outside(name string, low, high int64) *llm.Problem {
	return dialect.Invalid(name, name+" must be an integer from "+strconv.FormatInt(low, 10)+" to "+strconv.FormatInt(high, 10))
}
