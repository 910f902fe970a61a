package simulator

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// AccessKey is a pair of AWS credentials that a provider accepts signatures of.
type AccessKey struct {
	// ID is the access key id, such as "AKIAIOSFODNN7EXAMPLE".
	ID string
	// Secret is the secret access key.
	Secret Secret
	// Token is the session token that must come with temporary credentials;
	// empty means that none may come.
	Token Secret
	// Region is the AWS region signatures must be scoped to; empty allows any.
	Region string
}

const (
	sigV4Algorithm = "AWS4-HMAC-SHA256"
	sigV4Date      = "20060102T150405Z"
	sigV4Skew      = 5 * time.Minute
)

// signature is what the Authorization header of a signed request says.
type signature struct {
	id, date, region, service, end string
	headers                        []string // names, in order
	value                          string
}

// sigV4Failure is why a signature is refused: the exception and its sentence.
type sigV4Failure struct{ kind, message string }

// verifySigV4 checks a request that is signed for a service with AWS Signature
// Version 4 (IAM User Guide, "Create a signed AWS API request"). The request's
// path is the one on the wire, for it is that which is signed.
func verifySigV4(r *Request, service string, keys []AccessKey, now time.Time) *sigV4Failure {
	sig, bad := parseSigV4(r.Header.Get("Authorization"))
	if bad != nil {
		return bad
	}
	i := slices.IndexFunc(keys, func(k AccessKey) bool { return k.ID == sig.id })
	if i < 0 || keys[i].Token != Secret(r.Header.Get("X-Amz-Security-Token")) {
		return &sigV4Failure{"UnrecognizedClientException", "The security token included in the request is invalid."}
	}
	stamp := r.Header.Get("X-Amz-Date")
	if bad := sig.checkScope(stamp, service, keys[i].Region); bad != nil {
		return bad
	}
	if bad := checkSkew(stamp, now); bad != nil {
		return bad
	}
	if bad := sig.checkHeaders(r.Header); bad != nil {
		return bad
	}
	if !statedHash(r.Header, r.Body) {
		return invalidSignature("The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	canonical := canonicalRequest(r, sig.headers)
	toSign := stringToSign(stamp, sig.scope(), canonical)
	want := hex.EncodeToString(hmacSHA256(signingKey(string(keys[i].Secret), sig), toSign))
	if subtle.ConstantTimeCompare([]byte(want), []byte(sig.value)) == 0 {
		return invalidSignature("The request signature we calculated does not match the signature you provided. " +
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.\n\n" +
			"The Canonical String for this request should have been\n'" + canonical + "'\n\n" +
			"The String-to-Sign should have been\n'" + toSign + "'\n")
	}
	return nil
}

func invalidSignature(message string) *sigV4Failure {
	return &sigV4Failure{"InvalidSignatureException", message}
}

// parseSigV4 reads an Authorization header:
//
//	AWS4-HMAC-SHA256 Credential=…/20260102/eu-west-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date, Signature=…
func parseSigV4(header string) (signature, *sigV4Failure) {
	var s signature
	incomplete := func(message string) *sigV4Failure { return &sigV4Failure{"IncompleteSignatureException", message} }
	if header == "" {
		return s, &sigV4Failure{"MissingAuthenticationTokenException", "Missing Authentication Token"}
	}
	rest, ok := strings.CutPrefix(header, sigV4Algorithm+" ")
	if !ok {
		algorithm, _, _ := strings.Cut(header, " ")
		return s, incomplete("Unsupported AWS 'algorithm': '" + algorithm + "'")
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := parts[name]; !ok || twice {
			return s, incomplete("'" + part + "' not a valid key=value pair (missing equal-sign) in Authorization header: '" + header + "'.")
		}
		parts[name] = value
	}
	for _, name := range [...]string{"Credential", "Signature", "SignedHeaders"} {
		if parts[name] == "" {
			return s, incomplete("Authorization header requires '" + name + "' parameter. Authorization=" + header)
		}
	}
	scope := strings.Split(parts["Credential"], "/")
	if len(scope) != 5 {
		return s, incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '" +
			parts["Credential"] + "'")
	}
	return signature{
		id: scope[0], date: scope[1], region: scope[2], service: scope[3], end: scope[4],
		headers: strings.Split(parts["SignedHeaders"], ";"), value: parts["Signature"],
	}, nil
}

func (s *signature) scope() string {
	return s.date + "/" + s.region + "/" + s.service + "/" + s.end
}

// checkScope checks the credential scope against the request's date, the
// service and the region, if the key has one.
func (s *signature) checkScope(stamp, service, region string) *sigV4Failure {
	day, _, _ := strings.Cut(stamp, "T")
	switch {
	case s.end != "aws4_request":
		return invalidSignature("Credential should be scoped with a valid terminator: 'aws4_request', not '" + s.end + "'.")
	case s.service != service:
		return invalidSignature("Credential should be scoped to correct service: '" + service + "'.")
	case s.region == "" || region != "" && s.region != region:
		return invalidSignature("Credential should be scoped to a valid region, not '" + s.region + "'.")
	case s.date != day:
		return invalidSignature("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '" +
			s.date + "' != '" + day + "', from '" + stamp + "'.")
	}
	return nil
}

// checkSkew refuses dates more than five minutes from now.
func checkSkew(stamp string, now time.Time) *sigV4Failure {
	at, err := time.Parse(sigV4Date, stamp)
	now = now.UTC()
	switch {
	case err != nil:
		return &sigV4Failure{"IncompleteSignatureException", "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."}
	case at.Before(now.Add(-sigV4Skew)):
		return invalidSignature("Signature expired: " + stamp + " is now earlier than " +
			now.Add(-sigV4Skew).Format(sigV4Date) + " (" + now.Format(sigV4Date) + " - 5 min.)")
	case at.After(now.Add(sigV4Skew)):
		return invalidSignature("Signature not yet current: " + stamp + " is still later than " +
			now.Add(sigV4Skew).Format(sigV4Date) + " (" + now.Format(sigV4Date) + " + 5 min.)")
	}
	return nil
}

// checkHeaders demands that the host and every x-amz-* header is signed, in
// order and once.
func (s *signature) checkHeaders(h http.Header) *sigV4Failure {
	if !slices.Contains(s.headers, "host") {
		return invalidSignature("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for i, name := range s.headers {
		if name != strings.ToLower(name) || i > 0 && name <= s.headers[i-1] {
			return invalidSignature("SignedHeaders must be in lower case and in order: '" + strings.Join(s.headers, ";") + "'.")
		}
	}
	unsigned := ""
	for name := range h {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "x-amz-") && !slices.Contains(s.headers, name) && (unsigned == "" || name < unsigned) {
			unsigned = name
		}
	}
	if unsigned != "" {
		return invalidSignature("'" + unsigned + "' must be a 'SignedHeader' in the AWS Authorization.")
	}
	return nil
}

// canonicalRequest is the text whose hash is signed.
func canonicalRequest(r *Request, signed []string) string {
	path, query, _ := strings.Cut(r.Path, "?")
	var b strings.Builder
	b.WriteString(r.Method + "\n" + canonicalPath(path) + "\n" + canonicalQuery(query) + "\n")
	for _, name := range signed {
		values := r.Header.Values(name)
		switch {
		case name == "host":
			values = []string{r.Host}
		case name == "content-length" && len(values) == 0:
			values = []string{strconv.Itoa(len(r.Body))}
		}
		b.WriteString(name + ":")
		for i, v := range values {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strings.Join(strings.FieldsFunc(v, func(c rune) bool { return c == ' ' || c == '\t' }), " "))
		}
		b.WriteByte('\n')
	}
	b.WriteString("\n" + strings.Join(signed, ";") + "\n" + hexHash(r.Body))
	return b.String()
}

// canonicalPath removes dot segments and empty ones and encodes what is left,
// which the client has encoded once already, a second time.
func canonicalPath(path string) string {
	var kept []string
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, encodeURI(segment))
		}
	}
	out := "/" + strings.Join(kept, "/")
	if strings.HasSuffix(path, "/") && len(kept) > 0 {
		out += "/"
	}
	return out
}

// canonicalQuery encodes names and values anew and sorts the pairs.
func canonicalQuery(query string) string {
	if query == "" {
		return ""
	}
	var pairs []string
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		// A zero byte sorts before all that may stand in an encoded name.
		pairs = append(pairs, encodeURI(decodeURI(name))+"\x00"+encodeURI(decodeURI(value)))
	}
	slices.Sort(pairs)
	return strings.ReplaceAll(strings.Join(pairs, "&"), "\x00", "=")
}

// encodeURI encodes every byte but the unreserved ones of RFC 3986.
func encodeURI(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{c})))
	}
	return b.String()
}

// decodeURI decodes percent escapes and the plus sign, and leaves what is no
// escape as it is.
func decodeURI(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b, _ := hex.DecodeString(s[i+1 : i+3]) // two hex digits always decode
			out = append(out, b...)
			i += 2
		case s[i] == '+':
			out = append(out, ' ')
		default:
			out = append(out, s[i])
		}
	}
	return string(out)
}

// stringToSign is what the signing key authenticates.
func stringToSign(stamp, scope, canonical string) string {
	return sigV4Algorithm + "\n" + stamp + "\n" + scope + "\n" + hexHash([]byte(canonical))
}

// signingKey derives the key of one day, region and service.
func signingKey(secret string, s signature) []byte {
	key := []byte("AWS4" + secret)
	for _, part := range [...]string{s.date, s.region, s.service, s.end} {
		key = hmacSHA256(key, part)
	}
	return key
}

func hmacSHA256(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexHash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// statedHash tells whether the hash that the client states of its body, if it
// states one, is right.
func statedHash(h http.Header, body []byte) bool {
	stated := h.Get("X-Amz-Content-Sha256")
	return stated == "" || bytes.EqualFold([]byte(stated), []byte(hexHash(body)))
}
