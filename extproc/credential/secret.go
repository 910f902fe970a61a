package credential

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Secret is a value that must not be seen. Everything that prints, logs or
// marshals gets Redacted instead. The zero Secret holds nothing.
type Secret struct {
	// A function is the one thing that printers which read unexported fields
	// by reflection, as fmt does, cannot look into: they follow pointers.
	reveal func() string
}

// Redacted stands wherever a Secret is printed.
const Redacted = "(secret)"

// NewSecret holds value; "" gives the zero Secret.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{func() string { return value }}
}

// UnmarshalText takes a copy of text, as command line flags do.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// Set tells whether the secret holds anything.
func (s Secret) Set() bool { return s.reveal != nil }

// Reveal is the secret as text, for showing it to its owner, once.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// Equal compares without telling by its time where the two differ.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// Format prints Redacted for every verb.
func (Secret) Format(f fmt.State, _ rune) { redact(f) }

// String is Redacted.
func (Secret) String() string { return Redacted }

// GoString is Redacted.
func (Secret) GoString() string { return Redacted }

// LogValue is Redacted.
func (Secret) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText gives Redacted; YAML and XML use it too.
func (Secret) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalJSON gives Redacted.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + Redacted + `"`), nil }

// Header is a request header with a secret in it.
type Header struct {
	Name  string // lower-case
	Value Value
}

// Value is a header's value. It is an ordinary byte slice where headers are
// set, shared and not to be changed, and Redacted where it is printed: by any
// verb but %p, which fmt gives no type a say in and vet refuses.
type Value []byte

// Format prints Redacted for every verb.
func (Value) Format(f fmt.State, _ rune) { redact(f) }

// String is Redacted.
func (Value) String() string { return Redacted }

// GoString is Redacted.
func (Value) GoString() string { return Redacted }

// LogValue is Redacted.
func (Value) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText gives Redacted; YAML and XML use it too.
func (Value) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalJSON gives Redacted.
func (Value) MarshalJSON() ([]byte, error) { return []byte(`"` + Redacted + `"`), nil }

func redact(f fmt.State) { _, _ = io.WriteString(f, Redacted) }
