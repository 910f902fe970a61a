package process

import (
	"regexp"
	"slices"
	"strings"

	"github.com/dragoman-gateway/dragoman/envoy"
)

// hidden takes the place of a credential.
const hidden = "(secret)"

// secretHeaders are the headers whose values are credentials: of clients, of
// providers, and of proxies between. As an expression, and as what the names
// have in common.
const secretHeaders = `(?:authorization|proxy-authorization|x-api-key|api-key|x-goog-api-key|x-amz-security-token|cookie|set-cookie|` + envoy.KeysHeader + `)`

var hints = []string{"authorization", "api-key", "x-amz-security-token", "cookie", envoy.KeysHeader, "key="}

// hinted tells whether there may be a credential. Most lines have none, and an
// expression takes a hundred times as long to find that out.
func hinted(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(hints, func(hint string) bool { return strings.Contains(text, hint) })
}

// In text out of lineFormat, quotes and ends of lines may still be escaped.
const (
	quote = `\\?"`
	blank = `(?:\s|\\n)*`
	value = `(?:[^"\\]|\\.)*` // in quotes; what is cut has no end
)

// keyMember and valueMember are a header in a message, as text or as JSON:
//
//	key: "authorization"
//	raw_value: "Bearer ..."
const (
	keyMember   = quote + `?key` + quote + `?:` + blank + quote
	valueMember = quote + `?(?:raw_?)?value` + quote + `?:` + blank + quote
)

var (
	// credentials match the forms in which Envoy logs a header, each up to its
	// value. In the order below: dumps of header maps; messages; the HTTP/1 codec's
	// trace; what others write; and a key in a query, as Google's clients send it.
	credentials = regexp.MustCompile(`(?is)` +
		`(\\?'` + secretHeaders + `\\?', \\?')(?:[^\n]*[^\n'])?` +
		`|(` + keyMember + secretHeaders + quote + `,?` + blank + valueMember + `)` + value +
		`|(key=` + secretHeaders + ` value=)[^\n]*` +
		`|((?:^|[^\w-])` + secretHeaders + `["']?[ \t]*[:=][ \t]*)(?:(")` + value + `|[^\s"{\[][^\n]*)` +
		`|([?&]key=)[^&\s'"#\\]*`)
	// nameAtEnd and valueAtStart are a message's header on two lines.
	nameAtEnd    = regexp.MustCompile(`(?i)` + keyMember + secretHeaders + quote + `,?\s*$`)
	valueAtStart = regexp.MustCompile(`(?is)^(\s*` + valueMember + `)` + value)
)

// veil hides the credentials in lines: at debug Envoy logs the headers of every
// request, and its log is read by more people than may use them.
type veil struct {
	named bool // the line before ends with the name of a header to hide
}

// over gives the next line without credentials.
func (v *veil) over(text string) string {
	if v.named {
		text = valueAtStart.ReplaceAllString(text, "${1}"+hidden)
	}
	if v.named = false; !hinted(text) {
		return text
	}
	text = credentials.ReplaceAllString(text, "${1}${2}${3}${4}${5}${6}"+hidden)
	v.named = nameAtEnd.MatchString(text)
	return text
}
