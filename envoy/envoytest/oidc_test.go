package envoytest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// issuer is somebody who signs tokens, with discovery and keys by HTTP.
type issuer struct {
	*httptest.Server
	asked atomic.Int64

	mu   sync.Mutex
	keys map[string]ed25519.PrivateKey // published, by kid; guarded by mu
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{keys: map[string]ed25519.PrivateKey{}}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.asked.Add(1)
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.URL, "jwks_uri": i.URL + "/jwks"}) // the client may leave
		case "/jwks":
			_ = json.NewEncoder(w).Encode(map[string]any{"keys": i.published()}) // the same
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(i.Close)
	i.rotate(t, "first")
	return i
}

func (i *issuer) published() (all []map[string]string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for kid, key := range i.keys {
		x := base64.RawURLEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
		all = append(all, map[string]string{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid, "x": x})
	}
	return all
}

// rotate makes a new key the only one that is published, and gives the one
// before, which still signs but for others.
func (i *issuer) rotate(t *testing.T, kid string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = map[string]ed25519.PrivateKey{kid: key}
}

// claims are a token's.
type claims = jwt.MapClaims

// token signs claims over those that all tokens have.
func (i *issuer) token(t *testing.T, kid string, over claims) string {
	t.Helper()
	c := claims{"iss": i.URL, "aud": "https://gateway.example", "sub": "repo:acme/app", "exp": time.Now().Add(time.Hour).Unix(), "owner": "acme", "environment": "production"}
	for name, value := range over {
		c[name] = value
	}
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, c)
	token.Header["kid"] = kid
	i.mu.Lock()
	key := i.keys[kid]
	i.mu.Unlock()
	signed, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// tokensCatalog trusts one issuer and counts what its tenants and tags ask.
func tokensCatalog(i *issuer) string {
	return everySurface() + fmt.Sprintf(`
issuers:
  - {name: ci, issuer: %q, audience: ["https://gateway.example"], algorithms: [EdDSA], tenant: "{owner}", tags: ["env:{environment}"], key: "{sub}", require: {environment: "*"}}
budgets:
  - {name: per-tenant, tenants: [small], each: [tenant], per: day, requests: 1}
  - {name: previews, tags: ["env:preview"], per: day, requests: 1}
`, i.URL)
}

// startTrusting is a gateway that has the issuer's keys.
func startTrusting(t *testing.T, i *issuer) *Gateway {
	t.Helper()
	g := Start(t, Options{Catalog: tokensCatalog(i), Providers: wardens(), Env: keyring})
	Eventually(t, 10*time.Second, "the issuer's keys are known", func() error {
		if a := greet(t, g, &surfaces[0], i.token(t, "first", nil)); a.Status != http.StatusOK {
			return errors.New(a.String())
		}
		return nil
	})
	return g
}

// greet asks a surface with a credential as its vendor's clients send it.
func greet(t *testing.T, g *Gateway, s *surface, credential string) *Answer {
	t.Helper()
	q := inquiry{surface: s, way: ways[0], text: "Hello"}
	return q.put(t, g, q.request(), q.key(credential)...)
}

func TestATokenOfATrustedIssuerLetsIn(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	g := startTrusting(t, i)
	for n := range surfaces {
		s := &surfaces[n]
		a := greet(t, g, s, i.token(t, "first", nil))
		if a.Status != http.StatusOK {
			t.Errorf("%s: %s", s.name, a)
			continue
		}
		r := g.Generation(t, a.Header.Get("X-Dragoman-Generation"))
		if r.Key != "ci/repo:acme/app" || r.Tenant != "acme" || fmt.Sprint(r.Tags) != "[env:production]" {
			t.Errorf("%s: the record is of key %q, tenant %q, tags %q", s.name, r.Key, r.Tenant, r.Tags)
		}
		for name, over := range map[string]claims{"tenant": {"owner": "small"}, "tag": {"environment": "preview"}} {
			// What surfaces ask before has used up the budget of all.
			first, second := greet(t, g, s, i.token(t, "first", over)), greet(t, g, s, i.token(t, "first", over))
			if want := map[bool]int{true: 200, false: 429}[n == 0]; first.Status != want {
				t.Errorf("%s, the first request with that %s: %s", s.name, name, first)
			}
			c := second.complaint(t, shapeOf(s.path("", false)))
			t.Logf("%s: %s", s.name, c.message)
			if second.Status != http.StatusTooManyRequests {
				t.Errorf("%s, the second request with that %s: %s", s.name, name, second)
			}
		}
	}
	g.Settled(t, 10*time.Second)
}

func TestATokenThatIsNoGoodIsRefusedInTheClientsDialect(t *testing.T) {
	t.Parallel()
	i, foreign := newIssuer(t), newIssuer(t)
	g := startTrusting(t, i)
	good := i.token(t, "first", nil)
	for _, tt := range []struct {
		name, token string
		status      int
		word, code  string
	}{
		{"of a foreign issuer", foreign.token(t, "first", nil), 401, "not trusted", "invalid_token"},
		{"signed by another with its name", foreign.token(t, "first", claims{"iss": i.URL}), 401, "signature", "invalid_token"},
		{"expired", i.token(t, "first", claims{"exp": time.Now().Add(-time.Hour).Unix()}), 401, "expired", "token_expired"},
		{"for another audience", i.token(t, "first", claims{"aud": "https://other.example"}), 401, "audience", "invalid_token"},
		{"without an audience", i.token(t, "first", claims{"aud": nil}), 401, "aud", "invalid_token"},
		{"without a subject", i.token(t, "first", claims{"sub": ""}), 403, "", ""},
		{"without an end", i.token(t, "first", claims{"exp": nil}), 401, "exp", "invalid_token"},
		{"without a claim that is required", i.token(t, "first", claims{"environment": nil}), 403, "", "token_not_allowed"},
		{"without its signature", good[:len(good)-20], 401, "", "invalid_token"},
	} {
		for n := range surfaces {
			s := &surfaces[n]
			g.untouched(t, func() {
				a := greet(t, g, s, tt.token)
				c := a.complaint(t, shapeOf(s.path("", false)))
				if a.Status != tt.status || !containsFold(c.message, tt.word) || tt.code != "" && c.code != tt.code && c.kind != tt.code {
					t.Errorf("%s, %s: want %d, %q and %q, got %s", tt.name, s.name, tt.status, tt.word, tt.code, a)
				}
				g.checkDiscreet(t, a)
			})
		}
	}
	if n := foreign.asked.Load(); n != 0 {
		t.Errorf("the foreign issuer was asked %d times", n)
	}
}

func TestAnIssuerThatIsAwayOrRotatesLocksNobodyOut(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	g := startTrusting(t, i)
	former := i.token(t, "first", claims{"sub": "before"})
	if a := greet(t, g, &surfaces[0], former); a.Status != http.StatusOK {
		t.Fatal(a)
	}
	i.rotate(t, "second")
	began := time.Now()
	if a := greet(t, g, &surfaces[0], i.token(t, "second", nil)); a.Status != http.StatusOK {
		t.Errorf("a token with the new key: %s", a)
	}
	t.Logf("the new key was good after %s", time.Since(began))
	if a := greet(t, g, &surfaces[0], former); a.Status != http.StatusUnauthorized {
		t.Errorf("a token with the withdrawn key: %s", a)
	}
	asked := i.asked.Load()
	for n := range 50 { // nobody makes us ask over and over
		i.mu.Lock()
		i.keys["unknown"] = i.keys["second"]
		i.mu.Unlock()
		token := i.token(t, "unknown", claims{"sub": fmt.Sprint(n)})
		i.mu.Lock()
		delete(i.keys, "unknown")
		i.mu.Unlock()
		if a := greet(t, g, &surfaces[0], token); a.Status != http.StatusUnauthorized {
			t.Fatalf("a token with a key that is nowhere: %s", a)
		}
	}
	if n := i.asked.Load() - asked; n > 1 {
		t.Errorf("tokens with unknown keys made us ask the issuer %d times", n)
	}

	i.CloseClientConnections()
	i.Close()
	for n := range 3 { // tokens that were not seen before
		if a := greet(t, g, &surfaces[0], i.token(t, "second", claims{"sub": fmt.Sprint("late-", n)})); a.Status != http.StatusOK {
			t.Errorf("the issuer is away: %s", a)
		}
	}
	// A reload doesn't forget the keys.
	g.Offer(g.Compile(g.o.Catalog))
	if a := greet(t, g, &surfaces[0], i.token(t, "second", claims{"sub": "reloaded"})); a.Status != http.StatusOK {
		t.Errorf("after a reload: %s", a)
	}
}
