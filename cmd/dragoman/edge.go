package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// edge decides where clients reach a `dragoman run`. It is used by one
// goroutine at a time.
type edge struct {
	flag string // of --listen; "" leaves it to the catalog
	// chosen stays for all catalogs that leave the port to the kernel.
	chosen uint16
}

// place gives the catalog with the address to listen on in it.
func (e *edge) place(c *catalog.Catalog) (*catalog.Catalog, error) {
	if c.Listen.External {
		return nil, errors.New("listen.external leaves the listener to an Envoy of yours, but run starts its own; use the commands extproc and xds, or remove it")
	}
	changed := *c
	if e.flag != "" {
		ap, err := addrPort(e.flag, "--listen")
		if err != nil {
			return nil, err
		}
		if c.Open && !ap.Addr().IsLoopback() {
			return nil, fmt.Errorf("--listen %s: without keys, anyone who reaches it could spend the providers' money; listen on 127.0.0.1, or write a catalog with keys", e.flag)
		}
		changed.Listen.Address, changed.Listen.Port = ap.Addr().String(), ap.Port()
	}
	if changed.Listen.Port == 0 {
		if e.chosen == 0 {
			var err error
			if e.chosen, err = freePort(changed.Listen.Address); err != nil {
				return nil, err
			}
		}
		changed.Listen.Port = e.chosen
	}
	return &changed, nil
}

// freePort asks the kernel. Envoy would not tell which port it got.
func freePort(address string) (uint16, error) {
	l, err := bind("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		return 0, err
	}
	ap, err := netip.ParseAddrPort(l.Addr().String())
	return ap.Port(), errors.Join(err, l.Close())
}

// answerTime is how long the edge may take to say that it lives.
const answerTime = 2 * time.Second

// answers asks the edge whether it lives: Envoy listens, and ext_proc is behind
// it. Its certificate is for clients to check, by a name that only they know.
func answers(ctx context.Context, l catalog.Listen) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	url := "http://" + reachable(l) + "/healthz"
	transport := &http.Transport{DisableKeepAlives: true}
	if l.TLS != nil {
		url = "https" + strings.TrimPrefix(url, "http")
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // nothing is told to the edge
	}
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := transport.RoundTrip(rq)
	if err != nil {
		return fmt.Errorf("it does not answer on %s: %w", reachable(l), err)
	}
	if answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("on %s it answers /healthz with %d", reachable(l), answer.StatusCode)
	}
	return errors.Join(err, answer.Body.Close())
}

// reachable is where a client on this machine finds the edge.
func reachable(l catalog.Listen) string {
	address := l.Address
	if ip, err := netip.ParseAddr(address); err == nil && ip.IsUnspecified() {
		address = "127.0.0.1"
	}
	return hostPort(catalog.Listen{Address: address, Port: l.Port})
}

func hostPort(l catalog.Listen) string {
	return net.JoinHostPort(l.Address, strconv.FormatUint(uint64(l.Port), 10))
}
