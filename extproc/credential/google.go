package credential

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"cloud.google.com/go/compute/metadata"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

const (
	googleScope  = "https://www.googleapis.com/auth/cloud-platform"
	quotaProject = "x-goog-user-project"
)

// googleTypes are the kinds of files that are read (google.aip.dev/auth/4110).
var googleTypes = []google.CredentialsType{
	google.ServiceAccount, google.AuthorizedUser, google.ExternalAccount,
	google.ExternalAccountAuthorizedUser, google.ImpersonatedServiceAccount,
}

// googleFile is what is read of a credentials file here.
type googleFile struct {
	Type         google.CredentialsType `json:"type"`
	QuotaProject string                 `json:"quota_project_id"`
	text         []byte
}

// googleFinder finds application default credentials (google.aip.dev/auth/4110).
// Each fetch reads files and asks anew: the library's cache would hold a token
// to its end, and with it the key that a rotated file had.
type googleFinder struct {
	path      string // of the reference, "" = search
	env       Env
	transport http.RoundTripper // to token services
	metadata  *metadata.Client
	now       func() time.Time
}

// newGoogle makes a fetcher; a file that the catalog names must be there.
func newGoogle(path string, o Options) (fetcher, error) {
	g := googleFinder{path: path, env: o.Env, now: o.Now}
	if o.HTTP != nil && o.HTTP.Transport != nil {
		g.transport, g.metadata = o.HTTP.Transport, metadata.NewClient(o.HTTP)
	} else {
		g.transport = &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 10 * time.Second}
		// The metadata server is on this machine's link: no proxy, and no long
		// wait where there is none.
		near := &net.Dialer{Timeout: 3 * time.Second}
		g.metadata = metadata.NewClient(&http.Client{Transport: &http.Transport{DialContext: near.DialContext, IdleConnTimeout: time.Minute}})
	}
	if path != "" {
		if _, err := readGoogle(path); err != nil {
			return nil, fmt.Errorf("%s:%s %w", catalog.SchemeGCP, path, err)
		}
	}
	return g.fetch, nil
}

func (g googleFinder) fetch(ctx context.Context) (*token, error) {
	file, err := g.file()
	switch {
	case err != nil:
		return nil, err
	case file == nil:
		return g.ofMachine(ctx)
	}
	// The library asks without a context: the transport lends it this one.
	client := &http.Client{Transport: bound{ctx, g.transport}}
	creds, err := google.CredentialsFromJSONWithTypeAndParams(
		context.WithValue(ctx, oauth2.HTTPClient, client), file.text, file.Type,
		google.CredentialsParams{Scopes: []string{googleScope}})
	if err != nil {
		return nil, err
	}
	got, err := creds.TokenSource.Token()
	if err != nil {
		return nil, err
	}
	t := bearerToken(got.AccessToken, got.Expiry)
	if file.QuotaProject != "" {
		t.headers = append(t.headers, Header{Name: quotaProject, Value: Value(file.QuotaProject)})
	}
	return t, nil
}

// file is the credentials file, or nil if the machine's own identity is meant.
func (g googleFinder) file() (*googleFile, error) {
	path := g.path
	if path == "" {
		path, _ = g.env("GOOGLE_APPLICATION_CREDENTIALS")
	}
	if path != "" {
		return readGoogle(path)
	}
	file, err := readGoogle(g.wellKnown())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return file, err
}

// wellKnown is where "gcloud auth application-default login" writes.
func (g googleFinder) wellKnown() string {
	const name = "application_default_credentials.json"
	if runtime.GOOS == "windows" {
		dir, _ := g.env("APPDATA")
		return filepath.Join(dir, "gcloud", name)
	}
	home, _ := os.UserHomeDir()
	return filepath.Join(home, ".config", "gcloud", name)
}

func readGoogle(path string) (*googleFile, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	file := &googleFile{text: text}
	// The error is not passed on: it may quote the file.
	if json.Unmarshal(text, file) != nil || !slices.Contains(googleTypes, file.Type) {
		return nil, errors.New("is no credentials file of Google's: JSON with a type such as service_account or external_account")
	}
	return file, nil
}

// ofMachine asks the metadata server for the identity of the machine, and
// nobody else: GCE_METADATA_HOST says where it is.
func (g googleFinder) ofMachine(ctx context.Context) (*token, error) {
	text, err := g.metadata.GetWithContext(ctx, "instance/service-accounts/default/token?scopes="+url.QueryEscape(googleScope))
	if err != nil {
		return nil, fmt.Errorf("there is no credentials file, and the metadata server gives no token: %w", err)
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"` // seconds
	}
	if json.Unmarshal([]byte(text), &answer) != nil || answer.AccessToken == "" || answer.ExpiresIn <= 0 {
		return nil, errors.New("the metadata server's answer is no token")
	}
	return bearerToken(answer.AccessToken, g.now().Add(time.Duration(answer.ExpiresIn)*time.Second)), nil
}

// bound makes requests end with a context.
type bound struct {
	ctx  context.Context // of one fetch
	next http.RoundTripper
}

func (b bound) RoundTrip(r *http.Request) (*http.Response, error) {
	return b.next.RoundTrip(r.WithContext(b.ctx))
}
