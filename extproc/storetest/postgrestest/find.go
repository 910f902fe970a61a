package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
)

// Variable names the directory that postgres and initdb are taken from.
const Variable = "POSTGRES_BIN"

// binary is a directory with postgres and initdb. root is set for a copy of
// Debian's files, whose libraries lie below it.
type binary struct{ dir, root string }

func (b binary) command(as *syscall.Credential, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(b.dir, name), args...) //nolint:noctx // run's caller ends it
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	if b.root != "" {
		libs := filepath.Join(b.root, "usr", "lib")
		found, err := filepath.Glob(filepath.Join(libs, "*-linux-gnu*"))
		if err == nil && len(found) > 0 {
			libs = found[0]
		}
		cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+libs)
	}
	cmd.SysProcAttr = attributes(as)
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

// find looks for a server where one can be, the cache last.
func find(ctx context.Context) (binary, error) {
	if dir := os.Getenv(Variable); dir != "" {
		b := binary{dir: dir}
		if err := b.check(ctx); err != nil {
			return binary{}, fmt.Errorf("%s: %w", Variable, err)
		}
		return b, nil
	}
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	debian, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	tried := []error{err}
	slices.Reverse(debian) // the newest of them first, as far as names tell
	for _, dir := range append(dirs, debian...) {
		b := binary{dir: dir}
		if err := b.check(ctx); err != nil {
			tried = append(tried, err)
			continue
		}
		return b, nil
	}
	b, err := cached(ctx)
	if err != nil {
		return binary{}, fmt.Errorf("no PostgreSQL server: %w\nwhat helps: install PostgreSQL, or set %s to the directory of its postgres and initdb",
			errors.Join(append(tried, err)...), Variable)
	}
	return b, nil
}

// cached is the copy in the project's cache, "dragoman" in the user's cache
// directory as for Envoy. It is made if it is not there.
func cached(ctx context.Context) (binary, error) {
	user, err := os.UserCacheDir()
	if err != nil {
		return binary{}, err
	}
	cache := filepath.Join(user, "dragoman")
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return binary{}, err
	}
	unlock, err := lock(filepath.Join(cache, "postgres.lock"))
	if err != nil {
		return binary{}, err
	}
	defer unlock()
	root := filepath.Join(cache, "postgres-"+runtime.GOOS+"-"+runtime.GOARCH)
	if b, err := below(root); err == nil && b.check(ctx) == nil {
		return b, nil
	}
	staging, err := os.MkdirTemp(cache, "postgres-staging-")
	if err != nil {
		return binary{}, err
	}
	defer func() { _ = os.RemoveAll(staging) }() // it is only a waste of space
	if err := unpack(ctx, staging); err != nil {
		return binary{}, fmt.Errorf("from the distribution's packages: %w", err)
	}
	b, err := below(filepath.Join(staging, "root"))
	if err == nil {
		err = b.check(ctx)
	}
	if err == nil {
		err = errors.Join(os.RemoveAll(root), os.Rename(filepath.Join(staging, "root"), root))
	}
	if err != nil {
		return binary{}, err
	}
	return below(root)
}

// below finds Debian's directory of binaries under a root.
func below(root string) (binary, error) {
	found, err := filepath.Glob(filepath.Join(root, "usr", "lib", "postgresql", "*", "bin"))
	if err != nil || len(found) == 0 {
		return binary{}, errors.Join(err, errors.New("no PostgreSQL below "+root))
	}
	return binary{found[len(found)-1], root}, nil
}

// lock waits for an exclusive lock on a file. The kernel frees it when its
// process ends.
func lock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		switch err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); {
		case err == nil:
			return func() { _ = file.Close() }, nil // closing unlocks
		case !errors.Is(err, syscall.EINTR):
			return nil, errors.Join(err, file.Close())
		}
	}
}
