package credential

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const tenant = "11111111-2222-3333-4444-555555555555"

// directory is Microsoft Entra for one tenant (Microsoft identity platform,
// "OAuth 2.0 client credentials flow"): it judges what it is sent by accepts.
type directory struct {
	*httptest.Server
	given   atomic.Int32
	accepts func(r *http.Request) bool
}

// newDirectory makes a directory and a client that reaches nothing else,
// whatever the host: the SDK asks the public cloud which authorities there are.
func newDirectory(t *testing.T, accepts func(r *http.Request) bool) (*directory, *http.Client) {
	t.Helper()
	d := &directory{accepts: accepts}
	d.Server = httptest.NewTLSServer(d)
	t.Cleanup(d.Close)
	roots := x509.NewCertPool()
	roots.AddCert(d.Certificate())
	c := local(t)
	transport := c.Transport.(*http.Transport)
	transport.TLSClientConfig = d.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	transport.TLSClientConfig.RootCAs, transport.TLSClientConfig.ServerName = roots, "example.com"
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, d.Listener.Addr().String())
	}
	t.Setenv("AZURE_AUTHORITY_HOST", "https://login.example.com/")
	t.Setenv("AZURE_TENANT_ID", tenant)
	t.Setenv("AZURE_CLIENT_ID", "client-1")
	return d, c
}

func (d *directory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	base := "https://login.example.com/" + tenant
	switch {
	case strings.HasSuffix(r.URL.Path, "/discovery/instance"):
		fmt.Fprintf(w, `{"tenant_discovery_endpoint":"%s/v2.0/.well-known/openid-configuration","api-version":"1.1",
			"metadata":[{"preferred_network":"login.example.com","preferred_cache":"login.example.com","aliases":["login.example.com"]}]}`, base)
	case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
		fmt.Fprintf(w, `{"authorization_endpoint":"%[1]s/oauth2/v2.0/authorize","token_endpoint":"%[1]s/oauth2/v2.0/token","issuer":"%[1]s/v2.0"}`, base)
	case r.URL.Path == "/"+tenant+"/oauth2/v2.0/token":
		if r.FormValue("grant_type") != "client_credentials" || r.FormValue("client_id") != "client-1" || !strings.HasPrefix(r.FormValue("scope"), azureScope) || !d.accepts(r) {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret %s provided."}`, r.FormValue("client_secret"))
			return
		}
		fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"entra-%d"}`, d.given.Add(1))
	default:
		http.NotFound(w, r)
	}
}

func TestAClientSecretOfTheEnvironmentGetsEntraTokens(t *testing.T) {
	d, c := newDirectory(t, func(r *http.Request) bool { return r.FormValue("client_secret") == "right~secret" })
	t.Setenv("AZURE_CLIENT_SECRET", "right~secret")
	for n := 1; n <= 2; n++ { // the library's cache is not in the way of a token fetched ahead
		got, life := fetched(t, entra{client: c}.fetch)
		if diff := cmp.Diff([]string{fmt.Sprintf("authorization: Bearer entra-%d", n)}, got); diff != "" || life != time.Hour {
			t.Errorf("for %s (-want +got):\n%s", life, diff)
		}
	}
	if n := d.given.Load(); n != 2 {
		t.Errorf("%d tokens were given", n)
	}
}

func TestAWrongClientSecretIsToldWithoutIt(t *testing.T) {
	_, c := newDirectory(t, func(*http.Request) bool { return false })
	t.Setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
	t.Setenv("AZURE_CLIENT_SECRET", "wrong~secret")
	_, err := entra{client: c}.fetch(t.Context())
	if err == nil {
		t.Fatal("a wrong secret gives a token")
	}
	text := scrub(err)
	if !strings.Contains(text, "AADSTS7000215: Invalid client secret (secret) provided") || strings.Contains(text, "wrong~secret") || strings.Contains(text, "\n") {
		t.Errorf("the error says %s", text)
	}
}

func TestAFederatedWorkloadGetsEntraTokens(t *testing.T) {
	assertion := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(assertion, []byte("projected.service.token"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, c := newDirectory(t, func(r *http.Request) bool {
		return r.FormValue("client_assertion") == "projected.service.token" && r.FormValue("client_assertion_type") == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	})
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", assertion)
	got, _ := fetched(t, entra{client: c}.fetch)
	if diff := cmp.Diff([]string{"authorization: Bearer entra-1"}, got); diff != "" {
		t.Errorf("headers differ (-want +got):\n%s", diff)
	}
}

func TestAManagedIdentityGetsEntraTokens(t *testing.T) {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-IDENTITY-HEADER") != "inside" || r.URL.Query().Get("resource") != strings.TrimSuffix(azureScope, "/.default") {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, `{"access_token":"managed","expires_on":"%d","resource":"r","token_type":"Bearer"}`, time.Now().Add(24*time.Hour).Unix())
	}))
	t.Cleanup(service.Close)
	t.Setenv("IDENTITY_ENDPOINT", service.URL+"/msi/token")
	t.Setenv("IDENTITY_HEADER", "inside")
	t.Setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
	got, life := fetched(t, entra{client: local(t)}.fetch)
	if diff := cmp.Diff([]string{"authorization: Bearer managed"}, got); diff != "" || life != 24*time.Hour {
		t.Errorf("for %s (-want +got):\n%s", life, diff)
	}
}
