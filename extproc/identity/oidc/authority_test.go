package oidc

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// signers are the authority's keys at its start, by kid. They are made once:
// RSA takes its time.
var signers = sync.OnceValue(func() map[string]crypto.Signer {
	out := map[string]crypto.Signer{"ec": newEC(elliptic.P256()), "ec384": newEC(elliptic.P384()), "ed": newEd()}
	for _, kid := range []string{"rsa", "rsa-2"} {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil
		}
		out[kid] = k
	}
	return out
})

func newEC(c elliptic.Curve) crypto.Signer {
	k, _ := ecdsa.GenerateKey(c, rand.Reader) // fails only without random bits, which Go rules out
	return k
}

func newEd() crypto.Signer {
	_, k, _ := ed25519.GenerateKey(rand.Reader) // the same
	return k
}

// authority is an issuer on loopback: it publishes keys and signs tokens.
type authority struct {
	t      testing.TB
	server *httptest.Server
	issuer string
	clock  *clock

	discoveries, fetches atomic.Int32 // requests for each document

	mu    sync.Mutex
	keys  map[string]crypto.Signer // guarded by mu, as is all below
	extra []json.RawMessage        // of the set, as they are
	// instead answers all requests if it is set.
	instead http.HandlerFunc
}

// clock is a time that only tests move.
type clock struct{ unix atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(c.unix.Load(), 0) }
func (c *clock) advance(d time.Duration) { c.unix.Add(int64(d / time.Second)) }

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t, clock: &clock{}, keys: map[string]crypto.Signer{}}
	a.clock.unix.Store(1_800_000_000)
	for _, kid := range []string{"rsa", "ec", "ec384", "ed"} {
		a.keys[kid] = signers()[kid]
	}
	a.server = httptest.NewServer(a)
	t.Cleanup(a.server.Close)
	a.issuer = a.server.URL + "/team"
	return a
}

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/team/.well-known/openid-configuration":
		a.discoveries.Add(1)
	case "/keys":
		a.fetches.Add(1)
	}
	a.mu.Lock()
	instead := a.instead
	a.mu.Unlock()
	switch {
	case instead != nil:
		instead(w, r)
	case r.URL.Path == "/keys":
		_, _ = w.Write(a.set())
	case r.URL.Path == "/team/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": a.issuer, "jwks_uri": a.server.URL + "/keys"})
	default:
		http.NotFound(w, r)
	}
}

// answer makes every request be answered so; nil for what an issuer does.
func (a *authority) answer(h http.HandlerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.instead = h
}

// publish makes these the keys.
func (a *authority) publish(kids ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.keys)
	for _, kid := range kids {
		a.keys[kid] = signers()[kid]
	}
}

func (a *authority) set() []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := append([]json.RawMessage{}, a.extra...)
	for kid, k := range a.keys {
		all = append(all, jwkOf(a.t, kid, k.Public()))
	}
	text, _ := json.Marshal(map[string]any{"keys": all})
	return text
}

func jwkOf(t testing.TB, kid string, key any) json.RawMessage {
	t.Helper()
	jwk, err := jwkset.NewJWKFromKey(key, jwkset.JWKOptions{
		Marshal:  jwkset.JWKMarshalOptions{Private: true},
		Metadata: jwkset.JWKMetadataOptions{KID: kid, USE: jwkset.UseSig},
	})
	if err != nil {
		t.Error(err)
	}
	text, _ := json.Marshal(jwk.Marshal())
	return text
}

// claims are what a good token says, with changes; nil takes one away.
func (a *authority) claims(changes map[string]any) map[string]any {
	c := map[string]any{
		"iss": a.issuer, "aud": "https://gateway.example", "sub": "owner:acme:project:site",
		"exp": a.clock.now().Add(time.Hour).Unix(), "nbf": a.clock.now().Unix(), "iat": a.clock.now().Unix(),
	}
	for name, value := range changes {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

// methods are the algorithms of the authority's keys.
var methods = map[string]jwt.SigningMethod{
	"rsa": jwt.SigningMethodRS256, "rsa-2": jwt.SigningMethodRS256, "ec": jwt.SigningMethodES256, "ec384": jwt.SigningMethodES384, "ed": jwt.SigningMethodEdDSA,
}

// token signs claims with the authority's key of that kid.
func (a *authority) token(kid string, changes map[string]any) string {
	return seal(a.t, methods[kid], signers()[kid], map[string]any{"kid": kid}, a.claims(changes))
}

// seal signs anything with anything.
func seal(t testing.TB, method jwt.SigningMethod, key any, header, claims map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, jwt.MapClaims(claims))
	for name, value := range header {
		if token.Header[name] = value; value == nil {
			delete(token.Header, name)
		}
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// sealText signs a header and claims as they are written.
func sealText(t testing.TB, key crypto.Signer, header, claims string) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(header)) + "." + encode([]byte(claims))
	signature, err := jwt.SigningMethodEdDSA.Sign(signed, key)
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + encode(signature)
}

// entry is the authority as the catalog has it.
func (a *authority) entry() catalog.Issuer {
	return catalog.Issuer{
		Name: "vercel", Issuer: a.issuer, Audience: []string{"https://gateway.example", "other"},
		Algorithms: []string{"RS256", "ES256", "EdDSA"}, Key: "{sub}", Leeway: 30 * time.Second,
	}
}

// verifier trusts the authority by these entries and runs to the test's end.
func (a *authority) verifier(entries ...catalog.Issuer) *Verifier {
	a.t.Helper()
	v, err := New(Config{Issuers: entries, Now: a.clock.now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		a.t.Fatal(err)
	}
	run(a.t, v)
	return v
}

func run(t testing.TB, v *Verifier) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		v.Run(ctx)
		close(done)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}
