package oidc

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// passes verifies a token and fails the test unless it passes.
func passes(t *testing.T, v *Verifier, token, what string) {
	t.Helper()
	if _, p := v.Verify(t.Context(), []byte(token)); p != nil {
		t.Errorf("%s: %v", what, p)
	}
}

// fails verifies a token and fails the test unless it is refused so.
func fails(t *testing.T, v *Verifier, token, want string) {
	t.Helper()
	if k, p := v.Verify(t.Context(), []byte(token)); p == nil || p.Message != want {
		t.Errorf("Verify gives %v, %v; want %q", k, p, want)
	}
}

const noKeys = "The keys of the token's issuer cannot be fetched, so the token cannot be checked; try again in half a minute."

func (a *authority) unknown(i int) string {
	return seal(a.t, jwt.SigningMethodEdDSA, signers()["ed"], map[string]any{"kid": fmt.Sprint("unknown-", i)}, a.claims(nil))
}

func TestANewKeyIsKnownAtItsFirstToken(t *testing.T) {
	a := newAuthority(t)
	v := a.verifier(a.entry())
	passes(t, v, a.token("rsa", nil), "before")
	a.publish("rsa", "rsa-2")
	passes(t, v, a.token("rsa-2", nil), "the new key")
	passes(t, v, a.token("rsa", nil), "the old key")
	if a.fetches.Load() != 2 || a.discoveries.Load() != 1 {
		t.Errorf("%d fetches and %d discoveries, want 2 and 1", a.fetches.Load(), a.discoveries.Load())
	}
}

func TestAWithdrawnKeyTakesItsTokensAlong(t *testing.T) {
	a := newAuthority(t)
	v := a.verifier(a.entry())
	old, other := a.token("rsa", nil), a.token("ed", nil)
	passes(t, v, old, "before")
	a.publish("ed")
	passes(t, v, old, "remembered, nobody has looked yet")
	fails(t, v, a.unknown(1), unknownKid)
	fails(t, v, old, unknownKid)
	passes(t, v, other, "the key that stays")

	a.mu.Lock()
	a.keys["ed"] = newEd()
	a.mu.Unlock()
	a.clock.advance(askEvery)
	fails(t, v, a.unknown(2), unknownKid)
	fails(t, v, other, badSignature)
}

func TestAnIssuerWithoutKeysHasWithdrawnAll(t *testing.T) {
	a := newAuthority(t)
	v := a.verifier(a.entry())
	passes(t, v, a.token("rsa", nil), "before")
	a.publish()
	fails(t, v, a.unknown(1), unknownKid)
	fails(t, v, a.token("rsa", nil), unknownKid)
}

func TestAnIssuersOutageChangesNothingForADay(t *testing.T) {
	a := newAuthority(t)
	v := a.verifier(a.entry())
	passes(t, v, a.token("rsa", nil), "before")
	token := func(n int) string { return a.token("ec", map[string]any{"jti": n}) }
	for name, h := range map[string]http.HandlerFunc{
		"503":            func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"a page":         func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"no keys at all": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) },
		"null":           func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("null")) },
		"too many": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"keys":[{}%s]}`, strings.Repeat(",{}", maxKeys))
		},
		"a flood": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"keys":[` + strings.Repeat(" ", maxDocument) + "]}"))
		},
		"a hang-up":      func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"another status": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"another redirect": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://evil.example/keys")
			w.WriteHeader(http.StatusFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			a.answer(h)
			a.clock.advance(askEvery)
			before := a.fetches.Load()
			fails(t, v, a.unknown(1), unknownKid)
			if a.fetches.Load() == before {
				t.Error("nobody was asked")
			}
			passes(t, v, token(0), "during the outage")
		})
	}
	a.clock.unix.Store(1_800_000_000 + 24*60*60)
	passes(t, v, token(1), "after a day")
	a.clock.advance(time.Second)
	k, p := v.Verify(t.Context(), []byte(token(2)))
	if k != nil || p == nil || p.Kind != llm.Overloaded || p.Code != "issuer_unavailable" || p.RetryAfter != retryEvery || p.Message != noKeys {
		t.Errorf("after more than a day: %v, %v", k, p)
	}
	fails(t, v, token(1), noKeys)
	a.answer(nil)
	a.clock.advance(askEvery)
	passes(t, v, token(1), "when the issuer is back")
}

func TestAFloodOfUnknownKeysCostsOneFetchInHalfAMinute(t *testing.T) {
	a := newAuthority(t)
	v := a.verifier(a.entry())
	passes(t, v, a.token("rsa", nil), "before")
	flood := func() {
		tokens := make([]string, 400)
		for i := range tokens {
			tokens[i] = a.unknown(i)
		}
		var all sync.WaitGroup
		for part := range 8 {
			all.Go(func() {
				for i := part; i < len(tokens); i += 8 {
					if _, p := v.Verify(t.Context(), []byte(tokens[i])); p == nil || p.Message != unknownKid {
						t.Errorf("Verify says %v", p)
					}
				}
			})
		}
		all.Wait()
	}
	for round := range int32(3) {
		flood()
		if n := a.fetches.Load(); n != 2+round {
			t.Errorf("after flood %d: %d fetches", round, n)
		}
		a.clock.advance(askEvery - time.Second)
		flood()
		if n := a.fetches.Load(); n != 2+round {
			t.Errorf("a second early, after flood %d: %d fetches", round, n)
		}
		a.clock.advance(time.Second)
	}
	if n := len(v.bad.slots); n != 0 {
		t.Errorf("%d tokens are remembered that may pass in half a minute", n)
	}
	passes(t, v, a.token("rsa", nil), "a good token")
}

func TestANewVerifierInheritsKeys(t *testing.T) {
	a := newAuthority(t)
	old := a.verifier(a.entry())
	passes(t, old, a.token("rsa", nil), "before")
	a.answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	v, err := New(Config{Issuers: []catalog.Issuer{a.entry()}, Now: a.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	v.Inherit(nil)
	v.Inherit(old)
	passes(t, v, a.token("ec", nil), "without Run")
}
