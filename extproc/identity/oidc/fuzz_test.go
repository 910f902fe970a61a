package oidc

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// FuzzVerify: nothing passes but what the issuer signed, byte for byte, and no
// message repeats what was sent.
func FuzzVerify(f *testing.F) {
	// The same key and claims in every process of the fuzzer: its corpus then
	// has tokens that pass.
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	a := newAuthority(f)
	a.keys["fixed"] = key
	entry := a.entry()
	entry.Issuer, entry.JWKS = "https://issuer.example", a.server.URL+"/keys"
	v := a.verifier(entry)
	const header = `{"alg":"EdDSA","kid":"fixed"}`
	claims, _ := json.Marshal(a.claims(map[string]any{"iss": entry.Issuer}))
	good := sealText(f, key, header, string(claims))
	if _, p := v.Verify(f.Context(), []byte(good)); p != nil {
		f.Fatal(p)
	}
	for _, seed := range []string{
		good, good[:len(good)-1], strings.Replace(good, ".", "..", 1), a.token("rsa", nil), a.token("ec", nil),
		sealText(f, key, header, `{"iss":1,"iss":2}`),
		sealText(f, key, header, `{"iss":"https://issuer.example","aud":"other","exp":1900000000}`),
		seal(f, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, map[string]any{"kid": "fixed"}, a.claims(nil)),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, token []byte) {
		k, p := v.Verify(t.Context(), token)
		if (k == nil) == (p == nil) {
			t.Fatalf("Verify gives %v and %v", k, p)
		}
		if k != nil && string(token) != good {
			t.Errorf("%q passes", token)
		}
		if p == nil {
			return
		}
		if p.Kind != llm.Unauthenticated && p.Kind != llm.Forbidden {
			t.Errorf("the problem is %v", p.Kind)
		}
		for part := range strings.SplitSeq(string(token), ".") {
			if len(part) > 12 && strings.Contains(p.Message, part) {
				t.Errorf("%q repeats what was sent", p.Message)
			}
		}
	})
}

// FuzzParseObject: claims are read as the standard library reads them, or
// refused; what it takes for one value is never read as two.
func FuzzParseObject(f *testing.F) {
	f.Add([]byte(`{"a":[1,"x",true,null,{"b":{}}],"c":1e5}`))
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Add([]byte(`{"\u0061":1,"a":2}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		object, wrong := parseObject(text)
		if wrong != "" {
			return
		}
		var want map[string]any
		d := json.NewDecoder(strings.NewReader(string(text)))
		d.UseNumber()
		if err := d.Decode(&want); err != nil {
			t.Fatalf("%q: the library says %v", text, err)
		}
		got, _ := json.Marshal(object)
		library, _ := json.Marshal(want)
		if !bytes.Equal(got, library) {
			t.Errorf("%q is read as %s, by the library as %s", text, got, library)
		}
	})
}

// FuzzTemplate: a template that compiles fills in or says why not.
func FuzzTemplate(f *testing.F) {
	f.Add("env:{environment}-{a.b}", `{"environment":"x","a":{"b":["y","z"]}}`)
	f.Add("{list}{list}", `{"list":[1,2]}`)
	f.Fuzz(func(t *testing.T, text, claims string) {
		compiled, err := compileTemplate(text)
		if err != nil {
			return
		}
		object, wrong := parseObject([]byte(claims))
		if wrong != "" {
			return
		}
		began := time.Now()
		all, wrong := compiled.every(object)
		if wrong == "" && len(all) == 1 && compiled.claims() == "" && all[0] != text {
			t.Errorf("%q becomes %q", text, all)
		}
		if len(all) > maxListed || wrong != "" && all != nil {
			t.Errorf("%d names and %q", len(all), wrong)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("took %v", took)
		}
	})
}
