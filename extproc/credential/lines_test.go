package credential

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

func TestSecretLinesMayHoldSpacesAndLineBreaks(t *testing.T) {
	const headers = "authorization: Bearer canary\nx-scope: team"
	file := filepath.Join(t.TempDir(), "headers")
	if err := os.WriteFile(file, []byte("\xef\xbb\xbf"+headers+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := func(name string) (string, bool) {
		value, ok := map[string]string{"HEADERS": headers + "\r\n", "EMPTY": " \n", "GARBLED": "canary\x00", "LARGE": strings.Repeat("x", MaxSize+1)}[name]
		return value, ok
	}
	for _, tt := range []struct {
		ref  catalog.Reference
		want string
		err  error
	}{
		{catalog.Reference{}, "", nil},
		{catalog.Reference{Scheme: catalog.SchemeEnv, Name: "HEADERS"}, headers, nil},
		{catalog.Reference{Scheme: catalog.SchemeFile, Name: file}, headers, nil},
		{catalog.Reference{Scheme: catalog.SchemeFile, Name: filepath.Dir(file)}, "", ErrNoFile},
		{catalog.Reference{Scheme: catalog.SchemeEnv, Name: "GONE"}, "", ErrNotSet},
		{catalog.Reference{Scheme: catalog.SchemeEnv, Name: "EMPTY"}, "", ErrEmpty},
		{catalog.Reference{Scheme: catalog.SchemeEnv, Name: "GARBLED"}, "", ErrLines},
		{catalog.Reference{Scheme: catalog.SchemeEnv, Name: "LARGE"}, "", ErrTooLarge},
		{catalog.Reference{Scheme: "other", Name: "HEADERS"}, "", ErrScheme},
	} {
		got, err := ResolveLines(t.Context(), tt.ref, env)
		if !errors.Is(err, tt.err) || got.Set() != (tt.want != "") || got.Set() && got.Reveal() != tt.want {
			t.Errorf("%v: %v, want %v", tt.ref, err, tt.err)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%v: the error holds the secret", tt.ref)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ResolveLines(ctx, catalog.Reference{Scheme: catalog.SchemeEnv, Name: "HEADERS"}, env); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
}
