package scan

import "strconv"

// Depth is how many arrays and objects may enclose each other.
const Depth = 200

// Error says where a text stops being what was expected.
type Error struct {
	Offset int    // in bytes from the start of the text
	Text   string // what was expected or is wrong
	// Name is the guarded member at fault, "" for errors of syntax.
	Name string
}

// Error gives the offset and the text.
func (e *Error) Error() string { return "byte " + strconv.Itoa(e.Offset) + ": " + e.Text }

// Span is a half-open range of bytes of a text.
type Span struct{ From, To int }

// Walk passes once over a JSON text. The first error stops it: from then on
// Member and Element return false, Value returns nil and Err tells.
//
//	w := scan.Over(body)
//	if w.Object() {
//		for w.Member() {
//			switch string(w.Key()) {
//			case "model":
//				model = w.Value()
//			}
//		}
//	}
//	err := w.End()
//
// A value that the caller neither takes nor enters is validated and passed
// over. Loops over Member and Element run until they return false: that is
// what leaves the object or array.
type Walk struct {
	text    []byte
	pos     int
	depth   int
	keyFrom int
	key     []byte
	scratch []byte
	fresh   bool // just behind { or [
	pending bool // in front of a value that nobody has taken yet
	err     *Error
}

// Over starts a walk in front of the text's value.
func Over(text []byte) Walk {
	w := Walk{text: text, pending: true}
	if len(text) >= 3 && text[0] == 0xEF && text[1] == 0xBB && text[2] == 0xBF {
		w.fail(0, "expected a JSON value, found a byte order mark")
	}
	w.space()
	return w
}

// Kind is the kind of the value in front of the walk, by its first byte.
func (w *Walk) Kind() Kind {
	if w.err != nil || !w.pending {
		return None
	}
	return KindOf(w.text[w.pos:])
}

// Pos is the offset of the value in front of the walk, or of the byte behind
// the value last taken.
func (w *Walk) Pos() int { return w.pos }

// Key is the decoded name of the current member, valid until the next call of
// Member.
func (w *Walk) Key() []byte { return w.key }

// KeyFrom is the offset of the current member's name.
func (w *Walk) KeyFrom() int { return w.keyFrom }

// Err is the error that stopped the walk, or nil.
func (w *Walk) Err() *Error { return w.err }

// Object enters the object in front of the walk; false if there is none.
func (w *Walk) Object() bool { return w.enter('{') }

// Array enters the array in front of the walk; false if there is none.
func (w *Walk) Array() bool { return w.enter('[') }

func (w *Walk) enter(open byte) bool {
	if w.err != nil || !w.pending || w.peek() != open {
		return false
	}
	if w.depth++; w.depth > Depth {
		w.tooDeep()
		return false
	}
	w.pos++
	w.space()
	w.fresh, w.pending = true, false
	return true
}

// Member goes to the next member's value; false behind the last one, which
// also leaves the object.
func (w *Walk) Member() bool {
	if !w.advance('}', "expected ',' or '}' after a member") {
		return false
	}
	if w.peek() != '"' {
		w.fail(w.pos, "expected a member name in double quotes")
		return false
	}
	w.keyFrom = w.pos
	escaped := w.quoted()
	if w.err != nil {
		return false
	}
	if w.key = w.text[w.keyFrom+1 : w.pos-1]; escaped {
		w.scratch = AppendText(w.scratch[:0], w.text[w.keyFrom:w.pos])
		w.key = w.scratch
	}
	w.colon()
	w.pending = w.err == nil
	return w.pending
}

// Element goes to the next element; false behind the last one, which also
// leaves the array.
func (w *Walk) Element() bool {
	if !w.advance(']', "expected ',' or ']' after an element") {
		return false
	}
	w.pending = true
	return true
}

// advance passes the value nobody took and the comma before the next one.
func (w *Walk) advance(end byte, want string) bool {
	if w.pending {
		w.Value()
	}
	if w.err != nil {
		return false
	}
	w.space()
	switch c := w.peek(); {
	case c == end && w.pos < len(w.text):
		w.pos++
		w.depth--
		w.fresh, w.pending = false, false
		return false
	case w.fresh:
		w.fresh = false
		return true
	case c == ',':
		w.pos++
		w.space()
		return true
	}
	w.fail(w.pos, want)
	return false
}

// Value takes the value in front of the walk and returns its text.
func (w *Walk) Value() []byte {
	if w.err != nil || !w.pending {
		return nil
	}
	from := w.pos
	w.value()
	w.pending, w.fresh = false, false
	if w.err != nil {
		return nil
	}
	return w.text[from:w.pos]
}

// End passes what is left of the text and returns the walk's error.
func (w *Walk) End() *Error {
	if w.pending {
		w.Value()
	}
	if w.err == nil {
		if w.space(); w.pos < len(w.text) {
			w.fail(w.pos, "expected the end of the text")
		}
	}
	return w.err
}

// Validate passes over the whole text and returns its first error.
func Validate(text []byte) *Error {
	w := Over(text)
	return w.End()
}

// peek is the byte in front of the walk, 0 at the end.
func (w *Walk) peek() byte {
	if w.pos < len(w.text) {
		return w.text[w.pos]
	}
	return 0
}

func (w *Walk) space() {
	for w.pos < len(w.text) {
		switch w.text[w.pos] {
		case ' ', '\t', '\n', '\r':
			w.pos++
		default:
			return
		}
	}
}

func (w *Walk) colon() {
	if w.space(); w.peek() != ':' {
		w.fail(w.pos, "expected ':' after a member name")
		return
	}
	w.pos++
	w.space()
}

func (w *Walk) fail(at int, text string) {
	if w.err == nil {
		w.err = &Error{Offset: at, Text: text}
	}
}

func (w *Walk) tooDeep() {
	w.fail(w.pos, "nesting is deeper than "+strconv.Itoa(Depth)+" levels")
}
