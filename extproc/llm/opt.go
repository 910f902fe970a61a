package llm

import "strings"

// Opt is a value that may be absent. The zero Opt is absent.
type Opt[T comparable] struct {
	v   T
	set bool
}

// Some is a value that is present.
func Some[T comparable](v T) Opt[T] { return Opt[T]{v, true} }

// Get returns the value and whether it is present.
func (o Opt[T]) Get() (T, bool) { return o.v, o.set }

// Set tells whether the value is present.
func (o Opt[T]) Set() bool { return o.set }

// Or returns the value, or absent if there is none.
func (o Opt[T]) Or(absent T) T {
	if o.set {
		return o.v
	}
	return absent
}

// Else is the value if there is one, else other.
func (o Opt[T]) Else(other Opt[T]) Opt[T] {
	if o.set {
		return o
	}
	return other
}

// Equal tells whether both are absent or hold the same value.
func (o Opt[T]) Equal(other Opt[T]) bool { return o == other }

// Raw is the text of one JSON value.
type Raw []byte

// Extra is something that one dialect says and the neutral model does not:
// encoders of that dialect write it back, all others drop it and say so.
type Extra struct {
	Dialect Dialect
	// Name is the member's name, or a path of names ("choice/logprobs") by the
	// dialect's own convention.
	Name  string
	Value Raw
}

// Path is Name as the JSON paths that name what is dropped.
func (x *Extra) Path() string { return strings.ReplaceAll(x.Name, "/", ".") }

// Extras keep the order in which they were read.
type Extras []Extra

// Get returns the first extra of that dialect and name, or nil.
func (x Extras) Get(d Dialect, name string) Raw {
	for i := range x {
		if x[i].Dialect == d && x[i].Name == name {
			return x[i].Value
		}
	}
	return nil
}

// Member is a named raw value of no particular dialect.
type Member struct {
	Name  string
	Value Raw
}
