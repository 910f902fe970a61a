package credential

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// alone takes AWS's configuration of this machine out of a test's sight.
func alone(t *testing.T) {
	t.Helper()
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_CA_BUNDLE",
	} {
		t.Setenv(name, "")
	}
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

func amazonFetched(t *testing.T, a amazon) *token {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	got, err := a.fetch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func checkKeys(t *testing.T, got *token, want [4]string) {
	t.Helper()
	if have := [4]string{got.aws.AccessKeyID, got.aws.SecretAccessKey, got.aws.SessionToken, got.region}; have != want {
		t.Errorf("keys are %q, want %q", have, want)
	}
}

func TestKeysOfTheEnvironmentSign(t *testing.T) {
	alone(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKID1")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret1")
	got := amazonFetched(t, amazon{client: local(t), region: "eu-west-1"})
	checkKeys(t, got, [4]string{"AKID1", "secret1", "", "eu-west-1"})
	if !got.expires.IsZero() {
		t.Errorf("they end at %s", got.expires)
	}
	t.Setenv("AWS_REGION", "us-east-2")
	t.Setenv("AWS_SESSION_TOKEN", "session1")
	checkKeys(t, amazonFetched(t, amazon{client: local(t), region: "eu-west-1"}), [4]string{"AKID1", "secret1", "session1", "us-east-2"})
}

func TestAProfileSigns(t *testing.T) {
	alone(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"credentials": "[default]\naws_access_key_id = AKID0\naws_secret_access_key = secret0\n[prod]\naws_access_key_id = AKID2\naws_secret_access_key = secret2\n",
		"config":      "[profile prod]\nregion = ap-south-1\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "credentials"))
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "config"))
	checkKeys(t, amazonFetched(t, amazon{client: local(t)}), [4]string{"AKID0", "secret0", "", ""})
	checkKeys(t, amazonFetched(t, amazon{client: local(t), profile: "prod"}), [4]string{"AKID2", "secret2", "", "ap-south-1"})
	if _, err := (amazon{client: local(t), profile: "nobody"}).fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("an unknown profile: %v", err)
	}
}

func TestAContainersServiceSigns(t *testing.T) {
	alone(t)
	end := time.Now().Add(6 * time.Hour).UTC().Truncate(time.Second)
	given := 0
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Basic inside" {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, `{"code":"AccessDenied","message":"not with %s"}`, r.Header.Get("Authorization"))
			return
		}
		given++
		fmt.Fprintf(w, `{"AccessKeyId":"ASIA%d","SecretAccessKey":"secret3","Token":"session3","Expiration":%q}`, given, end.Format(time.RFC3339))
	}))
	t.Cleanup(service.Close)
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", service.URL+"/role")
	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic inside")
	for n := 1; n <= 2; n++ { // the library's cache is not in the way of keys fetched ahead
		got := amazonFetched(t, amazon{client: local(t)})
		checkKeys(t, got, [4]string{fmt.Sprintf("ASIA%d", n), "secret3", "session3", ""})
		if !got.expires.Equal(end) {
			t.Errorf("they end at %s, want %s", got.expires, end)
		}
	}
	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic wrong-and-secret")
	_, err := amazon{client: local(t)}.fetch(t.Context())
	if err == nil {
		t.Fatal("a wrong token gives keys")
	}
	if text := scrub(err); strings.Contains(text, "wrong-and-secret") || !strings.Contains(text, "AccessDenied") {
		t.Errorf("the error says %s", text)
	}
}

func TestNoKeysAreAnErrorInTime(t *testing.T) {
	alone(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if got, err := (amazon{client: local(t)}).fetch(ctx); err == nil || ctx.Err() != nil || !strings.Contains(scrub(err), "no EC2 IMDS role found") {
		t.Errorf("keys %v, error %v", got != nil, err)
	}
}
