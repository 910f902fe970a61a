package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// Resolver looks names up; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// errUnreachable stands for a name that is unknown and for one whose addresses
// are not public: which of the two it is tells of the operator's network.
const errUnreachable = rule("its host has no address on the public internet")

// mostRedirects is how many redirects are followed.
const mostRedirects = 3

func (f *Fetcher) client() *http.Client {
	dialer := &net.Dialer{Timeout: 3 * time.Second, KeepAlive: -1, Control: f.control}
	return &http.Client{
		CheckRedirect: f.checkRedirect,
		Transport: &http.Transport{
			Proxy: nil, // a proxy would dial where we cannot look
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				return f.dial(ctx, dialer, address)
			},
			TLSClientConfig:        &tls.Config{RootCAs: f.o.Roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    5 * time.Second,
			DisableCompression:     true, // no bombs
			DisableKeepAlives:      true, // every fetch is dialled, and so judged
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

// dial looks a host up and connects to its first address that answers.
func (f *Fetcher) dial(ctx context.Context, dialer *net.Dialer, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ips, err := f.lookup(ctx, host)
	if err != nil {
		return nil, errors.Join(errUnreachable, err)
	}
	failed := error(errUnreachable)
	for _, ip := range ips {
		if !f.allowed(ip) {
			continue
		}
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(ip.String(), port))
		if err == nil {
			return conn, nil
		}
		failed = err
	}
	return nil, failed
}

func (f *Fetcher) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	return f.o.Resolver.LookupNetIP(ctx, "ip", host)
}

// control judges the address that is about to be connected to: the last word,
// after which nothing is looked up any more.
func (f *Fetcher) control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !f.allowed(to.Addr()) {
		return errUnreachable
	}
	return nil
}

func (f *Fetcher) allowed(ip netip.Addr) bool {
	ip = ip.Unmap()
	if f.o.AllowLoopback && ip.IsLoopback() {
		return true
	}
	return public(ip) && !slices.ContainsFunc(f.o.Forbidden, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// checkRedirect judges where a server sends us as if a client had. Referer
// would tell it the URL that sent us, which may hold a signature.
func (f *Fetcher) checkRedirect(r *http.Request, via []*http.Request) error {
	r.Header.Del("Referer")
	switch {
	case len(via) > mostRedirects:
		return errHops
	case r.URL.Scheme != "https" || len(r.URL.String()) > longestURL || f.check(r.URL) != nil:
		return errRedirect
	}
	return nil
}
