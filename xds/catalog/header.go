package catalog

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// RFC 9110 section 5.6.2.
var headerName = regexp.MustCompile("^[a-z0-9!#$%&'*+.^_`|~-]{1,128}$")

const maxHeaders = 32

// reservedHeaders are the gateway's own business or Envoy's, by what they are.
var reservedHeaders = map[string]string{
	"connection": "hop-by-hop", "keep-alive": "hop-by-hop", "proxy-connection": "hop-by-hop", "te": "hop-by-hop",
	"trailer": "hop-by-hop", "transfer-encoding": "hop-by-hop", "upgrade": "hop-by-hop",
	"proxy-authenticate": "hop-by-hop", "http2-settings": "hop-by-hop",
	"host": "set from base_url", "content-length": "set from the body", "content-type": "set from the dialect",
	"content-encoding": "set from the body", "accept-encoding": "set by the gateway", "expect": "set by the gateway",
	"x-request-id": "set by the gateway", "forwarded": "set by the gateway", "via": "set by the gateway",
	"cookie": "a credential", "set-cookie": "a credential",
}

// credentialWords make a header's name look like a credential's.
var credentialWords = []string{"authorization", "api-key", "apikey", "api_key", "token", "secret", "password", "credential", "x-amz-security"}

// reserved says why an operator may not set a header, "" if he may.
func reserved(name string) string {
	if why := reservedHeaders[name]; why != "" {
		return why
	}
	for _, prefix := range []string{"x-dragoman-", "x-envoy-", "x-forwarded-"} {
		if strings.HasPrefix(name, prefix) {
			return "set by the gateway"
		}
	}
	for _, word := range credentialWords {
		if strings.Contains(name, word) {
			return "a credential"
		}
	}
	return ""
}

// headers checks and sorts static headers. No message repeats a value.
func (r *report) headers(path string, table headerTable) []Header {
	if len(table) > maxHeaders {
		r.fail(path, fmt.Sprintf("has %d headers", len(table)), fmt.Sprintf("at most %d are sent", maxHeaders))
		return nil
	}
	var list []Header
	seen := map[string]bool{}
	for _, key := range sortedKeys(table) {
		at, name, value := member(path, key), strings.ToLower(key), table[key]
		why := reserved(name)
		switch {
		case !headerName.MatchString(name):
			r.failName(at, "is not a header's name", "write letters, digits and dashes, such as x-team")
		case why == "a credential":
			r.failName(at, "is a header for credentials", "name the key in credential")
		case why != "":
			r.failName(at, "is a header that is "+why, "remove it")
		case seen[name]:
			r.failName(at, "is given twice, in other letters", "remove one of them")
		case value == "" || len(value) > 4096 || strings.TrimSpace(value) != value || strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > 0x7e }):
			r.fail(at, "has a value that is empty, too long or not plain text", "write 1 to 4096 printable ASCII characters")
		case looksSecret(value):
			r.fail(at, "has a value that looks like a secret", "name the key in credential")
		default:
			seen[name] = true
			list = append(list, Header{Name: name, Value: value})
		}
	}
	slices.SortFunc(list, func(a, b Header) int { return strings.Compare(a.Name, b.Name) })
	return list
}
