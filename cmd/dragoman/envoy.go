package main

import (
	"fmt"
	"net/netip"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
	"github.com/dragoman-gateway/dragoman/xds/resource"
)

type envoyCommand struct {
	Bootstrap bootstrapCommand `cmd:"" help:"A whole bootstrap; everything else comes from 'dragoman xds'."`
	Pieces    piecesCommand    `cmd:"" help:"What an existing envoy.yaml needs: filters, clusters, access logs, local replies."`
	Static    staticCommand    `cmd:"" help:"A whole configuration without xds, from a catalog (run ext_proc with --static)."`
}

// envoyFlags are common to all three.
type envoyFlags struct {
	Extproc string `help:"Where ext_proc listens: unix:PATH or host:port." default:"unix:dragoman-extproc.sock"`
	Xds     string `help:"Where xds listens: unix:PATH or host:port." default:"unix:dragoman-xds.sock"`
	Admin   string `help:"Envoy's own admin address." default:"127.0.0.1:9901"`
	NodeID  string `help:"Envoy's node id." default:"dragoman"`
	Heap    uint64 `help:"Heap in bytes above which Envoy sheds load; 0 = no limit." default:"0"`
}

func (f *envoyFlags) config() (bootstrapConfig, error) {
	admin, err := netip.ParseAddrPort(f.Admin)
	if err != nil {
		return bootstrapConfig{}, fmt.Errorf("--admin %s: give an IP address and port", f.Admin)
	}
	return bootstrapConfig{extproc: f.Extproc, xds: f.Xds, admin: admin, node: f.NodeID, heap: f.Heap}, nil
}

type bootstrapCommand struct{ envoyFlags }

// Run prints the bootstrap.
func (c *bootstrapCommand) Run(s streams) error {
	bc, err := c.config()
	if err != nil {
		return err
	}
	return printConfig(s, bc, nil)
}

type staticCommand struct {
	envoyFlags
	Catalog string `help:"The catalog file." type:"existingfile" default:"dragoman.yaml" env:"DRAGOMAN_CATALOG"`
}

// Run prints the static configuration.
func (c *staticCommand) Run(s streams) error {
	bc, err := c.config()
	if err != nil {
		return err
	}
	cat, err := catalog.Load(c.Catalog, nil)
	if err != nil {
		return err
	}
	set, err := resource.Build(cat, resource.Options{Static: true})
	if err != nil {
		return err
	}
	return printConfig(s, bc, set)
}

type piecesCommand struct {
	envoyFlags
	Catalog string `help:"The catalog file." type:"existingfile" default:"dragoman.yaml" env:"DRAGOMAN_CATALOG"`
}

// Run prints the pieces with a word on where each belongs.
func (c *piecesCommand) Run(s streams) error {
	bc, err := c.config()
	if err != nil {
		return err
	}
	cat, err := catalog.Load(c.Catalog, nil)
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
	for i, p := range pieces {
		if i > 0 {
			fmt.Fprintln(s.out)
		}
		fmt.Fprintf(s.out, "# %s\n", p.Where)
		text, err := resource.YAML(p.Message)
		if err != nil {
			return err
		}
		if _, err := s.out.Write(text); err != nil {
			return err
		}
	}
	return nil
}

func printConfig(s streams, bc bootstrapConfig, inline *resource.Set) error {
	text, err := bootstrap(bc, inline)
	if err != nil {
		return err
	}
	_, err = s.out.Write(text)
	return err
}

// bootstrapConfig says where the parts of Dragoman are.
type bootstrapConfig struct {
	extproc, xds string
	admin        netip.AddrPort
	node         string
	heap         uint64
}

func (c *bootstrapConfig) spec() (resource.Bootstrap, error) {
	e, err := endpoint(c.extproc)
	if err != nil {
		return resource.Bootstrap{}, err
	}
	x, err := endpoint(c.xds)
	return resource.Bootstrap{NodeID: c.node, Admin: c.admin, ExtProc: e, XDS: x, HeapLimit: c.heap}, err
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
