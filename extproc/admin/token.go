package admin

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
)

// TokenFile is the admin token's name in the state directory.
const TokenFile = "admin.token"

// minToken is the least length of a token, in bytes.
const minToken = 16

// ErrToken is what ParseToken says of a token that is none.
var ErrToken = fmt.Errorf("it has fewer than %d characters, or such as no header carries", minToken)

// ParseToken refuses what is guessed too soon and what no header can carry. The
// error holds nothing of it.
func ParseToken(value string) (credential.Secret, error) {
	if len(value) < minToken || strings.ContainsFunc(value, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return credential.Secret{}, ErrToken
	}
	return credential.NewSecret(value), nil
}

// StateToken reads the admin token of a state directory, and makes one of 128
// random bits or more if there is none: a file for its owner alone. made tells
// that it is new. Errors hold nothing of the token.
func StateToken(dir string) (token credential.Secret, made bool, err error) {
	path := filepath.Join(dir, TokenFile)
	token, err = readToken(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return token, false, err
	}
	// Whole before it has its name, so that of two processes that begin at once
	// one makes it and both read the same.
	f, err := os.CreateTemp(dir, TokenFile+"-*") // mode 0600
	if err != nil {
		return token, false, fmt.Errorf("the admin token: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // it has its other name by then
	_, err = f.WriteString(rand.Text() + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return token, false, fmt.Errorf("the admin token: %w", err)
	}
	switch err = os.Link(f.Name(), path); {
	case errors.Is(err, fs.ErrExist):
	case err != nil:
		return token, false, fmt.Errorf("the admin token: %w", err)
	default:
		made = true
	}
	token, err = readToken(path)
	return token, made, err
}

// readToken refuses what others may read or nobody may mean.
func readToken(path string) (credential.Secret, error) {
	info, err := os.Stat(path)
	if err != nil {
		return credential.Secret{}, fmt.Errorf("the admin token: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return credential.Secret{}, fmt.Errorf("the admin token: %s may be read by others; run chmod 600 on it, or delete it for a new one", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return credential.Secret{}, fmt.Errorf("the admin token: %w", err)
	}
	token, err := ParseToken(strings.TrimSpace(string(text)))
	if err != nil {
		return token, fmt.Errorf("the admin token: %s: %w; delete it for a new one", path, err)
	}
	return token, nil
}
