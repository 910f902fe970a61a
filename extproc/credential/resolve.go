package credential

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// MaxSize is the largest secret that is read, in bytes.
const MaxSize = 64 << 10

// Env looks up environment variables, as os.LookupEnv does.
type Env = func(name string) (value string, ok bool)

// What can be wrong with what a reference names. Errors of Resolve wrap one of
// these, or the operating system's.
var (
	ErrNotSet   = errors.New("is not set")
	ErrEmpty    = errors.New("is empty")
	ErrTooLarge = fmt.Errorf("is larger than %d bytes, which no key is", MaxSize)
	ErrNoFile   = errors.New("is not a regular file")
	// ErrGarbled: between its first and last character a key has no spaces,
	// line breaks or other characters that a header cannot carry.
	ErrGarbled = errors.New("holds spaces, line breaks or characters that no key has; it must hold the key and nothing else")
	ErrScheme  = errors.New("is not a kind of reference that is read; write env:NAME or file:PATH")
)

// Resolve reads the secret that a reference names, without the space around
// it. The zero reference gives the zero Secret. Errors begin with the
// reference and hold nothing of what was read.
func Resolve(ctx context.Context, ref catalog.Reference, env Env) (Secret, error) {
	if err := ctx.Err(); err != nil {
		return Secret{}, fmt.Errorf("%s is not read: %w", shown(ref), err)
	}
	return resolve(ref, env)
}

func resolve(ref catalog.Reference, env Env) (Secret, error) {
	if ref == (catalog.Reference{}) {
		return Secret{}, nil
	}
	value, err := read(ref, env)
	if err != nil {
		return Secret{}, fmt.Errorf("%s %w", shown(ref), err)
	}
	return value, nil
}

// shown is the reference for a message. What is written after env: by mistake
// may be the key itself, which is never all capitals.
func shown(ref catalog.Reference) string {
	if ref.Scheme == catalog.SchemeEnv && ref.Name != strings.ToUpper(ref.Name) {
		return "the environment variable of the reference"
	}
	return ref.String()
}

func read(ref catalog.Reference, env Env) (Secret, error) {
	switch ref.Scheme {
	case catalog.SchemeEnv:
		value, ok := env(ref.Name)
		if !ok {
			return Secret{}, ErrNotSet
		}
		return key([]byte(value))
	case catalog.SchemeFile:
		value, err := readFile(ref.Name)
		if err != nil {
			return Secret{}, err
		}
		return key(value)
	default:
		return Secret{}, ErrScheme
	}
}

// readFile reads a regular file: opening a pipe would wait for a writer.
func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, unread(err)
	}
	if !info.Mode().IsRegular() {
		return nil, ErrNoFile
	}
	f, err := os.Open(name) // the operator named it in the catalog
	if err != nil {
		return nil, unread(err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	value, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, unread(err)
	}
	return value, nil
}

// unread drops the path from the operating system's error: the reference
// before it has it.
func unread(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("cannot be read: %w", err)
}

// key checks that value can be one: visible ASCII, RFC 9110 field content
// without spaces.
func key(value []byte) (Secret, error) {
	if len(value) > MaxSize {
		return Secret{}, ErrTooLarge
	}
	value = bytes.TrimSpace(bytes.TrimPrefix(value, []byte("\xef\xbb\xbf"))) // editors' byte order mark
	if len(value) == 0 {
		return Secret{}, ErrEmpty
	}
	for _, c := range value {
		if c <= ' ' || c >= 0x7f {
			return Secret{}, ErrGarbled
		}
	}
	return NewSecret(string(value)), nil
}
