package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/dragoman-gateway/dragoman/xds"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
	"github.com/dragoman-gateway/dragoman/xds/resource"
)

type envoyCommand struct {
	Bootstrap bootstrapCommand `cmd:"" help:"A whole bootstrap. Everything else comes from 'dragoman xds'."`
	Pieces    piecesCommand    `cmd:"" help:"What an existing envoy.yaml needs to serve Dragoman beside its own listeners."`
	Static    staticCommand    `cmd:"" help:"A whole configuration that needs no xds, made from a catalog."`
}

// partsFlags say where the parts of Dragoman are and what Envoy is called.
type partsFlags struct {
	Extproc string `help:"Where ext_proc listens: unix:PATH or host:port." default:"${extproc_socket}"`
	Xds     string `help:"Where xds listens: unix:PATH or host:port." default:"${xds_socket}"`
	NodeID  string `help:"Envoy's node id." default:"dragoman"`
}

// processFlags are for a whole configuration.
type processFlags struct {
	Admin string `help:"Envoy's own admin page, IP:port." default:"127.0.0.1:9901"`
	Heap  uint64 `help:"Heap in bytes above which Envoy sheds load; 0 is no limit." default:"0"`
}

func (f *partsFlags) config(p processFlags) (c bootstrapConfig, err error) {
	if strings.HasPrefix(f.NodeID, xds.SubscriberPrefix) {
		return c, fmt.Errorf("--node-id %s: ids that begin with %q are ext_proc's own", f.NodeID, xds.SubscriberPrefix)
	}
	c = bootstrapConfig{extproc: f.Extproc, xds: f.Xds, node: f.NodeID, heap: p.Heap}
	if p.Admin != "" {
		c.admin, err = addrPort(p.Admin, "--admin")
	}
	return c, err
}

type bootstrapCommand struct {
	partsFlags
	processFlags
}

// Run prints the bootstrap.
func (c *bootstrapCommand) Run(s streams) error {
	bc, err := c.config(c.processFlags)
	if err != nil {
		return err
	}
	text, err := bootstrap(bc, nil)
	return write(s, text, err)
}

type staticCommand struct {
	Extproc string `help:"Where ext_proc listens: unix:PATH or host:port." default:"${extproc_socket}"`
	NodeID  string `help:"Envoy's node id." default:"dragoman"`
	processFlags
	Catalog string `help:"The catalog file." default:"dragoman.yaml" env:"DRAGOMAN_CATALOG"`
}

// Help says what it goes with.
func (c *staticCommand) Help() string {
	return "Run 'dragoman extproc --static' beside it, with the same catalog. When the catalog changes, print it again and restart Envoy."
}

// Run prints the static configuration.
func (c *staticCommand) Run(s streams) error {
	parts := partsFlags{Extproc: c.Extproc, Xds: c.Extproc, NodeID: c.NodeID}
	bc, err := parts.config(c.processFlags)
	if err != nil {
		return err
	}
	cat, err := loadKeyless(c.Catalog, s)
	if err != nil {
		return err
	}
	if cat.Listen.External {
		return errors.New("listen.external leaves the listener out, and a configuration without xds has to hold it; remove it from the catalog")
	}
	set, err := resource.Build(cat, resource.Options{Static: true})
	if err != nil {
		return err
	}
	text, err := bootstrap(bc, set)
	return write(s, text, err)
}

type piecesCommand struct {
	partsFlags
	Catalog string `help:"The catalog file." default:"dragoman.yaml" env:"DRAGOMAN_CATALOG"`
}

// Help says how the pieces come into an envoy.yaml.
func (c *piecesCommand) Help() string {
	return "Merge it with your envoy.yaml, for instance with yq; the output tells how. " +
		"Envoy then also listens where the catalog says. With listen.external: true in the catalog, the listener is among the pieces and yours to change."
}

// Run prints the pieces with a word on where each belongs.
func (c *piecesCommand) Run(s streams) error {
	bc, err := c.config(processFlags{})
	if err != nil {
		return err
	}
	cat, err := loadKeyless(c.Catalog, s)
	if err != nil {
		return err
	}
	boot, err := bc.spec()
	if err != nil {
		return err
	}
	pieces, err := resource.Pieces(cat, boot)
	if err != nil {
		return err
	}
	text, err := resource.YAML(pieces)
	return write(s, append([]byte(piecesComment(cat)), text...), err)
}

func piecesComment(c *catalog.Catalog) string {
	const head = `# What an existing Envoy (1.40 or later) needs to serve Dragoman. Merge it with your envoy.yaml, so that lists are
# appended and your own values stay:
#
#   yq eval-all '. as $one ireduce ({}; . *+ $one)' pieces.yaml envoy.yaml
#
# node                 xDS wants an id and a cluster; yours do as well
# static_resources     ways to ext_proc and xds
# dynamic_resources    providers and models come over ADS. Envoy takes listeners and clusters from one source only: if
#                      yours has one already, put what 'dragoman envoy static' prints into static_resources instead
# layered_runtime      room for the regular expression that holds the allowed headers
# bootstrap_extensions internal listeners, through which each attempt passes
#
`
	if c.Listen.External {
		return head + `# The listener is yours: change its address, give it TLS, put filters of your own before dragoman.router_stage. Keep
# the rest of the connection manager whole: filters, access log, local replies and routes belong together. Print it
# again when listen.trusted_hops, listen.cors_origins or timeouts in the catalog change.
`
	}
	return head + fmt.Sprintf(`# Envoy then also listens on %s. To have the listener in your envoy.yaml, set listen.external: true in the
# catalog and print this again.
`, reachable(c.Listen))
}

// write prints a configuration unless it could not be made.
func write(s streams, text []byte, err error) error {
	if err != nil {
		return err
	}
	_, err = s.out.Write(append(bytes.TrimRight(text, "\n"), '\n'))
	return err
}

// bootstrapConfig says where the parts of Dragoman are.
type bootstrapConfig struct {
	extproc, xds string
	admin        netip.AddrPort
	node         string
	heap         uint64
	drainWord    string // "" lets nobody drain
}

func (c *bootstrapConfig) spec() (resource.Bootstrap, error) {
	e, err := endpoint(c.extproc, "--extproc")
	if err != nil {
		return resource.Bootstrap{}, err
	}
	x, err := endpoint(c.xds, "--xds")
	return resource.Bootstrap{NodeID: c.node, Admin: c.admin, ExtProc: e, XDS: x, HeapLimit: c.heap, DrainWord: c.drainWord}, err
}

// bootstrap is Envoy's configuration as YAML.
func bootstrap(c bootstrapConfig, inline *resource.Set) ([]byte, error) {
	spec, err := c.spec()
	if err != nil {
		return nil, err
	}
	boot, err := spec.Build(inline)
	if err != nil {
		return nil, err
	}
	return resource.YAML(boot)
}
