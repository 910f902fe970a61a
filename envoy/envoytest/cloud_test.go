package envoytest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

// The keys of AWS's documentation.
const (
	amazonID     = "AKIAIOSFODNN7EXAMPLE"
	amazonSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// amazonAlone takes all of AWS's own settings out of the environment but a pair
// of keys.
func amazonAlone(t *testing.T, session string) {
	t.Helper()
	for _, name := range []string{
		"AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
		"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_CA_BUNDLE",
	} {
		t.Setenv(name, "")
	}
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_ACCESS_KEY_ID", amazonID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", amazonSecret)
	t.Setenv("AWS_SESSION_TOKEN", session)
}

// signed has models of two accounts: gamma knows the secret, delta another.
const signed = `
open: true
listen: {port: {{port}}}
providers:
  alpha: {dialect: openai, base_url: "{{url "alpha"}}"}
  gamma: {dialect: bedrock, base_url: "{{url "gamma"}}", region: eu-central-1, credential: "aws:"}
  delta: {dialect: bedrock, base_url: "{{url "delta"}}", region: eu-central-1, credential: "aws:"}
models:
  claude/right: {targets: [{provider: gamma, id: "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"}]}
  claude/profile: {targets: [{provider: gamma, id: "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-5"}]}
  claude/wrong: {targets: [{provider: delta, id: "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"}]}
  claude/next: {targets: [{provider: delta, id: "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-5"}, alpha]}
  titan/embed: {targets: [{provider: gamma, id: "amazon.titan-embed-text-v2:0"}]}
`

// TestCallsToBedrockAreSignedAsItsVerificationDemands is not parallel: it sets
// the environment, which AWS's library reads.
func TestCallsToBedrockAreSignedAsItsVerificationDemands(t *testing.T) {
	for _, session := range []string{"", "a/session+token=="} {
		t.Run("session token "+session, func(t *testing.T) {
			amazonAlone(t, session)
			account := func(name, secret string) simulator.Config {
				return simulator.Config{Name: name, Record: 64, AccessKeys: []simulator.AccessKey{{
					ID: amazonID, Secret: simulator.Secret(secret), Token: simulator.Secret(session), Region: "eu-central-1",
				}}}
			}
			g := Start(t, Options{Catalog: signed, Providers: []simulator.Config{{Name: "alpha", Record: 64}, account("gamma", amazonSecret), account("delta", "another")}})
			for _, name := range []string{"chat", "responses", "messages", "gemini"} {
				for _, stream := range []bool{false, true} {
					g.checkSigned(t, surfaceNamed(t, name), stream)
				}
			}
			a, err := g.Do(t.Context(), http.MethodPost, "/v1/embeddings", `{"model":"titan/embed","input":"camel"}`)
			if err != nil || a.Status != http.StatusOK || a.Header.Get("X-Dragoman-Provider") != "gamma" {
				t.Errorf("embeddings: %v %s", err, a)
			}
			if strings.Contains(g.logs.String(), amazonSecret) {
				t.Error("the log tells the secret")
			}
		})
	}
}

// checkSigned asks those who know the secret, and those who know another: these
// refuse, as no client may be told, and the next target serves.
func (g *Gateway) checkSigned(t *testing.T, s *surface, stream bool) {
	t.Helper()
	text := fmt.Sprintf("%s, stream %t", s.name, stream)
	for _, model := range []string{"claude/right", "claude/profile"} {
		h := s.ask(t, g, stream, s.rich(model, text+" [[sim:{}]]")+"}")
		if h.Err != nil || h.Header.Get("X-Dragoman-Provider") != "gamma" || h.Header.Get("X-Dragoman-Attempts") != "1" {
			t.Errorf("%s, %s: the right secret: %+v", text, model, h)
		}
	}
	calls := g.callsWith("gamma", text)
	if len(calls) != 2 {
		t.Errorf("%s: gamma was called %d times", text, len(calls))
	}
	for _, r := range calls {
		for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Content-Sha256", "X-Amz-Security-Token"} {
			r.Header.Del(name)
		}
		checkClean(t, "gamma", r.Header)
	}
	h := s.ask(t, g, stream, s.plain("claude/wrong", text)+"}")
	if h.Status != http.StatusBadGateway || h.Err == nil || !strings.Contains(words(h.Err), "delta: 403 auth") || strings.Contains(words(h.Err), amazonID) || strings.Contains(words(h.Err), "signature") {
		t.Errorf("%s: a wrong secret: %+v", text, h)
	}
	h = s.ask(t, g, stream, s.plain("claude/next", text)+"}")
	if h.Err != nil || h.Header.Get("X-Dragoman-Provider") != "alpha" || h.Header.Get("X-Dragoman-Attempts") != "2" {
		t.Errorf("%s: a wrong secret, and a next target: %+v", text, h)
	}
}

// serviceAccount writes the file of a service account whose token server is at
// url.
func serviceAccount(t *testing.T, url string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "robot@p.iam.gserviceaccount.com", "private_key_id": "key-1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": url,
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "account.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestVertexIsCalledWithTheTokenOfAServiceAccount(t *testing.T) {
	t.Parallel()
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("assertion") == "" {
			t.Errorf("a token was asked for without an assertion: %v", r.Form)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"ya29.right","token_type":"Bearer","expires_in":3600}`)
	}))
	t.Cleanup(tokens.Close)
	account := serviceAccount(t, tokens.URL+"/token")
	g := Start(t, Options{
		Catalog: fmt.Sprintf(`
open: true
listen: {port: {{port}}}
providers:
  alpha: {dialect: openai, base_url: "{{url "alpha"}}"}
  gamma: {dialects: [gemini, anthropic], platform: vertex, base_url: "{{url "gamma"}}/v1/projects/p/locations/eu", credential: "gcp:%[1]s"}
  delta: {dialects: [gemini, anthropic], platform: vertex, base_url: "{{url "delta"}}/v1/projects/p/locations/eu", credential: "gcp:%[1]s"}
models:
  vertex/gemini: {targets: [{provider: gamma, id: gemini-3-pro}]}
  vertex/claude: {targets: [{provider: gamma, id: claude-sonnet-4-5, dialects: [anthropic]}]}
  vertex/next: {targets: [{provider: delta, id: gemini-3-pro}, alpha]}
`, account),
		Providers: []simulator.Config{{Name: "alpha"}, {Name: "gamma", Key: "ya29.right", Record: 64}, {Name: "delta", Key: "ya29.another"}},
	})
	for _, name := range []string{"chat", "responses", "messages", "gemini"} {
		s := surfaceNamed(t, name)
		for _, stream := range []bool{false, true} {
			for model, provider := range map[string]string{"vertex/gemini": "gamma", "vertex/claude": "gamma", "vertex/next": "alpha"} {
				h := s.ask(t, g, stream, s.rich(model, "picture of "+name)+"}")
				if h.Err != nil || h.Header.Get("X-Dragoman-Provider") != provider {
					t.Errorf("%s, stream %t, %s: %+v", name, stream, model, h)
				}
			}
		}
	}
	for _, r := range g.Fleet.Provider("gamma").Records() {
		if got := r.Header.Get("Authorization"); got != "Bearer ya29.right" || r.Header.Get("X-Goog-Api-Key") != "" {
			t.Errorf("%s was called with %q", r.Path, got)
		}
	}
}

// entra is Microsoft Entra for one tenant, and a client that reaches nothing
// else, whatever the host.
func entra(t *testing.T) *http.Client {
	t.Helper()
	const tenant = "11111111-2222-3333-4444-555555555555"
	const base = "https://login.example.com/" + tenant
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasSuffix(r.URL.Path, "/discovery/instance"):
			fmt.Fprintf(w, `{"tenant_discovery_endpoint":"%s/v2.0/.well-known/openid-configuration","api-version":"1.1","metadata":[{"preferred_network":"login.example.com","preferred_cache":"login.example.com","aliases":["login.example.com"]}]}`, base)
		case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
			fmt.Fprintf(w, `{"authorization_endpoint":"%[1]s/oauth2/v2.0/authorize","token_endpoint":"%[1]s/oauth2/v2.0/token","issuer":"%[1]s/v2.0"}`, base)
		case r.FormValue("client_secret") == "right~secret":
			fmt.Fprint(w, `{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"entra-right"}`)
		default:
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":"invalid_client"}`)
		}
	}))
	t.Cleanup(server.Close)
	transport := server.Client().Transport.(*http.Transport).Clone()
	transport.TLSClientConfig.ServerName = "example.com"
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}
	t.Cleanup(transport.CloseIdleConnections)
	for name, value := range map[string]string{
		"AZURE_AUTHORITY_HOST": "https://login.example.com/", "AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": "client-1", "AZURE_CLIENT_SECRET": "right~secret",
	} {
		t.Setenv(name, value)
	}
	return &http.Client{Transport: transport}
}

// TestAzureIsCalledWithATokenOfEntra is not parallel: it sets the environment,
// which Azure's library reads.
func TestAzureIsCalledWithATokenOfEntra(t *testing.T) {
	g := Start(t, Options{
		Cloud: entra(t),
		Catalog: `
open: true
listen: {port: {{port}}}
providers:
  gamma: {dialect: openai, platform: azure, api_version: 2024-10-21, base_url: "{{url "gamma"}}/openai", credential: "azure:"}
models:
  azure/gpt: {targets: [{provider: gamma, id: my-deployment}]}
`,
		Providers: []simulator.Config{{Name: "gamma", Key: "entra-right", Record: 64}},
	})
	for _, name := range []string{"chat", "responses", "messages", "gemini"} {
		s := surfaceNamed(t, name)
		for _, stream := range []bool{false, true} {
			if h := s.ask(t, g, stream, s.rich("azure/gpt", "picture of "+name)+"}"); h.Err != nil || h.Header.Get("X-Dragoman-Provider") != "gamma" {
				t.Errorf("%s, stream %t: %+v", name, stream, h)
			}
		}
	}
	a, err := g.Do(t.Context(), http.MethodPost, "/v1/embeddings", `{"model":"azure/gpt","input":"camel"}`)
	if err != nil || a.Status != http.StatusOK {
		t.Errorf("embeddings: %v %s", err, a)
	}
	for _, r := range g.Fleet.Provider("gamma").Records() {
		if !strings.HasPrefix(r.Path, "/openai/deployments/my-deployment/") || r.Header.Get("Authorization") != "Bearer entra-right" {
			t.Errorf("%s was called with %q", r.Path, r.Header.Get("Authorization"))
		}
	}
}
