package credential

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// ErrLines is ResolveLines's for what no line of text has.
var ErrLines = errors.New("holds characters other than visible ASCII, spaces and line breaks")

// ResolveLines reads the secret lines, such as headers, that a reference names,
// without the space around them. The zero reference gives the zero Secret.
// Errors are as Resolve's.
func ResolveLines(ctx context.Context, ref catalog.Reference, env Env) (Secret, error) {
	if err := ctx.Err(); err != nil {
		return Secret{}, fmt.Errorf("%s is not read: %w", shown(ref), err)
	}
	if ref == (catalog.Reference{}) {
		return Secret{}, nil
	}
	value, err := readLines(ref, env)
	if err != nil {
		return Secret{}, fmt.Errorf("%s %w", shown(ref), err)
	}
	return NewSecret(string(value)), nil
}

func readLines(ref catalog.Reference, env Env) (value []byte, err error) {
	switch ref.Scheme {
	case catalog.SchemeEnv:
		text, ok := env(ref.Name)
		if !ok {
			return nil, ErrNotSet
		}
		value = []byte(text)
	case catalog.SchemeFile:
		if value, err = readFile(ref.Name); err != nil {
			return nil, err
		}
	default:
		return nil, ErrScheme
	}
	if len(value) > MaxSize {
		return nil, ErrTooLarge
	}
	value = bytes.TrimSpace(bytes.TrimPrefix(value, []byte("\xef\xbb\xbf"))) // editors' byte order mark
	if len(value) == 0 {
		return nil, ErrEmpty
	}
	for _, c := range value {
		if c != '\n' && c != '\r' && c != '\t' && (c < ' ' || c >= 0x7f) {
			return nil, ErrLines
		}
	}
	return value, nil
}
