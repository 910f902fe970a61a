package oidc

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// attack is a token that must not pass.
type attack struct {
	name string
	make func(*authority) string
	want string // what the 401 says
}

const (
	badSignature = "The token has a signature that is not its issuer's."
	unknownKid   = "The token names a key (kid) that its issuer does not publish."
	shared       = "The token is signed with a shared secret, which is never accepted."
	otherAlg     = "The token is signed with an algorithm that is not accepted of its issuer."
)

// refuseAll sends each attack, twice: what was refused once is remembered.
func refuseAll(t *testing.T, attacks []attack) {
	t.Helper()
	for _, tt := range attacks {
		t.Run(tt.name, func(t *testing.T) {
			a := newAuthority(t)
			v := a.verifier(a.entry())
			if _, p := v.Verify(t.Context(), []byte(a.token("rsa", nil))); p != nil {
				t.Fatalf("a good token: %v", p)
			}
			token := tt.make(a)
			for range 2 {
				k, p := v.Verify(t.Context(), []byte(token))
				if k != nil || p == nil || p.Kind != llm.Unauthenticated || p.Message != tt.want {
					t.Errorf("Verify gives %v, %v; want %q", k, p, tt.want)
				}
			}
		})
	}
}

// withHeader is a token of the Ed25519 key with a header as it is written.
func withHeader(header string) func(*authority) string {
	return func(a *authority) string {
		claims, _ := json.Marshal(a.claims(nil))
		return sealText(a.t, signers()["ed"], header, string(claims))
	}
}

func withClaims(changes map[string]any) func(*authority) string {
	return func(a *authority) string { return a.token("ed", changes) }
}

// publicBytes are the forms of the authority's RSA key that attackers have
// taken for a shared secret.
func publicBytes(t testing.TB, form string) []byte {
	t.Helper()
	public := signers()["rsa"].Public().(*rsa.PublicKey)
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	switch form {
	case "pem":
		return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	case "pkcs1":
		return pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(public)})
	case "n":
		return public.N.Bytes()
	}
	return der
}

func hmac(form string) func(*authority) string {
	return func(a *authority) string {
		return seal(a.t, jwt.SigningMethodHS256, publicBytes(a.t, form), map[string]any{"kid": "rsa"}, a.claims(nil))
	}
}

func TestAttacksOnTheAlgorithm(t *testing.T) {
	unsigned := func(algorithm string) func(*authority) string {
		return func(a *authority) string {
			good := a.token("rsa", nil)
			header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"` + algorithm + `","kid":"rsa"}`))
			_, rest, _ := strings.Cut(good, ".")
			return header + "." + rest[:strings.LastIndexByte(rest, '.')] + "."
		}
	}
	resigned := func(method jwt.SigningMethod, kid, named string) func(*authority) string {
		return func(a *authority) string {
			return seal(a.t, method, signers()[kid], map[string]any{"kid": named}, a.claims(nil))
		}
	}
	refuseAll(t, []attack{
		{"alg none", unsigned("none"), "The token is not signed."},
		{"alg None", unsigned("None"), otherAlg},
		{"alg nOnE", unsigned("nOnE"), otherAlg},
		{"no signature under a good algorithm", unsigned("RS256"), badSignature},
		{"HS256 with the RSA public key as DER", hmac("der"), shared},
		{"HS256 with the RSA public key as PEM", hmac("pem"), shared},
		{"HS256 with the RSA public key as PKCS 1", hmac("pkcs1"), shared},
		{"HS256 with the RSA modulus", hmac("n"), shared},
		{"HS512", withHeader(`{"alg":"HS512","kid":"ed"}`), shared},
		{"an algorithm that is not on the list", resigned(jwt.SigningMethodPS256, "rsa", "rsa"), otherAlg},
		{"a curve that is not on the list", resigned(jwt.SigningMethodES384, "ec384", "ec384"), otherAlg},
		{"RS256 named with the EC key", resigned(jwt.SigningMethodRS256, "rsa", "ec"), "The token names a key of its issuer that is not for its algorithm."},
		{"ES256 named with the RSA key", resigned(jwt.SigningMethodES256, "ec", "rsa"), "The token names a key of its issuer that is not for its algorithm."},
		{"ES256 named with a P-384 key", resigned(jwt.SigningMethodES256, "ec", "ec384"), "The token names a key of its issuer that is not for its algorithm."},
		{"an unknown algorithm", withHeader(`{"alg":"EdDSA2","kid":"ed"}`), otherAlg},
		{"a list of algorithms", withHeader(`{"alg":["EdDSA"],"kid":"ed"}`), "The token does not name its algorithm (alg)."},
		{"no algorithm", withHeader(`{"kid":"ed"}`), "The token does not name its algorithm (alg)."},
		{"two algorithms", withHeader(`{"alg":"none","alg":"EdDSA","kid":"ed"}`), "The token has a header that has a name twice."},
		{"the algorithm in capitals", withHeader(`{"ALG":"EdDSA","kid":"ed"}`), "The token does not name its algorithm (alg)."},
	})
}

func TestAttacksOnTheKey(t *testing.T) {
	kid := func(kid string) func(*authority) string {
		return func(a *authority) string {
			return seal(a.t, jwt.SigningMethodEdDSA, newEd(), map[string]any{"kid": kid}, a.claims(nil))
		}
	}
	refuseAll(t, []attack{
		{"another key under a known name", kid("ed"), badSignature},
		{"kid is a path", kid("../../../../dev/null"), unknownKid},
		{"kid is a file URL", kid("file:///dev/null"), unknownKid},
		{"kid is SQL", kid("x' UNION SELECT 'key"), unknownKid},
		{"kid is a command", kid("key|id"), unknownKid},
		{"kid with a zero byte", kid("ed\x00"), unknownKid},
		{"kid in capitals", kid("ED"), unknownKid},
		{"kid is empty", withHeader(`{"alg":"EdDSA","kid":""}`), "The token does not name the key that it is signed with (kid)."},
		{"kid is a number", withHeader(`{"alg":"EdDSA","kid":0}`), "The token does not name the key that it is signed with (kid)."},
		{"no kid", withHeader(`{"alg":"EdDSA"}`), "The token does not name the key that it is signed with (kid)."},
		{"two kids", withHeader(`{"alg":"EdDSA","kid":"ed","kid":"rsa"}`), "The token has a header that has a name twice."},
		{"kid is a book", kid(strings.Repeat("k", 257)), "The token names a key (kid) with more than 256 bytes."},
		{"critical extensions", withHeader(`{"alg":"EdDSA","kid":"ed","crit":["b64"],"b64":false}`), "The token has critical extensions (crit), which this gateway does not know."},
		{"a logout token", withHeader(`{"alg":"EdDSA","kid":"ed","typ":"logout+jwt"}`), "The token has a type (typ) that is not for requests; send one of type JWT."},
	})
}

// A token that brings its own key, or says where to fetch one, is judged as if
// it had not.
func TestAttacksWithKeysTheTokenBrings(t *testing.T) {
	var visits int
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits++ }))
	defer evil.Close()
	mine := newEd()
	for name, value := range map[string]any{
		"jku": evil.URL, "x5u": evil.URL, "jwk": jwkOf(t, "ed", mine.Public()), "x5c": []string{"MIIB"}, "x5t": "abc",
	} {
		t.Run(name, func(t *testing.T) {
			refuseAll(t, []attack{
				{"own kid", func(a *authority) string {
					return seal(a.t, jwt.SigningMethodEdDSA, mine, map[string]any{"kid": "mine", name: value}, a.claims(nil))
				}, unknownKid},
				{"known kid", func(a *authority) string {
					return seal(a.t, jwt.SigningMethodEdDSA, mine, map[string]any{"kid": "ed", name: value}, a.claims(nil))
				}, badSignature},
			})
			a := newAuthority(t)
			good := seal(t, jwt.SigningMethodEdDSA, signers()["ed"], map[string]any{"kid": "ed", name: value}, a.claims(nil))
			if _, p := a.verifier(a.entry()).Verify(t.Context(), []byte(good)); p != nil {
				t.Errorf("a good token that has it as well: %v", p)
			}
		})
	}
	if visits > 0 {
		t.Errorf("what the token named was fetched %d times", visits)
	}
}

func TestAttacksOnTheClaims(t *testing.T) {
	const noTime = "The token has a claim exp that is no time."
	text := func(claims string) func(*authority) string {
		return func(a *authority) string {
			claims := strings.NewReplacer("ISS", `"iss":"`+a.issuer+`"`, "AUD", `"aud":"other"`, "EXP", `"exp":1800003600`).Replace(claims)
			return sealText(a.t, signers()["ed"], `{"alg":"EdDSA","kid":"ed"}`, claims)
		}
	}
	const lacks, untrusted = "The token lacks one of the claims iss, aud and exp.", "The token is of an issuer that is not trusted here."
	refuseAll(t, []attack{
		{"expired", withClaims(map[string]any{"exp": 1_800_000_000 - 31}), "The token has expired; get a new one."},
		{"expired just now", withClaims(map[string]any{"exp": 1_800_000_000 - 30}), "The token has expired; get a new one."},
		{"no end", withClaims(map[string]any{"exp": nil}), lacks},
		{"the end is 0", withClaims(map[string]any{"exp": 0}), "The token has expired; get a new one."},
		{"the end is text", withClaims(map[string]any{"exp": "1900000000"}), noTime},
		{"the end is negative", withClaims(map[string]any{"exp": -1}), noTime},
		{"the end is beyond the calendar", text(`{ISS,AUD,"exp":1e300,"sub":"x"}`), noTime},
		{"the end is beyond numbers", text(`{ISS,AUD,"exp":1e999,"sub":"x"}`), noTime},
		{"the end is nothing", text(`{ISS,AUD,"exp":null,"sub":"x"}`), noTime},
		{"not valid yet", withClaims(map[string]any{"nbf": 1_800_000_000 + 31}), "The token is not valid yet (nbf)."},
		{"the beginning is text", withClaims(map[string]any{"nbf": "now"}), "The token has a claim nbf that is no time."},
		{"another audience", withClaims(map[string]any{"aud": "https://gateway.example/"}), "The token is meant for another audience (aud)."},
		{"audiences without ours", withClaims(map[string]any{"aud": []string{"a", "https://gateway.example.evil.example"}}), "The token is meant for another audience (aud)."},
		{"no audience", withClaims(map[string]any{"aud": nil}), lacks},
		{"an audience that is no text", withClaims(map[string]any{"aud": []any{"other", 1}}), "The token has claims iss, aud, exp or nbf that do not hold."},
		{"an audience of patterns", withClaims(map[string]any{"aud": "*"}), "The token is meant for another audience (aud)."},
		{"another issuer", withClaims(map[string]any{"iss": "https://evil.example"}), untrusted},
		{"an issuer that begins alike", func(a *authority) string { return a.token("ed", map[string]any{"iss": a.issuer + "/"}) }, untrusted},
		{"an issuer in capitals", func(a *authority) string { return a.token("ed", map[string]any{"iss": strings.ToUpper(a.issuer)}) }, untrusted},
		{"no issuer", withClaims(map[string]any{"iss": nil}), untrusted},
		{"an issuer that is a list", func(a *authority) string { return a.token("ed", map[string]any{"iss": []string{a.issuer}}) }, untrusted},
		{"two subjects", text(`{ISS,AUD,EXP,"sub":"a","sub":"b"}`), "The token has a payload that has a name twice."},
		{"two subjects, one escaped", text(`{ISS,AUD,EXP,"sub":"a","s\u0075b":"b"}`), "The token has a payload that has a name twice."},
		{"two names in depth", text(`{ISS,AUD,EXP,"sub":"a","x":[{"y":1,"y":2}]}`), "The token has a payload that has a name twice."},
		{"deep claims", text(`{ISS,AUD,EXP,"sub":"a","x":` + strings.Repeat("[", 9) + strings.Repeat("]", 9) + `}`), "The token has a payload that is nested deeper than 8 levels."},
		{"claims with more behind them", text(`{ISS,AUD,EXP,"sub":"a"}{}`), "The token has a payload that is no valid JSON."},
		{"claims that are a list", text(`[{ISS}]`), "The token has a payload that is no JSON object."},
		{"claims that are no UTF-8", text("{ISS,AUD,EXP,\"sub\":\"a\xff\"}"), "The token has a payload that is no valid JSON."},
	})
}

func TestAttacksOnTheForm(t *testing.T) {
	cut := func(change func(string) string) func(*authority) string {
		return func(a *authority) string { return change(a.token("rsa", nil)) }
	}
	refuseAll(t, []attack{
		{"truncated by one character", cut(func(s string) string { return s[:len(s)-1] }), "The token has a signature that is no base64url."},
		{"truncated by half a signature", cut(func(s string) string { return s[:len(s)-170] }), badSignature},
		{"truncated by the signature", cut(func(s string) string { return s[:strings.LastIndexByte(s, '.')] }), "The token does not have three parts."},
		{"a part more", cut(func(s string) string { return s + ".x" }), "The token does not have three parts."},
		{"padding", cut(func(s string) string { return s + "==" }), "The token has a signature that is no base64url."},
		{"a line break", cut(func(s string) string { return s + "\n" }), "The token has a signature that is no base64url."},
		{"other bits behind the last", cut(trailingBits), "The token has a signature that is no base64url."},
		{"plain base64", cut(func(s string) string { return "+" + s }), "The token has a header that is no base64url."},
		{"another payload under the signature", cut(func(s string) string {
			parts := strings.Split(s, ".")
			raw, _ := base64.RawURLEncoding.DecodeString(parts[1])
			changed := strings.Replace(string(raw), "acme", "evil", 1)
			return parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(changed)) + "." + parts[2]
		}), badSignature},
		{"oversize", cut(func(s string) string { return s + strings.Repeat("A", 16<<10) }), "The token is longer than 16384 bytes."},
		{"empty", cut(func(string) string { return "" }), "The token does not have three parts."},
		{"dots", cut(func(string) string { return ".." }), "The token has a header that is no JSON object."},
	})
}

// trailingBits sets bits of the last character that belong to no byte: another
// text for the same signature.
func trailingBits(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return s[:len(s)-1] + string(alphabet[strings.IndexByte(alphabet, s[len(s)-1])|1])
}
