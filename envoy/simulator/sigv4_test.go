package simulator

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// published are AWS's own examples: the Signature Version 4 test suite and the
// example of the IAM User Guide.
var published = []struct {
	name, method, path string
	header             []string
	body, signature    string
}{
	{
		name: "get-vanilla", method: "GET", path: "/", header: []string{"X-Amz-Date: 20150830T123600Z"},
		signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
	},
	{
		name: "post-vanilla", method: "POST", path: "/", header: []string{"X-Amz-Date: 20150830T123600Z"},
		signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
	},
	{
		name: "get-vanilla-query-order-key-case", method: "GET", path: "/?Param2=value2&Param1=value1", header: []string{"X-Amz-Date: 20150830T123600Z"},
		signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
	},
	{
		name: "get-header-value-trim", method: "GET", path: "/", header: []string{"My-Header1:  value1", `My-Header2:  "a   b   c"`, "X-Amz-Date: 20150830T123600Z"},
		signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
	},
	{
		name: "post-x-www-form-urlencoded", method: "POST", path: "/",
		header: []string{"Content-Type: application/x-www-form-urlencoded", "X-Amz-Date: 20150830T123600Z"}, body: "Param1=value1",
		signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
	},
	{
		name: "get-relative, normalized", method: "GET", path: "/example/..", header: []string{"X-Amz-Date: 20150830T123600Z"},
		signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
	},
	{
		name: "get-slash, normalized", method: "GET", path: "//", header: []string{"X-Amz-Date: 20150830T123600Z"},
		signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
	},
	{
		name: "get-utf8", method: "GET", path: "/\u1234", header: []string{"X-Amz-Date: 20150830T123600Z"},
		signature: "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
	},
}

func TestPublishedSignaturesVerify(t *testing.T) {
	at := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	key := AccessKey{ID: "AKIDEXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", Region: "us-east-1"}
	for _, c := range published {
		t.Run(c.name, func(t *testing.T) {
			r := &Request{Method: c.method, Path: c.path, Host: "example.amazonaws.com", Header: http.Header{}, Body: []byte(c.body)}
			signed := "host"
			for _, line := range c.header {
				name, value, _ := strings.Cut(line, ":")
				r.Header.Set(name, strings.TrimPrefix(value, " "))
				if name = strings.ToLower(name); name < "host" {
					signed = name + ";" + signed
				} else {
					signed += ";" + name
				}
			}
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders="+
				signed+", Signature="+c.signature)
			if bad := verifySigV4(r, "service", []AccessKey{key}, at); bad != nil {
				t.Errorf("%s: %s", bad.kind, bad.message)
			}
		})
	}
}

func TestTheExampleOfTheUserGuideVerifies(t *testing.T) {
	r := &Request{
		Method: "GET", Path: "/?Action=ListUsers&Version=2010-05-08", Host: "iam.amazonaws.com", Header: http.Header{
			"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}, "X-Amz-Date": {"20150830T123600Z"},
			"Authorization": {"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, " +
				"SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"},
		},
	}
	key := AccessKey{ID: "AKIDEXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	if bad := verifySigV4(r, "iam", []AccessKey{key}, time.Date(2015, 8, 30, 12, 40, 0, 0, time.UTC)); bad != nil {
		t.Errorf("%s: %s", bad.kind, bad.message)
	}
}

// signedByAmazon is a request that Amazon's signer has signed, as a server
// receives it.
func signedByAmazon(t *testing.T, k AccessKey, method, url string, body []byte, at time.Time) *Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Amzn-Trace", "spaces   inside  and around ")
	credentials := aws.Credentials{AccessKeyID: k.ID, SecretAccessKey: string(k.Secret), SessionToken: string(k.Token)}
	if err := v4.NewSigner().SignHTTP(context.Background(), credentials, r, hexHash(body), "bedrock", "eu-central-1", at); err != nil {
		t.Fatal(err)
	}
	return &Request{Method: method, Path: r.URL.RequestURI(), Host: r.URL.Host, Header: r.Header, Body: body}
}

func TestWhatAmazonsSignerSignsVerifiesAndNothingElse(t *testing.T) {
	at := noon()
	plainKey := AccessKey{ID: "AKIAIOSFODNN7EXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", Region: "eu-central-1"}
	session := AccessKey{ID: "ASIAIOSFODNN7EXAMPLE", Secret: "s3cr3t/+=", Token: "IQoJb3JpZ2luX2Vj//a+b=="}
	keys := []AccessKey{plainKey, session}
	const host = "https://bedrock-runtime.eu-central-1.amazonaws.com"
	for name, path := range map[string]string{
		"plain":                 "/model/amazon.nova-pro-v1/converse",
		"escaped colon":         "/model/anthropic.claude-v2%3A1/converse-stream",
		"bare colon":            "/model/anthropic.claude-v2:1/converse",
		"an ARN":                "/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A123%3Ainference-profile%2Feu.anthropic.claude-v2%3A1/converse",
		"spaces and percents":   "/model/a%20b%25c%2Bd~e/invoke",
		"letters beyond ASCII":  "/model/%E1%88%B4/invoke",
		"query":                 "/model/x/converse?b=2&a=1&a=0&empty=&enc=%2F%20%2B",
		"behind a prefix":       "/prefix/model/x%3A0/converse",
		"characters of a query": "/model/x/converse?q=%E1%88%B4~-._",
	} {
		t.Run(name, func(t *testing.T) {
			for size, body := range map[string][]byte{"no": nil, "a small": []byte(`{"messages":[]}`), "a large": bytes.Repeat([]byte("camel "), 1<<18)} {
				for _, k := range keys {
					r := signedByAmazon(t, k, http.MethodPost, host+path, body, at)
					if bad := verifySigV4(r, "bedrock", keys, at.Add(4*time.Minute)); bad != nil {
						t.Fatalf("%s body: %s: %s", size, bad.kind, bad.message)
					}
					r.Body = append(bytes.Clone(body), ' ')
					if bad := verifySigV4(r, "bedrock", keys, at); bad == nil {
						t.Errorf("%s body was changed, unnoticed", size)
					}
				}
			}
		})
	}
}

func TestSignaturesAreRefusedPrecisely(t *testing.T) {
	at := noon()
	key := AccessKey{ID: "AKIAIOSFODNN7EXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", Region: "eu-central-1"}
	auth := func(from, to string) func(r *Request) {
		return func(r *Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), from, to, 1))
		}
	}
	for name, c := range map[string]struct {
		change func(r *Request)
		later  time.Duration
		kind   string
		about  string
	}{
		"none":                 {func(r *Request) { r.Header.Del("Authorization") }, 0, "MissingAuthenticationTokenException", "Missing Authentication Token"},
		"another algorithm":    {auth("AWS4-HMAC", "AWS5-HMAC"), 0, "IncompleteSignatureException", "Unsupported AWS 'algorithm': 'AWS5-HMAC-SHA256'"},
		"no signature":         {auth("Signature=", "Sig="), 0, "IncompleteSignatureException", "requires 'Signature' parameter"},
		"a part twice":         {auth("SignedHeaders=", "Signature=x, SignedHeaders="), 0, "IncompleteSignatureException", "not a valid key=value pair"},
		"a short scope":        {auth("/aws4_request", ""), 0, "IncompleteSignatureException", "exactly 5 slash-delimited elements"},
		"another end":          {auth("/aws4_request", "/aws5_request"), 0, "InvalidSignatureException", "valid terminator"},
		"another service":      {auth("/bedrock/", "/s3/"), 0, "InvalidSignatureException", "correct service: 'bedrock'"},
		"another region":       {auth("/eu-central-1/", "/us-east-1/"), 0, "InvalidSignatureException", "valid region"},
		"another day":          {auth("/20260801/", "/20260802/"), 0, "InvalidSignatureException", "Date in Credential scope does not match"},
		"another key":          {auth("AKIA", "AKIB"), 0, "UnrecognizedClientException", "security token included in the request is invalid"},
		"another signature":    {auth("Signature=", "Signature=0"), 0, "InvalidSignatureException", "does not match the signature you provided"},
		"host not signed":      {auth("host;", ""), 0, "InvalidSignatureException", "'Host' or ':authority' must be a 'SignedHeader'"},
		"headers out of order": {auth("content-type;host", "host;content-type"), 0, "InvalidSignatureException", "in order"},
		"too old":              {func(*Request) {}, 6 * time.Minute, "InvalidSignatureException", "Signature expired: 20260801T120000Z is now earlier than 20260801T120100Z (20260801T120600Z - 5 min.)"},
		"too new":              {func(*Request) {}, -6 * time.Minute, "InvalidSignatureException", "Signature not yet current: 20260801T120000Z is still later than 20260801T115900Z"},
		"no date":              {func(r *Request) { r.Header.Del("X-Amz-Date") }, 0, "InvalidSignatureException", "Date in Credential scope"},
		"a token too many":     {func(r *Request) { r.Header.Set("X-Amz-Security-Token", "t") }, 0, "UnrecognizedClientException", "security token"},
		"an unsigned x-amz":    {func(r *Request) { r.Header.Set("X-Amz-Meta", "m") }, 0, "InvalidSignatureException", "'x-amz-meta' must be a 'SignedHeader'"},
		"a wrong hash":         {func(r *Request) { r.Header.Set("X-Amz-Content-Sha256", "00") }, 0, "InvalidSignatureException", "x-amz-content-sha256"},
		"another path":         {func(r *Request) { r.Path += "-stream" }, 0, "InvalidSignatureException", "/model/x%253A0/converse-stream"},
		"another host":         {func(r *Request) { r.Host = "elsewhere" }, 0, "InvalidSignatureException", "host:elsewhere"},
		"a changed header":     {func(r *Request) { r.Header.Set("Content-Type", "text/plain") }, 0, "InvalidSignatureException", "content-type:text/plain"},
		"another method":       {func(r *Request) { r.Method = http.MethodPut }, 0, "InvalidSignatureException", "'PUT\n"},
	} {
		t.Run(name, func(t *testing.T) {
			r := signedByAmazon(t, key, http.MethodPost, "http://bedrock.example/model/x%3A0/converse", []byte("{}"), at)
			c.change(r)
			bad := verifySigV4(r, "bedrock", []AccessKey{key}, at.Add(c.later))
			if bad == nil || bad.kind != c.kind || !strings.Contains(bad.message, c.about) {
				t.Errorf("got %+v, want %s about %q", bad, c.kind, c.about)
			}
		})
	}
}

// FuzzSignedRequests holds the verification against Amazon's signer on odd
// paths, queries and bodies, over HTTP.
func FuzzSignedRequests(f *testing.F) {
	f.Add("anthropic.claude-v2:1", "a=b&c", "{}")
	f.Add("arn:aws:bedrock:x:1:y/z", "", "")
	f.Add("ä %+&=~*'()!", "x= +%&y", "body")
	f.Add("..", "=", "\x00")
	key := AccessKey{ID: "AKIDEXAMPLE", Secret: "secret"}
	f.Fuzz(func(t *testing.T, model, query, body string) {
		segment := encodeURI(model)
		if model == "" || model == "." || model == ".." {
			segment = "x"
		}
		var pairs []string
		for pair := range strings.SplitSeq(query, "&") {
			name, value, _ := strings.Cut(pair, "=")
			pairs = append(pairs, encodeURI(name)+"="+encodeURI(value))
		}
		r := signedByAmazon(t, key, http.MethodPost, "http://h/model/"+segment+"/converse?"+strings.Join(pairs, "&"), []byte(body), noon())
		if bad := verifySigV4(r, "bedrock", []AccessKey{key}, noon()); bad != nil {
			t.Fatalf("%s: %s\npath %s", bad.kind, bad.message, r.Path)
		}
	})
}

func TestASignedRequestOverHTTPIsWhatWasSigned(t *testing.T) {
	key := AccessKey{ID: "AKIDEXAMPLE", Secret: "secret"}
	s := serve(t, Config{AccessKeys: []AccessKey{key}})
	for _, client := range []*http.Client{s.http1, s.http2} {
		body := []byte(`{"messages":[{"role":"user","content":[{"text":"x"}]}]}`)
		signed := signedByAmazon(t, key, http.MethodPost, s.url+"/bedrock/model/a%3Ab%2Fc/converse", body, noon())
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+signed.Path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = signed.Header
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
		if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(got), "answering as a:b/c.") {
			t.Errorf("%v: %d %s", err, res.StatusCode, got)
		}
	}
}
