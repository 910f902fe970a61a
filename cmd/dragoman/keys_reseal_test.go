package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/extproc/directory/sqlite"
)

// masters are the environment's master keys.
var masters = map[string]string{"OLD": strings.Repeat("0a", 32), "NEW": strings.Repeat("0b", 32), "OTHER": strings.Repeat("0c", 32)}

// ownKeys works on a state directory's provider keys with some of masters. It
// makes the directory's store.
func ownKeys(t *testing.T, state string, names ...string) *directory.Directory {
	t.Helper()
	var keys []credential.Secret
	for _, name := range names {
		keys = append(keys, credential.NewSecret(masters[name]))
	}
	ring, err := directory.NewKeyring(keys[0], keys[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), filepath.Join(state, extproc.DatabaseFile), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // nothing is under way
	d, err := directory.Open(t.Context(), directory.Config{Store: store, Now: time.Now, Keyring: ring, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestProviderKeysAreSealedWithANewMasterKey(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	state, secret := filepath.Join(p.dir, "kept"), "sk-what-nobody-may-see"
	reseal := func(secrets string) (out, errs string, status int) {
		t.Helper()
		file := p.file(t, "dragoman.yaml", dependent+secrets)
		var said, failed strings.Builder
		status = execute(t.Context(), []string{"keys", "reseal", "--catalog", file, "--state", state}, streams{
			out: &said, err: &failed, env: func(name string) (string, bool) { v, ok := masters[name]; return v, ok },
		})
		if strings.Contains(said.String()+failed.String(), secret) {
			t.Error("a secret is printed")
		}
		return said.String(), failed.String(), status
	}
	ownKeys(t, state, "OLD")
	if out, errs, status := reseal("secrets: {key: env:NEW}\n"); status != 0 || !strings.HasPrefix(out, "No tenant has") {
		t.Errorf("of an empty store: %d\n%s%s", status, out, errs)
	}
	for _, provider := range []string{"openai", "anthropic"} {
		if _, err := ownKeys(t, state, "OLD").PutOwn(t.Context(), directory.By{Who: "test"}, directory.OwnCredential{Tenant: "acme", Provider: provider, Secret: credential.NewSecret(secret)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name, secrets string
		status        int
		out, errs     string
	}{
		{"without a master key", "", 1, "", "names no master key; add secrets: {key: env:NAME"},
		{"with one that is not set", "secrets: {key: env:NEW, former: ['env:GONE']}\n", 1, "", "secrets.former[0]: env:GONE is not set"},
		{"without the old one", "secrets: {key: env:NEW, former: ['env:OTHER']}\n", 1, "", "acme's for openai stays as it was: acme/openai is sealed with master key "},
		{"without the old one, in sum", "secrets: {key: env:NEW}\n", 1, "", "2 of 2 provider keys could not be sealed anew; "},
		{"with both", "secrets: {key: env:NEW, former: ['env:OTHER', 'env:OLD']}\n", 0, "acme's for anthropic is sealed anew.\nacme's for openai is sealed anew.\n2 provider keys of tenants, all", ""},
		{"again, without the old one", "secrets: {key: env:NEW}\n", 0, "2 provider keys of tenants, all sealed with secrets.key.", ""},
	} {
		out, errs, status := reseal(tt.secrets)
		if status != tt.status || !strings.HasPrefix(out, tt.out) || !strings.Contains(errs, tt.errs) {
			t.Errorf("%s: status %d\n%s%s", tt.name, status, out, errs)
		}
	}
	after := ownKeys(t, state, "NEW").Current()
	for _, provider := range []string{"openai", "anthropic"} {
		if o := after.OwnOf("acme", provider); o == nil || o.Secret.Reveal() != secret {
			t.Errorf("%s's is not the one that was sealed: %+v", provider, o)
		}
	}
}
