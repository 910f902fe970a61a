package extproc

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// local judges a request that no key lets in, in open mode: it must name this
// machine, and no page of another origin may have sent it. Otherwise any web
// page could spend the operator's money, by a name that resolves to loopback.
func (h *head) local(origins []string) *llm.Problem {
	if !loopback(string(h.host)) {
		return &llm.Problem{
			Kind: llm.Forbidden, Code: "foreign_host",
			Message: "Without keys (open: true) the gateway answers only to localhost or a loopback address in the Host header.",
		}
	}
	if len(h.origin) == 0 || slices.Contains(origins, string(h.origin)) {
		return nil
	}
	if u, err := url.Parse(string(h.origin)); err == nil && u.Host != "" && loopback(u.Host) {
		return nil
	}
	return &llm.Problem{
		Kind: llm.Forbidden, Code: "foreign_origin",
		Message: "Without keys (open: true) the gateway does not answer web pages of other origins; list them in listen.cors_origins.",
	}
}

// loopback tells whether a host, with or without a port, can only be this
// machine.
func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
