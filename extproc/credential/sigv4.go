package credential

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// Call is what a credential may have to sign: the request as it goes out on
// the wire. Other headers may be added, but none that begins with x-amz-: a
// signature must cover those.
type Call struct {
	Method    string
	Authority string // the Host header
	Path      string // with its query
	Body      [][]byte
}

// Headers of AWS Signature Version 4 (IAM User Guide, "Create a signed AWS API
// request").
const (
	amzDate  = "x-amz-date"
	amzHash  = "x-amz-content-sha256"
	amzToken = "x-amz-security-token" //nolint:gosec // the name of a header
)

// service is the name that all of Bedrock's endpoints are signed for.
const service = "bedrock"

// signer signs calls to one region. The library's signer caches the keys that
// a day's signatures are derived with; it may be shared.
type signer struct {
	*v4.Signer
	region string // "" = the one that AWS's configuration names
}

// sign gives the headers of AWS's signature of a call.
func (s signer) sign(t *token, c *Call, now time.Time) ([]Header, error) {
	region := cmp.Or(s.region, t.region)
	switch {
	case region == "":
		return nil, unsigned(errors.New("no AWS region is known; name one in the provider's region"))
	case c == nil:
		return nil, unsigned(errors.New("there is no call to sign"))
	}
	r, hash := signable(c)
	r.Header["X-Amz-Content-Sha256"] = []string{hash}
	// The context is for the signer's debug log, which is off.
	if err := s.SignHTTP(context.Background(), t.aws, r, hash, service, region, now); err != nil {
		return nil, unsigned(err)
	}
	signed := make([]Header, 0, 4)
	for _, name := range cloudNames[catalog.SchemeAWS] {
		if value := r.Header[http.CanonicalHeaderKey(name)]; len(value) > 0 {
			signed = append(signed, Header{Name: name, Value: Value(value[0])})
		}
	}
	return signed, nil
}

func unsigned(cause error) error {
	return &llm.Problem{
		Kind: llm.Unauthenticated, Message: "The gateway cannot sign requests to the provider.", Cause: &failure{scrub(cause)},
	}
}

// signable is the call as the signer reads it, and its body's hash. The path
// goes through Opaque, which the signer takes as it is: a path that is parsed
// may come out escaped otherwise than it went in. No scheme, so that the
// authority keeps its port; no length, for Envoy may send the body in chunks.
func signable(c *Call) (r *http.Request, hash string) {
	sum := sha256.New()
	for _, piece := range c.Body {
		sum.Write(piece)
	}
	path, query, _ := strings.Cut(c.Path, "?")
	return &http.Request{
		Method: c.Method, Host: c.Authority, Header: make(http.Header, 4),
		URL: &url.URL{Host: c.Authority, Opaque: "//" + c.Authority + path, RawQuery: query},
	}, hex.EncodeToString(sum.Sum(nil))
}

// regionOf is the AWS region of a provider: the one the catalog names, else
// the one in the name of the endpoint, such as
// bedrock-runtime.eu-central-1.amazonaws.com; "" leaves it to AWS's own
// configuration.
func regionOf(p *catalog.Provider) string {
	if p.Region != "" {
		return p.Region
	}
	labels := strings.Split(p.BaseURL.Host, ".")
	if i := slices.IndexFunc(labels, regionName.MatchString); i >= 0 && slices.Contains(labels[i:], "amazonaws") {
		return labels[i]
	}
	return ""
}

var regionName = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)

// amazonToken is what AWS's chain has found.
func amazonToken(c aws.Credentials, region string) *token {
	t := &token{aws: c, region: region, secrets: [][]byte{[]byte(c.SecretAccessKey), []byte(c.AccessKeyID)}}
	if c.SessionToken != "" {
		t.secrets = append(t.secrets, []byte(c.SessionToken))
	}
	if c.CanExpire {
		t.expires = c.Expires
	}
	return t
}
