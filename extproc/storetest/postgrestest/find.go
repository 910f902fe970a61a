package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/dragoman-gateway/dragoman/extproc/storetest/debian"
)

// Variable names the directory that postgres and initdb are taken from.
const Variable = "POSTGRES_BIN"

// binaries is where Debian's packages have postgres and initdb.
const binaries = "usr/lib/postgresql/*/bin"

// binary is a directory with postgres and initdb. root is set for a copy of
// Debian's files, whose libraries lie below it.
type binary struct{ dir, root string }

func (b binary) command(as *syscall.Credential, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(b.dir, name), args...) //nolint:noctx // bounded ends it, or close
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	if b.root != "" {
		cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+debian.Libraries(b.root))
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	return cmd
}

func (b binary) check(ctx context.Context) error {
	for _, name := range []string{"initdb", "postgres"} {
		cmd := b.command(nil, name, "--version")
		if out, err := bounded(ctx, cmd); err != nil {
			return fmt.Errorf("%s: %w %s", cmd.Path, err, out)
		} else if !bytes.Contains(out, []byte("PostgreSQL")) {
			return fmt.Errorf("%s is not PostgreSQL's", cmd.Path)
		}
	}
	return nil
}

// reachable is a copy of the binary in dir if a user other than this one runs
// it out of a cache that is private.
func (b binary) reachable(dir string, as *syscall.Credential) (binary, error) {
	if as == nil || b.root == "" {
		return b, nil
	}
	within, err := filepath.Rel(b.root, b.dir)
	if err != nil {
		return binary{}, err
	}
	root := filepath.Join(dir, "root")
	return binary{filepath.Join(root, within), root}, os.CopyFS(root, os.DirFS(b.root))
}

// finder is one search. Immutable.
type finder struct {
	env       func(string) string
	installed string // the pattern of directories where Debian installs binaries
	program   debian.Program
}

func newFinder() *finder {
	return &finder{env: os.Getenv, installed: "/" + binaries, program: debian.Program{
		Name:     "postgres",
		Packages: []string{"postgresql"}, // which needs that of the newest release
		Check: func(ctx context.Context, root string) error {
			b, err := below(root)
			if err != nil {
				return err
			}
			return b.check(ctx)
		},
		Progress: os.Stderr,
	}}
}

// find looks for a server where one can be, the cache last.
func (f *finder) find(ctx context.Context) (binary, error) {
	if dir := f.env(Variable); dir != "" {
		b := binary{dir: dir}
		if err := b.check(ctx); err != nil {
			return binary{}, fmt.Errorf("%s: %w", Variable, err)
		}
		return b, nil
	}
	tried := []error{fmt.Errorf("%s is not set", Variable)}
	var dirs []string
	if path, err := exec.LookPath("postgres"); err != nil {
		tried = append(tried, err)
	} else {
		dirs = append(dirs, filepath.Dir(path))
	}
	installed, err := filepath.Glob(f.installed)
	tried = append(tried, err)
	slices.Reverse(installed) // the newest of them first, as far as names tell
	for _, dir := range append(dirs, installed...) {
		b := binary{dir: dir}
		if err := b.check(ctx); err != nil {
			tried = append(tried, err)
			continue
		}
		return b, nil
	}
	root, err := f.program.Get(ctx)
	if err == nil {
		return below(root)
	}
	return binary{}, fmt.Errorf("no PostgreSQL server: %w\nwhat helps: install PostgreSQL, or set %s to the directory of its postgres and initdb",
		errors.Join(append(tried, err)...), Variable)
}

// below finds Debian's directory of binaries under a root.
func below(root string) (binary, error) {
	found, err := fs.Glob(os.DirFS(root), binaries)
	if err != nil || len(found) == 0 {
		return binary{}, errors.Join(err, errors.New("no PostgreSQL below "+root))
	}
	return binary{filepath.Join(root, found[len(found)-1]), root}, nil
}
