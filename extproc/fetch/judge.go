package fetch

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// longestURL bounds what is parsed and kept, in bytes. Signed URLs are long.
const longestURL = 8 << 10

var (
	// name is what a server on the internet can be called: two labels at
	// least. Underscores are no host names, but are in use.
	name = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.?$`)
	// number ends what some resolvers read as an IPv4 address, such as 127.1
	// or 0x7f000001 (WHATWG URL, "ends in a number").
	number = regexp.MustCompile(`(^|\.)(0x[0-9a-f]*|[0-9]+)\.?$`)
)

// inside are endings of names that are never public (RFC 6761, 6762, 8375,
// 9476, and ICANN's reserved .internal).
var inside = []string{".localhost", ".local", ".internal", ".home.arpa", ".alt", ".test", ".invalid", ".onion"}

// rule is an error in the words that clients read. It names nothing of the
// network.
type rule string

func (r rule) Error() string { return string(r) }

// Rules that URLs break.
const (
	errURL      = rule("its URL is malformed")
	errLong     = rule("its URL is longer than 8 KiB")
	errScheme   = rule("only https URLs are fetched")
	errUser     = rule("its URL holds a user name or password")
	errPort     = rule("its URL names a port that is not allowed")
	errHost     = rule("its URL names no host on the public internet")
	errRedirect = rule("it redirects to a URL that may not be fetched")
	errHops     = rule("it redirects more than three times")
)

// judge reads a URL and tells whether it may be fetched, as far as that shows.
// The fragment is left out: it is not sent.
func (f *Fetcher) judge(text string) (*url.URL, error) {
	if len(text) > longestURL {
		return nil, errLong
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, errURL
	}
	u.Fragment, u.RawFragment = "", ""
	if err := spellOut(u); err != nil {
		return nil, err
	}
	return u, f.check(u)
}

// spellOut writes a host's name as it is looked up (RFC 5891): some letters
// outside ASCII read as digits and points there.
func spellOut(u *url.URL) error {
	host := u.Hostname()
	if !strings.ContainsFunc(host, func(c rune) bool { return c > unicode.MaxASCII }) {
		return nil
	}
	ascii, err := idna.Lookup.ToASCII(host)
	if err != nil {
		return errHost
	}
	port := u.Port()
	u.Host = ascii
	if port != "" {
		u.Host = net.JoinHostPort(ascii, port)
	}
	return nil
}

func (f *Fetcher) check(u *url.URL) error {
	host := strings.ToLower(u.Hostname())
	local := f.o.AllowLoopback && loopback(host)
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !local):
		return errScheme
	case u.Opaque != "" || u.Host == "":
		return errURL
	case u.User != nil:
		return errUser
	}
	port, err := portOf(u)
	switch {
	case err != nil:
		return err
	case local:
		return nil
	case !slices.Contains(f.o.Ports, port):
		return errPort
	}
	return checkHost(host)
}

func portOf(u *url.URL) (uint16, error) {
	text := u.Port()
	if text == "" {
		if strings.HasSuffix(u.Host, ":") {
			return 0, errURL
		}
		return 443, nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, errPort
	}
	return uint16(port), nil
}

// checkHost judges what is known before any lookup.
func checkHost(host string) error {
	if ip, err := netip.ParseAddr(host); err == nil {
		if !public(ip) {
			return errHost
		}
		return nil
	}
	bare := strings.TrimSuffix(host, ".")
	reserved := slices.ContainsFunc(inside, func(end string) bool { return strings.HasSuffix(bare, end) })
	if len(host) > 254 || !name.MatchString(host) || number.MatchString(host) || reserved {
		return errHost
	}
	return nil
}

// loopback tells whether a host can only be this machine.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
