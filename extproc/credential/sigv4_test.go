package credential

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// The keys, date and scope of AWS's Signature Version 4 test suite.
var (
	suiteKeys = aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	suiteTime = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
)

// suite are the vectors of AWS's test suite that sign no headers of their own.
var suite = []struct{ name, method, path, body, signature string }{
	{"get-vanilla", "GET", "/", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"get-unreserved", "GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
	{"get-utf8", "GET", "/ሴ", "", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
	{"get-vanilla-empty-query-key", "GET", "/?Param1=value1", "", "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
	{"get-vanilla-query-order-key", "GET", "/?Param1=value2&Param1=Value1", "", "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1"},
	{"get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", "", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
	{"get-vanilla-query-order-value", "GET", "/?Param1=value2&Param1=value1", "", "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"},
	{
		"get-vanilla-query-unreserved", "GET", "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "",
		"9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
	},
	{"get-vanilla-utf8-query", "GET", "/?ሴ=bar", "", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
	{"post-vanilla", "POST", "/", "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
	{"post-vanilla-query", "POST", "/?Param1=value1", "", "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
}

func TestCallsAreSignedAsAWSPublishes(t *testing.T) {
	const scope = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature="
	for _, v := range suite {
		t.Run(v.name, func(t *testing.T) {
			c := &Call{Method: v.method, Authority: "example.amazonaws.com", Path: v.path, Body: [][]byte{[]byte(v.body)}}
			r, hash := signable(c)
			if err := v4.NewSigner().SignHTTP(t.Context(), suiteKeys, r, hash, "service", "us-east-1", suiteTime); err != nil {
				t.Fatal(err)
			}
			if got, want := r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="+scope+v.signature; got != want {
				t.Errorf("signed as\n%s, want\n%s", got, want)
			}
			own := verifier{keys: suiteKeys, service: "service", region: "us-east-1"}
			if got := own.signature(c, map[string]string{"host": c.Authority, "x-amz-date": "20150830T123600Z"}); got != v.signature {
				t.Errorf("the test's own verifier finds %s", got)
			}
		})
	}
}

// verifier is a second implementation of the signature, after the
// documentation (IAM User Guide, "Create a signed AWS API request").
type verifier struct {
	keys            aws.Credentials
	service, region string
}

// signature signs a call with these headers, all of them.
func (v verifier) signature(c *Call, headers map[string]string) string {
	path, query, _ := strings.Cut(c.Path, "?")
	var names, pairs []string
	for name := range headers {
		names = append(names, name)
	}
	slices.Sort(names)
	var lines string
	for _, name := range names {
		lines += name + ":" + headers[name] + "\n"
	}
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		plainKey, _ := url.QueryUnescape(key)
		plainValue, _ := url.QueryUnescape(value)
		pairs = append(pairs, escaped(plainKey, "")+"="+escaped(plainValue, ""))
	}
	slices.Sort(pairs)
	date := headers["x-amz-date"]
	scope := date[:8] + "/" + v.region + "/" + v.service + "/aws4_request"
	canonical := c.Method + "\n" + escaped(path, "/") + "\n" + strings.Join(pairs, "&") + "\n" + lines + "\n" + strings.Join(names, ";") + "\n" + digest(bytes.Join(c.Body, nil))
	key := []byte("AWS4" + v.keys.SecretAccessKey)
	for _, part := range append(strings.Split(scope, "/"), "AWS4-HMAC-SHA256\n"+date+"\n"+scope+"\n"+digest([]byte(canonical))) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

func digest(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }

// escaped is RFC 3986's escaping of all but unreserved characters.
func escaped(s, but string) string {
	var out strings.Builder
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~"+but, c) >= 0 {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}

// amazonSet is a set whose provider, p, has AWS credentials in memory.
func amazonSet(keys aws.Credentials, region string) *Set {
	src := newSource("aws:", nil, Options{}.filled())
	src.current.Store(amazonToken(keys, "us-west-2"))
	ref := catalog.Reference{Scheme: catalog.SchemeAWS}
	return &Set{entries: map[string]*entry{"p": {ref: ref, source: src, names: cloudNames[ref.Scheme], signer: signer{v4.NewSigner(), region}}}}
}

func TestASignatureStandsUpToAnIndependentVerification(t *testing.T) {
	temporary := suiteKeys
	temporary.SessionToken = "AQoDYXdzEPT//////////wEXAMPLE=="
	tests := []struct {
		name   string
		keys   aws.Credentials
		region string
		call   Call
	}{
		{"a model with a colon", suiteKeys, "eu-central-1", Call{Method: "POST", Authority: "bedrock-runtime.eu-central-1.amazonaws.com", Path: "/model/anthropic.claude-v1:0/converse", Body: [][]byte{[]byte(`{"a":`), []byte(`1}`)}}},
		{"an escaped model", suiteKeys, "eu-central-1", Call{Method: "POST", Authority: "bedrock-runtime.eu-central-1.amazonaws.com", Path: "/model/anthropic.claude-v1%3A0/converse-stream"}},
		{"an ARN for a model", suiteKeys, "eu-central-1", Call{Method: "POST", Authority: "x.example", Path: "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fa/invoke"}},
		{"a session", temporary, "us-east-1", Call{Method: "POST", Authority: "127.0.0.1:8443", Path: "/model/m/converse", Body: [][]byte{[]byte("{}")}}},
		{"a port that the scheme implies", suiteKeys, "us-east-1", Call{Method: "POST", Authority: "x.example:443", Path: "/model/m/converse"}},
		{"a query", suiteKeys, "us-east-1", Call{Method: "GET", Authority: "x.example", Path: "/foundation-models?b=2&a=x%20y&a=%C3%A9"}},
		{"the configuration's region", suiteKeys, "", Call{Method: "GET", Authority: "x.example", Path: "/"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := amazonSet(tt.keys, tt.region)
			now := time.Date(2026, 3, 4, 23, 5, 6, 7, time.FixedZone("", -3600))
			got, err := s.Authorize("p", &tt.call, now)
			if err != nil {
				t.Fatal(err)
			}
			checkSignature(t, tt.keys, tt.region, &tt.call, got)
		})
	}
}

func checkSignature(t *testing.T, keys aws.Credentials, region string, c *Call, got []Header) {
	t.Helper()
	if region == "" {
		region = "us-west-2"
	}
	signed := map[string]string{"host": c.Authority}
	var presented string
	for _, h := range got {
		if !slices.Contains(cloudNames[catalog.SchemeAWS], h.Name) {
			t.Errorf("a header %s is given that Names does not know", h.Name)
		}
		if h.Name == authorization {
			presented = string(h.Value)
			continue
		}
		signed[h.Name] = string(h.Value)
	}
	wanted := map[string]string{"host": c.Authority, amzDate: "20260305T000506Z", amzHash: digest(bytes.Join(c.Body, nil))}
	names := "host;x-amz-content-sha256;x-amz-date"
	if keys.SessionToken != "" {
		wanted[amzToken] = keys.SessionToken
		names += ";x-amz-security-token"
	}
	for name, value := range wanted {
		if signed[name] != value {
			t.Errorf("%s is %q, want %q", name, signed[name], value)
		}
	}
	v := verifier{keys: keys, service: "bedrock", region: region}
	want := "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260305/" + region + "/bedrock/aws4_request, SignedHeaders=" + names + ", Signature=" + v.signature(c, wanted)
	if presented != want {
		t.Errorf("authorization is\n%s, want\n%s", presented, want)
	}
}

func TestWhatCannotBeSignedFailsOver(t *testing.T) {
	s := amazonSet(suiteKeys, "us-east-1")
	for name, f := range map[string]func() ([]Header, error){
		"no call": func() ([]Header, error) { return s.Authorize("p", nil, time.Now()) },
		"no region": func() ([]Header, error) {
			return (signer{v4.NewSigner(), ""}).sign(amazonToken(suiteKeys, ""), &Call{Method: "POST", Authority: "x", Path: "/"}, time.Now())
		},
	} {
		headers, err := f()
		var p *llm.Problem
		if len(headers) > 0 || !errors.As(err, &p) || p.Kind != llm.Unauthenticated {
			t.Errorf("%s: %d headers, %v", name, len(headers), err)
		}
	}
}

func TestARegionIsTheCatalogsOrTheEndpoints(t *testing.T) {
	tests := map[string]catalog.Provider{
		"us-east-2":      {Region: "us-east-2", BaseURL: catalog.BaseURL{Host: "bedrock-runtime.eu-west-1.amazonaws.com"}},
		"eu-west-1":      {BaseURL: catalog.BaseURL{Host: "bedrock-runtime.eu-west-1.amazonaws.com"}},
		"us-gov-west-1":  {BaseURL: catalog.BaseURL{Host: "bedrock-runtime-fips.us-gov-west-1.amazonaws.com"}},
		"cn-north-1":     {BaseURL: catalog.BaseURL{Host: "bedrock-runtime.cn-north-1.amazonaws.com.cn"}},
		"ap-northeast-1": {BaseURL: catalog.BaseURL{Host: "vpce-1a-2b.bedrock-runtime.ap-northeast-1.vpce.amazonaws.com"}},
		"":               {BaseURL: catalog.BaseURL{Host: "127.0.0.1"}},
	}
	for want, p := range tests {
		if got := regionOf(&p); got != want {
			t.Errorf("the region of %s is %q, want %q", p.BaseURL.Host, got, want)
		}
	}
	if got := regionOf(&catalog.Provider{BaseURL: catalog.BaseURL{Host: "bedrock.example.com"}}); got != "" {
		t.Errorf("a foreign host has the region %q", got)
	}
}

func BenchmarkSignature(b *testing.B) {
	for _, size := range []int{1 << 10, 100 << 10} {
		b.Run(fmt.Sprintf("%dKB", size>>10), func(b *testing.B) {
			s := amazonSet(suiteKeys, "eu-central-1")
			c := &Call{Method: "POST", Authority: "bedrock-runtime.eu-central-1.amazonaws.com", Path: "/model/anthropic.claude-v1%3A0/converse", Body: [][]byte{bytes.Repeat([]byte("x"), size)}}
			now := time.Now()
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				if _, err := s.Authorize("p", c, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
