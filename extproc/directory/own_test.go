package directory_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

const canary = "sk-canary-7hJ2kL9mN4pQ"

// sealedBy configures master keys, each 32 times a letter.
func sealedBy(t *testing.T, letters string) func(*directory.Config) {
	t.Helper()
	var keys []credential.Secret
	for _, c := range letters {
		keys = append(keys, credential.NewSecret(fmt.Sprintf("%x", strings.Repeat(string(c), 32))))
	}
	ring, err := directory.NewKeyring(keys[0], keys[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *directory.Config) { c.Keyring = ring }
}

func own(tenant, provider, secret string) directory.OwnCredential {
	return directory.OwnCredential{Tenant: tenant, Provider: provider, Secret: credential.NewSecret(secret)}
}

func put(t *testing.T, d *directory.Directory, o directory.OwnCredential) *directory.OwnCredential {
	t.Helper()
	made, err := d.PutOwn(t.Context(), by, o)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestNoSecretIsInTheFilesTheTrailTheLogOrListings(t *testing.T) {
	t.Parallel()
	s := begin(t, sealedBy(t, "a"))
	k, key := s.create(t, catalog.Key{Name: "ci"})
	_, rotated, err := s.RotateKey(t.Context(), by, directory.Rotation{Key: k.ID, Grace: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	put(t, s.Directory, own("acme", "openai", canary))
	put(t, s.Directory, own("acme", "openai", canary+"2"))
	closed := s.open(t, sealedBy(t, "b")) // logs that it cannot open it
	_, failed := s.PutOwn(t.Context(), by, own("acme", "openai", canary+" \n"))
	_, lost := s.RevokeKey(t.Context(), by, key)
	trail, err := s.Audit(t.Context(), 0, 100)
	if err != nil || len(trail) != 4 {
		t.Fatalf("%d events, %v", len(trail), err)
	}
	events, err := json.Marshal(trail)
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.ListOwn(t.Context(), "")
	if err != nil || len(list) != 1 || list[0].Secret.Set() {
		t.Fatalf("%+v %v", list, err)
	}
	outputs := map[string][]byte{
		"the trail": events, "the log": s.log.Bytes(), "errors": fmt.Appendf(nil, "%v %v", failed, lost), "the listing": fmt.Appendf(nil, "%+v %#v", list, list),
		"snapshots": fmt.Appendf(nil, "%+v %+v", s.Current().Own[0], closed.Current().Own[0]),
	}
	files, err := filepath.Glob(s.path + "*")
	if err != nil || len(files) < 2 {
		t.Fatalf("%v %v", files, err)
	}
	for _, f := range files {
		if outputs[f], err = os.ReadFile(f); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range outputs {
		for _, secret := range []string{key, rotated.Reveal(), canary} {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("a secret is in %s", name)
			}
		}
	}
	if s.Current().OwnOf("acme", "openai").Secret.Reveal() != canary+"2" {
		t.Error("the credential is not the one that was put last")
	}
	if o := closed.Current().OwnOf("acme", "openai"); o == nil || o.Secret.Set() || !bytes.Contains(s.log.Bytes(), []byte("stays closed")) {
		t.Errorf("without its master key: %+v\n%s", o, s.log)
	}
}

func TestAMaskedCredentialKeepsTheOneThatIsThere(t *testing.T) {
	t.Parallel()
	s := begin(t, sealedBy(t, "a"))
	first := put(t, s.Directory, own("acme", "openai", canary))
	for _, mask := range []string{"", credential.Redacted, "****", " •••• "} {
		if kept := put(t, s.Directory, own("acme", "openai", mask)); kept.Secret.Reveal() != canary || kept.Fingerprint != first.Fingerprint {
			t.Errorf("%q replaced it", mask)
		}
		var invalid *directory.InvalidError
		if _, err := s.PutOwn(t.Context(), by, own("other", "openai", mask)); !errors.As(err, &invalid) || invalid.Field != "value" {
			t.Errorf("%q where there is none: %v", mask, err)
		}
	}
	if same := put(t, s.Directory, own("other", "openai", canary)); same.Fingerprint != first.Fingerprint {
		t.Error("equal secrets have different fingerprints")
	}
	if next := put(t, s.Directory, own("acme", "openai", canary+"x")); next.Fingerprint == first.Fingerprint {
		t.Error("different secrets have one fingerprint")
	}
	for _, bad := range []directory.OwnCredential{own("", "openai", canary), own("a/b", "openai", canary), own("acme", "Open AI", canary), own("acme", "openai", "two words"), own("acme", "openai", strings.Repeat("x", 9000))} {
		var invalid *directory.InvalidError
		if _, err := s.PutOwn(t.Context(), by, bad); !errors.As(err, &invalid) {
			t.Errorf("%s for %s: %v", bad.Tenant, bad.Provider, err)
		}
	}
	if err := s.DeleteOwn(t.Context(), by, own("acme", "openai", "")); err != nil || s.Current().OwnOf("acme", "openai") != nil {
		t.Errorf("%v", err)
	}
	if err := s.DeleteOwn(t.Context(), by, own("acme", "openai", "")); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func TestOwnCredentialsMoveToANewMasterKey(t *testing.T) {
	t.Parallel()
	s := begin(t, sealedBy(t, "a"))
	put(t, s.Directory, own("acme", "openai", canary))
	put(t, s.Directory, own("acme", "anthropic", canary+"2"))
	reseal := func(masters string) (names []string, failed []error) {
		t.Helper()
		err := s.open(t, sealedBy(t, masters)).Reseal(t.Context(), by, func(o *directory.OwnCredential, err error) {
			names, failed = append(names, o.Tenant+"/"+o.Provider), append(failed, err)
		})
		if err != nil {
			t.Fatal(err)
		}
		return names, failed
	}
	if _, failed := reseal("c"); len(failed) != 2 || failed[0] == nil || failed[1] == nil {
		t.Errorf("without the former key: %v", failed)
	}
	names, failed := reseal("ba")
	if diff := cmp.Diff([]string{"acme/anthropic", "acme/openai"}, names); diff != "" || errors.Join(failed...) != nil {
		t.Fatalf("%v %s", failed, diff)
	}
	if names, _ := reseal("ba"); names != nil {
		t.Errorf("again: %v", names)
	}
	alone := s.open(t, sealedBy(t, "b")).Current()
	if alone.OwnOf("acme", "openai").Secret.Reveal() != canary || alone.OwnOf("acme", "anthropic").Secret.Reveal() != canary+"2" {
		t.Errorf("%+v", alone.Own)
	}
	none := s.open(t)
	if _, err := none.PutOwn(t.Context(), by, own("acme", "openai", canary)); !errors.Is(err, directory.ErrNoMaster) {
		t.Errorf("%v", err)
	}
	if err := none.Reseal(t.Context(), by, nil); !errors.Is(err, directory.ErrNoMaster) {
		t.Errorf("%v", err)
	}
}

func TestARecordMovedToAnotherTenantDoesNotOpen(t *testing.T) {
	t.Parallel()
	s := begin(t, sealedBy(t, "a"))
	put(t, s.Directory, own("acme", "openai", canary))
	d, err := s.store.Since(t.Context(), directory.Point{})
	if err != nil {
		t.Fatal(err)
	}
	stolen := d.Records[0]
	stolen.Name, stolen.Version = "thief/openai", 0
	stolen.Data = bytes.ReplaceAll(stolen.Data, []byte(`"acme"`), []byte(`"thief"`))
	if err := s.store.Write(t.Context(), []directory.Change{{Record: stolen}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ListOwn(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if o := s.Current().OwnOf("thief", "openai"); o == nil || o.Secret.Set() {
		t.Errorf("%+v", o)
	}
}

func TestLastUsesAreWrittenOnceAMinuteAndAtTheEnd(t *testing.T) {
	t.Parallel()
	s := begin(t)
	a, _ := s.create(t, catalog.Key{Name: "a"})
	b, _ := s.create(t, catalog.Key{Name: "b"})
	path := s.path
	synctest.Test(t, func(t *testing.T) {
		inner := &scene{path: path, now: time.Now(), log: &bytes.Buffer{}}
		writes := make(chan map[string]time.Time, 100)
		d := inner.open(t, func(c *directory.Config) { c.Store, c.Now = counting{c.Store, writes}, time.Now })
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx) }()
		began := time.Now()
		for time.Since(began) < 150*time.Second {
			d.Touch(a.ID)
			<-time.After(time.Second)
		}
		d.Touch(b.ID)
		last := time.Now()
		if list, err := d.ListKeys(t.Context(), "", 0); err != nil || !list[1].LastUsed.Equal(last.UTC().Truncate(time.Millisecond)) {
			t.Errorf("before it is written: %+v %v", list, err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		close(writes)
		n := 0
		for w := range writes {
			if n++; n < 3 && len(w) != 1 || n == 3 && len(w) != 2 {
				t.Errorf("writing %d: %v", n, w)
			}
		}
		if n != 3 {
			t.Errorf("%d writings in two and a half minutes", n)
		}
		used, err := inner.store.LastUsed(t.Context(), []string{a.ID, b.ID})
		if err != nil || len(used) != 2 || !used[b.ID].Equal(last.Truncate(time.Millisecond)) {
			t.Errorf("%v %v", used, err)
		}
	})
}

func TestTouchingAllocatesNothing(t *testing.T) {
	s := begin(t)
	s.Touch("k_1")
	if n := testing.AllocsPerRun(100, func() { s.Touch("k_1") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTouch(b *testing.B) {
	d, err := directory.Open(b.Context(), directory.Config{Store: nothing{}, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		d.Touch("k_123456789012")
	}
}

// nothing is a store that nobody has written to.
type nothing struct{ directory.Store }

func (nothing) Since(context.Context, directory.Point) (directory.Delta, error) {
	return directory.Delta{}, nil
}
