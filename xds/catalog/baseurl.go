package catalog

import (
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// String is the URL; a port that the scheme implies is left out.
func (u BaseURL) String() string {
	scheme := "http"
	if u.TLS {
		scheme = "https"
	}
	return scheme + "://" + u.Authority() + u.Path
}

// Loopback tells whether the host can only be this machine.
func (u BaseURL) Loopback() bool {
	if u.Host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(u.Host)
	return err == nil && ip.IsLoopback()
}

var (
	// RFC 1123 section 2.1; a last label of digits would be an IP address.
	dnsName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	number  = regexp.MustCompile(`(^|\.)(0x[0-9a-f]*|[0-9]+)$`)
	urlPath = regexp.MustCompile(`^(/[A-Za-z0-9._~:=,+-]+)*$`)
)

// parseBaseURL reads the only shape of URL that every part of the gateway
// (Envoy's routes, the dialects' paths, certificate checks) reads alike:
// nothing in it has to be decoded. Its messages repeat nothing, for a URL may
// hold a password.
func parseBaseURL(s string) (u BaseURL, wrong, right string) {
	const shape = "write https://host/path, such as https://api.openai.com/v1"
	switch {
	case strings.ContainsFunc(s, func(c rune) bool { return control(c) || c == ' ' || c > 0x7e }):
		return u, "holds a space, a control character or a letter outside ASCII", shape
	case strings.Contains(s, "\\"):
		return u, "holds a backslash", shape
	case strings.Contains(s, "@"):
		return u, "holds a user name or password", "remove what is before the @ and name the key in credential"
	case strings.Contains(s, "?"):
		return u, "holds a query", "remove the ? and what follows"
	case strings.Contains(s, "#"):
		return u, "holds a fragment", "remove the # and what follows"
	case len(s) > 1024:
		return u, "is longer than 1024 characters", shape
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || scheme != "https" && scheme != "http" {
		return u, "does not start with https:// or http://", shape
	}
	authority, path := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	u.TLS = scheme == "https"
	u.Host, u.Port, wrong, right = parseAuthority(authority, u.TLS)
	if wrong != "" {
		return u, wrong, right
	}
	if !u.TLS && !u.Loopback() {
		return u, "is plain http to another host", "write https://; http is only for 127.0.0.0/8, [::1] and localhost"
	}
	u.Path = strings.TrimRight(path, "/")
	if !urlPath.MatchString(u.Path) || dotSegment(u.Path) {
		return u, "has a path that needs decoding", "write segments of letters, digits and . _ ~ : = , + - with one / between them"
	}
	return u, "", ""
}

func dotSegment(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

func parseAuthority(s string, tls bool) (host string, port uint16, wrong, right string) {
	host, port = strings.ToLower(s), 80
	if tls {
		port = 443
	}
	bracketed := strings.HasPrefix(host, "[")
	if strings.LastIndexByte(host, ':') > strings.LastIndexByte(host, ']') {
		h, p, err := net.SplitHostPort(host)
		n, perr := strconv.ParseUint(p, 10, 16)
		if err != nil || perr != nil || n == 0 || p[0] == '+' {
			return "", 0, "has no valid port", "write a number from 1 to 65535, or none; an IPv6 address stands in brackets"
		}
		host, port = h, uint16(n)
	} else if bracketed {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "":
		return "", 0, "has no host", "write https://host/path, such as https://api.openai.com/v1"
	case err == nil && ip.Zone() == "" && !ip.Is4In6() && ip.Is6() == bracketed && !ip.IsUnspecified():
		return ip.String(), port, "", ""
	case err == nil || bracketed || len(host) > 253 || !dnsName.MatchString(host) || number.MatchString(host):
		return "", 0, "has a host that is neither a DNS name nor an IP address", "write a name such as api.openai.com, an address such as 10.0.0.7 or [2001:db8::7]"
	}
	return host, port, "", ""
}

// Authority is the host as requests name it: without the port that the scheme
// implies, IPv6 addresses in brackets.
func (u BaseURL) Authority() string {
	host := u.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if u.TLS && u.Port == 443 || !u.TLS && u.Port == 80 {
		return host
	}
	return host + ":" + strconv.Itoa(int(u.Port))
}
