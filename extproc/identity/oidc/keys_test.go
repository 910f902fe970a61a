package oidc

import (
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
)

// edited is a public key with members changed; nil takes one away.
func edited(t *testing.T, kid string, key any, changes map[string]any) json.RawMessage {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(jwkOf(t, kid, key), &m); err != nil {
		t.Fatal(err)
	}
	for name, value := range changes {
		if m[name] = value; value == nil {
			delete(m, name)
		}
	}
	text, _ := json.Marshal(m)
	return text
}

func TestOnlyKeysThatVerifySignaturesAreTaken(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip("this Go makes no weak keys:", err)
	}
	good := signers()["ed"].Public()
	tests := []struct {
		name string
		key  json.RawMessage
		want bool
	}{
		{"Ed25519", jwkOf(t, "k", good), true},
		{"RSA", jwkOf(t, "k", signers()["rsa"].Public()), true},
		{"P-256", jwkOf(t, "k", signers()["ec"].Public()), true},
		{"P-521", jwkOf(t, "k", newEC(elliptic.P521()).Public()), true},
		{"without use", edited(t, "k", good, map[string]any{"use": nil}), true},
		{"for verifying", edited(t, "k", good, map[string]any{"key_ops": []string{"verify"}}), true},
		{"with members nobody knows", edited(t, "k", good, map[string]any{"x-status": "ACTIVE", "nbf": 1}), true},
		{"with broken certificates", edited(t, "k", good, map[string]any{"x5c": []string{"?"}, "x5t": "?", "x5u": "http://evil.example"}), true},
		{"with the private half", jwkOf(t, "k", signers()["ed"]), true},
		{"a shared secret", json.RawMessage(`{"kty":"oct","kid":"k","k":"c2VjcmV0","alg":"HS256"}`), false},
		{"for encryption", edited(t, "k", good, map[string]any{"use": "enc"}), false},
		{"for signing only", edited(t, "k", good, map[string]any{"key_ops": []string{"sign"}}), false},
		{"weak", jwkOf(t, "k", weak.Public()), false},
		{"without kid", edited(t, "k", good, map[string]any{"kid": nil}), false},
		{"with a kid like a book", edited(t, strings.Repeat("k", 257), good, nil), false},
		{"another kind", json.RawMessage(`{"kty":"AKP","kid":"k","alg":"ML-DSA-44","pub":"AA"}`), false},
		{"a point off its curve", edited(t, "k", signers()["ec"].Public(), map[string]any{"x": strings.Repeat("A", 43)}), false},
		{"a wrong length", edited(t, "k", good, map[string]any{"x": "AAAA"}), false},
		{"no object", json.RawMessage(`"k"`), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := fmt.Sprintf(`{"keys":[%s,%s]}`, tt.key, jwkOf(t, "other", signers()["ec"].Public()))
			s, err := parseKeys([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"other"}
			if tt.want {
				want = []string{"k", "other"}
			}
			if diff := cmp.Diff(want, slices.Sorted(maps.Keys(s.prints))); diff != "" {
				t.Errorf("the set's keys (-want +got):\n%s", diff)
			}
			_, err = s.key(&token{kid: "k", algorithm: "EdDSA"}, jwt.SigningMethodEdDSA)
			if unknown := errors.Is(err, errUnknownKey); unknown == tt.want {
				t.Errorf("the key is found with the error %v", err)
			}
		})
	}
}

func TestTheFirstOfTwoKeysWithOneNameCounts(t *testing.T) {
	text := fmt.Sprintf(`{"keys":[%s,%s]}`, jwkOf(t, "k", signers()["ed"].Public()), jwkOf(t, "k", newEd().Public()))
	s, err := parseKeys([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	key, err := s.key(&token{kid: "k", algorithm: "EdDSA"}, jwt.SigningMethodEdDSA)
	if diff := cmp.Diff(any(signers()["ed"].Public()), key); err != nil || diff != "" {
		t.Errorf("the key (-want +got), %v:\n%s", err, diff)
	}
}

func TestAKeyForOneAlgorithmIsForNoOther(t *testing.T) {
	text := fmt.Sprintf(`{"keys":[%s]}`, edited(t, "k", signers()["rsa"].Public(), map[string]any{"alg": "RS256"}))
	s, err := parseKeys([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.key(&token{kid: "k", algorithm: "RS256"}, jwt.SigningMethodRS256); err != nil {
		t.Errorf("RS256: %v", err)
	}
	if _, err := s.key(&token{kid: "k", algorithm: "PS256"}, jwt.SigningMethodPS256); !errors.Is(err, errOtherUse) {
		t.Errorf("PS256: %v", err)
	}
}

func TestAnEpochEndsWhenAKeyGoes(t *testing.T) {
	ed, other := jwkOf(t, "k", signers()["ed"].Public()), jwkOf(t, "l", signers()["ec"].Public())
	set := func(keys ...json.RawMessage) *keySet {
		text, _ := json.Marshal(map[string]any{"keys": append([]json.RawMessage{}, keys...)})
		s, err := parseKeys(text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := set(ed)
	tests := []struct {
		name string
		next *keySet
		want uint64
		same bool
	}{
		{"the same", set(ed), 0, true},
		{"one more", set(other, ed), 0, false},
		{"another one", set(other), 1, false},
		{"replaced", set(jwkOf(t, "k", newEd().Public())), 1, false},
		{"none", set(), 1, false},
	}
	for _, tt := range tests {
		if tt.next.follow(first); tt.next.epoch != tt.want || tt.next.same(first) != tt.same {
			t.Errorf("%s: epoch %d, same %v", tt.name, tt.next.epoch, tt.next.same(first))
		}
	}
}

// FuzzParseKeys: whatever an issuer answers, it is read or refused.
func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"k","n":"AQ","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA","kid":"l"}]}`))
	f.Add([]byte(`{"keys":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parseKeys(text)
		if (s == nil) == (err == nil) {
			t.Fatalf("parseKeys gives %v and %v", s, err)
		}
		if s == nil {
			return
		}
		for kid := range s.prints {
			for _, a := range algorithms {
				if k, err := s.key(&token{kid: kid, algorithm: a}, jwt.GetSigningMethod(a)); err == nil && !fits(k, jwt.GetSigningMethod(a)) {
					t.Errorf("%s: a key of another kind", a)
				}
			}
		}
	})
}
