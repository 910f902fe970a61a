package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
	"github.com/dragoman-gateway/dragoman/extproc/identity"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// defaultCatalog is looked for where no catalog is named.
const defaultCatalog = "dragoman.yaml"

// origin is where a catalog comes from, and what came with it.
type origin struct {
	path    string // of the file; "" if there is none
	source  catalog.Source
	enabled []string // providers switched on by the environment
	newKey  identity.Secret
	keyFile string
	fleet   *simulator.Fleet // serves the demo's providers
}

// findCatalog takes the file that is named or lies here, else the providers
// whose keys the environment holds, else the simulator.
func findCatalog(path, state string, s streams) (*origin, error) {
	if path != "" {
		return &origin{path: path}, nil
	}
	if _, err := os.Stat(defaultCatalog); err == nil {
		return &origin{path: defaultCatalog}, nil
	}
	if _, enabled := catalog.FromEnvironment(s.env); len(enabled) > 0 {
		return environmentCatalog(state, s)
	}
	return demoCatalog()
}

// environmentCatalog makes a client key the first time; its hash stays in the
// state directory, the key itself nowhere.
func environmentCatalog(state string, s streams) (*origin, error) {
	dir, err := stateDir(state, s)
	if err != nil {
		return nil, err
	}
	o := &origin{keyFile: filepath.Join(dir, "client-key.sha256")}
	hash, err := readHash(o.keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		if o.newKey, hash, err = identity.Generate(rand.Reader); err == nil {
			err = os.WriteFile(o.keyFile, []byte(hex.EncodeToString(hash[:])+"\n"), 0o600)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the client key: %w", err)
	}
	o.source, o.enabled = catalog.FromEnvironment(s.env, catalog.Key{Name: "default", Hash: hash})
	return o, nil
}

func readHash(path string) (hash [sha256.Size]byte, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return hash, err
	}
	b, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(b) != len(hash) {
		return hash, fmt.Errorf("%s does not hold a SHA-256 in hex; delete it to make a new key", path)
	}
	return [sha256.Size]byte(b), nil
}

// demoProviders are the simulated providers, each with the path under which
// its dialect's vendor serves.
var demoProviders = []struct{ name, path string }{{"alpha", "/v1"}, {"beta", "/v1"}, {"gamma", "/v1beta"}, {"delta", ""}}

// demoCatalog serves simulated providers on ports of the kernel's choice.
func demoCatalog() (*origin, error) {
	f := &simulator.Fleet{}
	var at [4]string
	for i, p := range demoProviders {
		if err := f.Add(simulator.New(simulator.Config{Name: p.name}), nil); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		at[i] = f.URL(p.name) + p.path
	}
	source := catalog.Demo(catalog.DemoAddresses{Alpha: at[0], Beta: at[1], Gamma: at[2], Delta: at[3]})
	return &origin{source: source, fleet: f}, nil
}

// feed gives the catalog now, and later ones to onChange as the file changes.
// stop waits for the watcher's end; reload reads the file at once.
type feed struct {
	first  *catalog.Catalog
	reload func()
	stop   func()
}

func (o *origin) open(ctx context.Context, s streams, on catalog.WatchConfig) (*feed, error) {
	if o.path == "" {
		c, err := catalog.Parse(o.source)
		return &feed{first: c, reload: func() {}, stop: func() {}}, err
	}
	if err := there(o.path); err != nil {
		return nil, err
	}
	on.Path, on.Env = o.path, s.env
	w, err := catalog.Watch(ctx, on)
	if err != nil {
		return nil, err
	}
	return &feed{first: w.Catalog(), reload: w.Reload, stop: w.Wait}, nil
}

// there says what to do about a catalog that is not.
func there(path string) error {
	_, err := os.Stat(path)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist) && path == defaultCatalog:
		return errors.New("there is no dragoman.yaml here; name the catalog, or write one: see the README")
	default:
		return fmt.Errorf("the catalog: %w", err)
	}
}

// loadKeyless reads a file once for a command that needs no credentials, with
// what else it takes from the environment, such as regions.
func loadKeyless(path string, s streams) (*catalog.Catalog, error) {
	if err := there(path); err != nil {
		return nil, err
	}
	return catalog.LoadKeyless(path, s.env)
}

// sizes says how much a catalog serves.
func sizes(c *catalog.Catalog) string {
	return fmt.Sprintf("%s from %s", count(len(c.Models), "model"), count(len(c.Providers), "provider"))
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// statePath is where a process keeps what must outlive it.
func statePath(flag string, s streams) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if base, ok := s.env("XDG_STATE_HOME"); ok && base != "" {
		return filepath.Join(base, "dragoman"), nil
	}
	if home, ok := s.env("HOME"); ok && home != "" {
		return filepath.Join(home, ".local", "state", "dragoman"), nil
	}
	return "", errors.New("no state directory: HOME is not set; name one with --state")
}

// existingState is the state directory of a gateway for a command that makes none.
func existingState(flag string, s streams) (string, error) {
	dir, err := statePath(flag, s)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: dir, Err: errors.New("it is no directory")}
	}
	if err != nil {
		return dir, fmt.Errorf("the state directory: %w; dragoman run shows which one it uses", err)
	}
	return dir, nil
}

// stateDir makes the state directory if it is not there.
func stateDir(flag string, s streams) (string, error) {
	dir, err := statePath(flag, s)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("the state directory: %w; name another with --state", err)
	}
	return dir, nil
}
