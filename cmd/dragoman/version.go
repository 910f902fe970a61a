package main

import (
	"fmt"
	"runtime/debug"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

type versionCommand struct{}

// Run prints the version.
func (c *versionCommand) Run(s streams) error {
	_, err := fmt.Fprintf(s.out, "dragoman %s, measured against Envoy %s\n", version(), envoy.Version)
	return err
}

// version is this program's.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

type schemaCommand struct{}

// Run prints the JSON Schema of the catalog.
func (c *schemaCommand) Run(s streams) error {
	_, err := s.out.Write(catalog.Schema())
	return err
}
