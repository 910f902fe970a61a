package redistest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/storetest/debian"
)

// ServerVariable names the environment variable that points to a redis-server
// of the tester's choice.
const ServerVariable = "REDIS_SERVER"

// minimum is the first major release with what the gateway uses.
const minimum = 7

// binary is a redis-server that can be run.
type binary struct {
	path string
	root string // which it was unpacked in with libraries that the machine lacks, or ""
}

// unpacked is the server in a root of Debian's packages.
func unpacked(root string) binary {
	return binary{path: filepath.Join(root, "usr", "bin", "redis-server"), root: root}
}

// command prepares a run of the binary.
func (b binary) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, b.path, args...)
	if b.root != "" {
		cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+debian.Libraries(b.root))
	}
	return cmd
}

var versionText = regexp.MustCompile(`\bv=(\d+)\.[\d.]+`)

// check asks the binary for its version.
func (b binary) check(ctx context.Context) error {
	out, err := b.command(ctx, "--version").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s --version: %w: %.200s", b.path, err, out)
	}
	found := versionText.FindSubmatch(out)
	if found == nil {
		return fmt.Errorf("%s --version says %.200q, which is not Redis's", b.path, out)
	}
	if major, err := strconv.Atoi(string(found[1])); err != nil || major < minimum {
		return fmt.Errorf("%s is Redis %s, and %d or newer is needed", b.path, found[0][2:], minimum)
	}
	return nil
}

// finder is one search. Immutable.
type finder struct {
	env     func(string) string
	program debian.Program
}

func newFinder() *finder {
	return &finder{env: os.Getenv, program: debian.Program{
		Name:     "redis-server",
		Packages: []string{"redis-server", "redis-tools"}, // in Debian the one is a link to a file of the other
		Check:    func(ctx context.Context, root string) error { return unpacked(root).check(ctx) },
		Progress: os.Stderr,
	}}
}

func (f *finder) find(ctx context.Context) (binary, error) {
	if path := f.env(ServerVariable); path != "" {
		b := binary{path: path}
		if err := b.check(ctx); err != nil {
			return binary{}, fmt.Errorf("%s: %w", ServerVariable, err)
		}
		return b, nil
	}
	tried := []error{fmt.Errorf("%s is not set", ServerVariable)}
	path, err := exec.LookPath("redis-server")
	if err == nil {
		b := binary{path: path}
		if err = b.check(ctx); err == nil {
			return b, nil
		}
	}
	tried = append(tried, err)
	root, err := f.program.Get(ctx)
	if err == nil {
		return unpacked(root), nil
	}
	tried = append(tried, err)
	return binary{}, fmt.Errorf("no redis-server %d or newer: %w\nwhat helps: install Redis, or set %s to its redis-server",
		minimum, errors.Join(tried...), ServerVariable)
}
