package credential

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// local is a client for servers on this machine; what it leaves open is closed
// with the test.
func local(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// writeJSON writes a file into the test's directory.
func writeJSON(t *testing.T, name string, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// googleTokens is Google's token service for one service account: it checks
// every assertion as RFC 7523 and Google's documentation ("Using OAuth 2.0 for
// Server to Server Applications") say.
type googleTokens struct {
	*httptest.Server
	key   *rsa.PrivateKey
	given atomic.Int32
}

func newGoogleTokens(t *testing.T) *googleTokens {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	g := &googleTokens{key: key}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := g.check(r); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"error":"invalid_grant","error_description":%q}`, err.Error()+" for "+r.FormValue("assertion"))
			return
		}
		fmt.Fprintf(w, `{"access_token":"ya29.%d","token_type":"Bearer","expires_in":3600}`, g.given.Add(1))
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *googleTokens) check(r *http.Request) error {
	if r.Method != http.MethodPost || r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		return errors.New("not a grant by assertion")
	}
	parts := strings.Split(r.FormValue("assertion"), ".")
	if len(parts) != 3 {
		return errors.New("no JWT")
	}
	var head struct{ Alg, Kid string }
	var claims struct {
		Iss, Scope, Aud string
		Iat, Exp        int64
	}
	for i, v := range []any{&head, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(text, v) != nil {
			return errors.New("a malformed JWT")
		}
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&g.key.PublicKey, crypto.SHA256, sum[:], signature); err != nil {
		return errors.New("a wrong signature")
	}
	now := time.Now().Unix()
	switch {
	case head.Alg != "RS256" || head.Kid != "key-1":
		return fmt.Errorf("a wrong head %+v", head)
	case claims.Iss != "robot@p.iam.gserviceaccount.com" || claims.Scope != googleScope || claims.Aud != g.URL+"/token":
		return fmt.Errorf("wrong claims %+v", claims)
	case claims.Iat > now+60 || claims.Exp <= now || claims.Exp-claims.Iat > 3600:
		return fmt.Errorf("wrong times %+v", claims)
	}
	return nil
}

// account is the file of the service account with a key.
func (g *googleTokens) account(key *rsa.PrivateKey) map[string]string {
	der, _ := x509.MarshalPKCS8PrivateKey(key)
	return map[string]string{
		"type": "service_account", "client_email": "robot@p.iam.gserviceaccount.com", "private_key_id": "key-1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": g.URL + "/token",
	}
}

// fetched is what a fetcher brings, as providers see it, and for how long.
func fetched(t *testing.T, fetch fetcher) ([]string, time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	got, err := fetch(ctx)
	if err != nil {
		t.Fatal(scrub(err))
	}
	return seen(got.headers), time.Until(got.expires).Round(time.Minute)
}

func googleFetcher(t *testing.T, path string, set map[string]string) fetcher {
	t.Helper()
	fetch, err := newGoogle(path, Options{Env: environment(set), HTTP: local(t), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return fetch
}

func TestAServiceAccountSignsForItsTokens(t *testing.T) {
	g := newGoogleTokens(t)
	account := g.account(g.key)
	path := writeJSON(t, "sa.json", account)
	for name, fetch := range map[string]fetcher{
		"named by the catalog":         googleFetcher(t, path, nil),
		"named by Google's variable":   googleFetcher(t, "", map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": path}),
		"asked again, a token is anew": googleFetcher(t, path, nil),
	} {
		before := g.given.Load()
		got, life := fetched(t, fetch)
		if diff := cmp.Diff([]string{fmt.Sprintf("authorization: Bearer ya29.%d", before+1)}, got); diff != "" || life != time.Hour {
			t.Errorf("%s: for %s (-want +got):\n%s", name, life, diff)
		}
	}
	account["quota_project_id"] = "billed"
	got, _ := fetched(t, googleFetcher(t, writeJSON(t, "sa.json", account), nil))
	if len(got) != 2 || got[1] != "x-goog-user-project: billed" {
		t.Errorf("with a quota project the headers are %q", got)
	}
}

func TestAWrongKeyIsToldWithoutTheAssertion(t *testing.T) {
	g := newGoogleTokens(t)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, err = googleFetcher(t, writeJSON(t, "sa.json", g.account(other)), nil)(t.Context())
	if err == nil {
		t.Fatal("a wrong key gives a token")
	}
	text := scrub(err)
	if !strings.Contains(text, "400 Bad Request") || !strings.Contains(text, "a wrong signature") || strings.Contains(text, "eyJ") {
		t.Errorf("the error says %s", text)
	}
}

func TestATokenServiceThatHangsDoesNotOutliveTheContext(t *testing.T) {
	stop := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	t.Cleanup(hanging.Close)
	defer close(stop)
	account := newGoogleTokens(t).account(newGoogleTokens(t).key)
	account["token_uri"] = hanging.URL
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := googleFetcher(t, writeJSON(t, "sa.json", account), nil)(ctx); !errors.Is(err, context.DeadlineExceeded) && !strings.Contains(fmt.Sprint(err), "deadline exceeded") {
		t.Errorf("the error is %v", err)
	}
}

func TestAWorkloadIdentityIsExchanged(t *testing.T) {
	subject := filepath.Join(t.TempDir(), "subject")
	if err := os.WriteFile(subject, []byte("subject-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	exchange := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("subject_token") != "subject-token" || r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:token-exchange" || r.FormValue("audience") != "//iam.googleapis.com/pool" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, `{"access_token":"exchanged","issued_token_type":"urn:ietf:params:oauth:token-type:access_token","token_type":"Bearer","expires_in":1800}`)
	}))
	t.Cleanup(exchange.Close)
	path := writeJSON(t, "wif.json", map[string]any{
		"type": "external_account", "audience": "//iam.googleapis.com/pool", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
		"token_url": exchange.URL + "/v1/token", "credential_source": map[string]string{"file": subject},
	})
	got, life := fetched(t, googleFetcher(t, path, nil))
	if diff := cmp.Diff([]string{"authorization: Bearer exchanged"}, got); diff != "" || life != 30*time.Minute {
		t.Errorf("for %s (-want +got):\n%s", life, diff)
	}
}

func TestAMachineOfGooglesHasItsOwnIdentity(t *testing.T) {
	answer := `{"access_token":"machine","expires_in":600,"token_type":"Bearer"}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Metadata-Flavor") != "Google" || r.URL.Path != "/computeMetadata/v1/instance/service-accounts/default/token" || r.URL.Query().Get("scopes") != googleScope {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(server.Close)
	host, _ := url.Parse(server.URL)
	t.Setenv("GCE_METADATA_HOST", host.Host)
	t.Setenv("HOME", t.TempDir()) // where nobody has logged in
	got, life := fetched(t, googleFetcher(t, "", nil))
	if diff := cmp.Diff([]string{"authorization: Bearer machine"}, got); diff != "" || life != 10*time.Minute {
		t.Errorf("for %s (-want +got):\n%s", life, diff)
	}
	for _, answer = range []string{"", "{}", `{"access_token":"x"}`, `{"expires_in":1}`, "<html>"} {
		if _, err := googleFetcher(t, "", nil)(t.Context()); err == nil {
			t.Errorf("%q passes for a token", answer)
		}
	}
}

func TestAFileThatIsNoneOfGooglesIsRefusedAtOnce(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "no JSON": canary, "no type": `{"private_key":"` + canary + `"}`, "a client's file": `{"installed":{"client_id":"x"}}`, "unknown": `{"type":"` + canary + `"}`,
	} {
		path := filepath.Join(t.TempDir(), "f.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := newGoogle(path, Options{}.filled())
		if err == nil || !strings.HasPrefix(err.Error(), "gcp:"+path+" is no credentials file") || shows(err.Error()) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := newGoogle(filepath.Join(t.TempDir(), "none"), Options{}.filled()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
