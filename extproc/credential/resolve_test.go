package credential

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

func environment(set map[string]string) Env {
	return func(name string) (string, bool) {
		value, ok := set[name]
		return value, ok
	}
}

func TestResolveReadsTheEnvironment(t *testing.T) {
	tests := []struct {
		name, value string
		want        string
		err         error
	}{
		{"a key", "sk-1", "sk-1", nil},
		{"space around it", " \t sk-1\r\n", "sk-1", nil},
		{"nothing", "", "", ErrEmpty},
		{"space", " \n", "", ErrEmpty},
		{"two lines", canary + "\nx-admin: 1", "", ErrGarbled},
		{"a space inside", canary + " " + canary, "", ErrGarbled},
		{"a control character", canary + "\x00", "", ErrGarbled},
		{"no ASCII", canary + "é", "", ErrGarbled},
		{"the largest", strings.Repeat("k", MaxSize), strings.Repeat("k", MaxSize), nil},
		{"too large", strings.Repeat("k", MaxSize+1), "", ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ref := catalog.Reference{Scheme: catalog.SchemeEnv, Name: "KEY"}
			got, err := Resolve(t.Context(), ref, environment(map[string]string{"KEY": tt.value}))
			checkResolved(t, got, tt.want)
			checkError(t, err, tt.err, "env:KEY ")
		})
	}
}

func TestResolveReadsFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(file("linked", "sk-2\n"), link); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, path string
		want       string
		err        error
	}{
		{"a key and a line break", file("key", "sk-1\n"), "sk-1", nil},
		{"a byte order mark", file("bom", "\xef\xbb\xbfsk-1"), "sk-1", nil},
		{"a link, as orchestrators make them", link, "sk-2", nil},
		{"an empty file", file("empty", "\n"), "", ErrEmpty},
		{"a file with more than a key", file("dotenv", "KEY="+canary+"\nOTHER=1\n"), "", ErrGarbled},
		{"a large file", file("large", strings.Repeat("k", MaxSize+1)), "", ErrTooLarge},
		{"no file", filepath.Join(dir, "none"), "", fs.ErrNotExist},
		{"a directory", dir, "", ErrNoFile},
		{"a pipe, which is not waited for", pipe, "", ErrNoFile},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Resolve(t.Context(), catalog.Reference{Scheme: catalog.SchemeFile, Name: tt.path}, nil)
			checkResolved(t, got, tt.want)
			checkError(t, err, tt.err, "file:"+tt.path+" ")
		})
	}
}

func TestResolveRefuses(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name  string
		ctx   context.Context
		ref   catalog.Reference
		err   error
		start string
	}{
		{"a variable that is not set", t.Context(), catalog.Reference{Scheme: "env", Name: "NOBODY"}, ErrNotSet, "env:NOBODY is not set"},
		{"a variable whose name may be a key", t.Context(), catalog.Reference{Scheme: "env", Name: canary}, ErrNotSet, "the environment variable of the reference is not set"},
		{"an unknown scheme", t.Context(), catalog.Reference{Scheme: "vault", Name: "x"}, ErrScheme, "vault:x is not a kind of reference"},
		{"a call that is over", cancelled, catalog.Reference{Scheme: "env", Name: "KEY"}, context.Canceled, "env:KEY is not read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Resolve(tt.ctx, tt.ref, environment(map[string]string{"KEY": "sk-1"}))
			checkResolved(t, got, "")
			checkError(t, err, tt.err, tt.start)
		})
	}
}

func TestNoReferenceIsNoSecret(t *testing.T) {
	if s, err := Resolve(t.Context(), catalog.Reference{}, nil); err != nil || s.Set() {
		t.Errorf("the zero reference gives a secret (%v) or an error: %v", s.Set(), err)
	}
}

func checkResolved(t *testing.T, got Secret, want string) {
	t.Helper()
	if got.Reveal() != want {
		t.Errorf("resolved to %d bytes, want %d", len(got.Reveal()), len(want))
	}
}

func checkError(t *testing.T, err, want error, start string) {
	t.Helper()
	switch {
	case want == nil && err != nil:
		t.Errorf("error %v", err)
	case want != nil && (!errors.Is(err, want) || !strings.HasPrefix(err.Error(), start)):
		t.Errorf("error is %v, want %q and %v", err, start, want)
	case err != nil && shows(err.Error()):
		t.Errorf("the error tells the secret: %v", err)
	}
}

// FuzzKey: what passes for a key can stand in a header as it is.
func FuzzKey(f *testing.F) {
	f.Add([]byte("sk-1"))
	f.Add([]byte("\xef\xbb\xbf \tsk-1\r\n"))
	f.Add([]byte("a\r\nx: y"))
	f.Fuzz(func(t *testing.T, value []byte) {
		before := string(value)
		s, err := key(value)
		if string(value) != before {
			t.Error("the value was changed")
		}
		if (err == nil) != s.Set() {
			t.Fatalf("error %v with a secret: %v", err, s.Set())
		}
		text := s.Reveal()
		if strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' }) || !strings.Contains(before, text) || len(text) > MaxSize {
			t.Errorf("%q passes for the key %q", before, text)
		}
	})
}
