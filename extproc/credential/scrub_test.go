package credential

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/oauth2"
)

// longSecret reads like what clouds hand out.
const longSecret = "ya29.a0AfH6SMBx7Qk-9ZpL2w_canary3rT"

func TestErrorsOfLibrariesAreScrubbed(t *testing.T) {
	t.Setenv("AZURE_CLIENT_SECRET", "all-lower-case-secret")
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"plain", errors.New("dial tcp 169.254.169.254:80: i/o timeout"), "dial tcp 169.254.169.254:80: i/o timeout"},
		{"a token", errors.New("bad token " + longSecret + "."), "bad token (secret)"},
		{"an AWS secret", errors.New("key=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY, eh"), "(secret), eh"},
		{"a secret of the environment", errors.New("AADSTS7000215: all-lower-case-secret is wrong"), "AADSTS7000215: (secret) is wrong"},
		{"host names and ids", errors.New("https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/oauth2/v2.0/token"), "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/oauth2/v2.0/token"},
		{"many lines", errors.New("failed\n------------\n  RESPONSE 401\n\x1b[0m"), "failed RESPONSE 401 [0m"},
		{"a long text", errors.New(strings.Repeat("é ", 400)), strings.Repeat("é ", 200) + "…"},
		{
			"an answer with a code", &oauth2.RetrieveError{
				Response: &http.Response{Status: "400 Bad Request"}, Body: []byte(longSecret), ErrorCode: "invalid_grant", ErrorDescription: "Token expired",
			}, "the token service answers 400 Bad Request: invalid_grant Token expired",
		},
		{
			"an answer without", &oauth2.RetrieveError{Response: &http.Response{Status: "403 Forbidden"}, Body: []byte("no " + longSecret)},
			"the token service answers 403 Forbidden: no (secret)",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := scrub(tt.err); got != tt.want {
				t.Errorf("scrubbed to %q, want %q", got, tt.want)
			}
		})
	}
}
