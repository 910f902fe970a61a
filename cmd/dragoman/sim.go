package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
	"github.com/dragoman-gateway/dragoman/extproc/admin"
)

type simCommand struct {
	Providers []string `arg:"" optional:"" help:"NAME=host:port for each provider, on loopback." default:"alpha=127.0.0.1:9101,beta=127.0.0.1:9102,gamma=127.0.0.1:9103"`
	Control   string   `help:"Where faults are set, host:port." default:"127.0.0.1:9100" env:"DRAGOMAN_SIM_CONTROL"`
}

// Help shows how a provider is broken.
func (c *simCommand) Help() string {
	return "Each speaks every dialect at its vendor's paths: /v1 of OpenAI and Anthropic, /v1beta of Gemini, /model of Bedrock. " +
		"Break a provider with POST /NAME?status=503, mend it with DELETE /NAME, see all with GET /. " +
		"Other faults: ?hang=headers, ?first=2s, ?reset=mid, ?error_first=true, ?listener=down."
}

// Run serves scripted providers until a signal.
func (c *simCommand) Run(ctx context.Context, s streams) error {
	f := &simulator.Fleet{}
	defer f.Close() //nolint:errcheck // nothing follows
	for _, arg := range c.Providers {
		if err := addProvider(f, arg); err != nil {
			return err
		}
	}
	l, err := listen(place{c.Control, "--control"})
	if err != nil {
		return err
	}
	for _, st := range f.States() {
		fmt.Fprintf(s.out, "%-10s %s\n", st.Name, f.URL(st.Name))
	}
	fmt.Fprintln(s.out, "\nEach speaks every dialect: its base_url ends in /v1 for openai, responses and anthropic, in /v1beta for gemini, here for bedrock.")
	first := f.States()[0].Name
	fmt.Fprintf(s.out, "\nBreak one:  curl -X POST 'http://%s/%s?status=503'\nMend it:    curl -X DELETE http://%s/%s\nPress Ctrl-C to stop.\n", l.Addr(), first, l.Addr(), first)
	return supervise(ctx, func(ctx context.Context, parts *errgroup.Group) error {
		control := http.NewCrossOriginProtection().Handler(f.Control())
		parts.Go(func() error { return serveHTTP(ctx, admin.Server(control), l) })
		return nil
	})
}

// addProvider serves one provider given as NAME=host:port.
func addProvider(f *simulator.Fleet, arg string) error {
	name, address, err := cutProvider(arg)
	if err != nil {
		return err
	}
	l, err := listen(place{address, "NAME=host:port"})
	if err != nil {
		return fmt.Errorf("provider %s: %w", name, err)
	}
	return f.Add(simulator.New(simulator.Config{Name: name}), l)
}

func cutProvider(arg string) (name, address string, err error) {
	name, address, ok := strings.Cut(arg, "=")
	if !ok || name == "" {
		return "", "", fmt.Errorf("%q: give NAME=host:port", arg)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", "", fmt.Errorf("provider %s: %w", name, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", "", fmt.Errorf("provider %s: %s is not on loopback; the simulator takes anyone's requests", name, address)
	}
	return name, address, nil
}
