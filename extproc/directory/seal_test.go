package directory

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
)

func masterKey(fill byte) credential.Secret {
	return credential.NewSecret(base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(fill)), masterSize))))
}

func ring(t *testing.T, keys ...credential.Secret) *Keyring {
	t.Helper()
	r, err := NewKeyring(keys[0], keys[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMasterKeysAre32BytesInBase64OrHex(t *testing.T) {
	t.Parallel()
	raw := []byte("0123456789abcdef0123456789ABC>?\xff")
	for name, text := range map[string]string{
		"base64": base64.StdEncoding.EncodeToString(raw), "base64url without padding": base64.RawURLEncoding.EncodeToString(raw),
		"hex": hex.EncodeToString(raw), "with a line's end": base64.StdEncoding.EncodeToString(raw) + "\n",
	} {
		if got := ring(t, credential.NewSecret(text)).current.id; got != ring(t, credential.NewSecret(hex.EncodeToString(raw))).current.id {
			t.Errorf("%s is another key", name)
		}
	}
	for name, text := range map[string]string{"nothing": "", "31 bytes": hex.EncodeToString(raw[1:]), "words": "correct horse battery staple"} {
		if _, err := NewKeyring(credential.NewSecret(text)); err == nil || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnEnvelopeOpensForItsNameOnlyAndUnchanged(t *testing.T) {
	t.Parallel()
	r := ring(t, masterKey('a'))
	s, err := r.seal("acme/openai", "sk-canary")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.open("acme/openai", s); err != nil || got.Reveal() != "sk-canary" {
		t.Fatalf("%v", err)
	}
	if _, err := r.open("other/openai", s); err == nil {
		t.Error("it opens for another tenant")
	}
	if _, err := ring(t, masterKey('b')).open("acme/openai", s); err == nil || !strings.Contains(err.Error(), r.current.id) {
		t.Errorf("under another master key: %v", err)
	}
	for part, text := range map[string][]byte{"key": s.Key, "value": s.Value} {
		for i := range text {
			text[i] ^= 1
			if _, err := r.open("acme/openai", s); err == nil || strings.Contains(err.Error(), "canary") {
				t.Errorf("byte %d of %s changed: %v", i, part, err)
			}
			text[i] ^= 1
		}
	}
	swapped := s
	swapped.Key, swapped.Value = s.Value, s.Key
	if _, err := r.open("acme/openai", swapped); err == nil {
		t.Error("key and value are exchangeable")
	}
	twice, err := r.seal("acme/openai", "sk-canary")
	if err != nil || bytes.Equal(twice.Value, s.Value) {
		t.Error("the same secret is sealed alike")
	}
}

func TestResealingNeedsTheFormerMasterAndLeavesTheValue(t *testing.T) {
	t.Parallel()
	old := ring(t, masterKey('a'))
	s, err := old.seal("acme/openai", "sk-canary")
	if err != nil {
		t.Fatal(err)
	}
	next := ring(t, masterKey('b'), masterKey('a'))
	moved, err := next.reseal("acme/openai", s)
	if err != nil || !bytes.Equal(moved.Value, s.Value) || moved.Master != next.current.id {
		t.Fatalf("%v", err)
	}
	if got, err := ring(t, masterKey('b')).open("acme/openai", moved); err != nil || got.Reveal() != "sk-canary" {
		t.Errorf("the new master key alone: %v", err)
	}
	if _, err := ring(t, masterKey('c')).reseal("acme/openai", s); err == nil {
		t.Error("resealed without the former master key")
	}
}

func TestMergingIsWhatSortingAnewGives(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	want := map[string]int{}
	var list []*Tenant
	for range 500 {
		changes := map[string]*Tenant{}
		for range rng.IntN(6) {
			name := fmt.Sprint("t", rng.IntN(60))
			if rng.IntN(3) == 0 {
				changes[name] = nil
				delete(want, name)
				continue
			}
			v := rng.IntN(1000)
			tenant := &Tenant{Version: uint64(v)}
			tenant.Name = name
			changes[name], want[name] = tenant, v
		}
		before := slices.Clone(list)
		next := merge(list, changes, nameOfTenant)
		if !slices.Equal(before, list) {
			t.Fatal("the old list was written")
		}
		list = next
		got := map[string]int{}
		for _, e := range list {
			got[e.Name] = int(e.Version)
		}
		if diff := cmp.Diff(want, got); diff != "" || len(got) != len(list) || !slices.IsSortedFunc(list, func(a, b *Tenant) int { return strings.Compare(a.Name, b.Name) }) {
			t.Fatalf("%s\n%v", diff, list)
		}
	}
}

// FuzzRecord: whatever a store holds is a record or an error.
func FuzzRecord(f *testing.F) {
	f.Add("acme/openai", []byte(`{"tenant":"acme","provider":"openai","sealed":{"master":"x","key":"AA==","value":""}}`))
	f.Add("ci", []byte(`{"id":"k_1","hash":"00","former":"zz","grace":"2026-01-01T00:00:00Z"}`))
	f.Add("t", []byte(`{"Name":"u","Tags":[null]}`))
	r, err := NewKeyring(masterKey('a'))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		record := Record{Name: name, Version: 1, Data: data}
		if k, err := decodeKey(record); err == nil && (k.Name != name || k.Version != 1) {
			t.Errorf("%+v", k)
		}
		if tenant, err := decodeTenant(record); err == nil && tenant.Name != name {
			t.Errorf("%+v", tenant)
		}
		if b, err := decodeBudget(record); err == nil && b.Name != name {
			t.Errorf("%+v", b)
		}
		if o, err := decodeOwn(record); err == nil {
			if secret, err := r.open(name, o.sealed); err == nil {
				t.Errorf("what nobody sealed opens as %d bytes", len(secret.Reveal()))
			}
		}
	})
}
