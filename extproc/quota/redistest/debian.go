package redistest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// unpackDebian puts redis-server and the libraries that this machine lacks
// into staging/ready, from the packages of its own distribution: apt-get
// checks their signatures.
func (f *finder) unpackDebian(ctx context.Context, staging string) error {
	for _, tool := range []string{"apt-get", "dpkg-deb", "ldd"} {
		if _, err := exec.LookPath(tool); err != nil {
			return err
		}
	}
	a := &archive{finder: f, dir: staging}
	for _, dir := range []string{a.debs(), a.root(), a.lib()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	f.say("downloading redis-server (1 MB) with apt-get")
	if err := a.fetch(ctx, "redis-server", "redis-tools"); err != nil {
		return err
	}
	server := filepath.Join(staging, readyDir, "redis-server")
	if err := copyFile(filepath.Join(a.root(), "usr", "bin", "redis-server"), server, 0o700); err != nil {
		return err
	}
	return a.complete(ctx, server)
}

// archive is one download of packages, in a directory of its own.
type archive struct {
	*finder
	dir     string
	private bool     // package lists of our own, as the machine's are missing or too old
	have    []string // packages unpacked
}

func (a *archive) debs() string { return filepath.Join(a.dir, "debs") }
func (a *archive) root() string { return filepath.Join(a.dir, "root") }
func (a *archive) lib() string  { return filepath.Join(a.dir, readyDir, "lib") }

// fetch downloads packages and unpacks them.
func (a *archive) fetch(ctx context.Context, names ...string) error {
	err := a.apt(ctx, append([]string{"download"}, names...)...)
	if err != nil && !a.private && ctx.Err() == nil {
		a.say("package lists are missing or old; fetching them into a directory of their own")
		a.private = true
		if err = a.apt(ctx, "update"); err == nil {
			err = a.apt(ctx, append([]string{"download"}, names...)...)
		}
	}
	if err != nil {
		return err
	}
	a.have = append(a.have, names...)
	files, err := filepath.Glob(filepath.Join(a.debs(), "*.deb"))
	for _, file := range files {
		err = errors.Join(err, run(exec.CommandContext(ctx, "dpkg-deb", "-x", file, a.root())))
	}
	return err
}

// apt runs apt-get so that it writes below a.dir only.
func (a *archive) apt(ctx context.Context, args ...string) error {
	state, cache := filepath.Join(a.dir, "apt", "state"), filepath.Join(a.dir, "apt", "cache")
	for _, dir := range []string{filepath.Join(state, "lists", "partial"), filepath.Join(cache, "archives", "partial")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	options := []string{"-q", "-o", "Dir::Cache=" + cache, "-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=20"}
	if a.private {
		options = append(options, "-o", "Dir::State="+state, "-o", "Dir::State::status=/var/lib/dpkg/status")
	}
	if os.Geteuid() == 0 { // else apt's own user would have to write here
		options = append(options, "-o", "APT::Sandbox::User=root")
	}
	cmd := exec.CommandContext(ctx, "apt-get", append(options, args...)...)
	cmd.Dir = a.debs()
	return run(cmd)
}

// complete copies the libraries that the server misses out of the packages it
// depends on, then those that these miss in turn.
func (a *archive) complete(ctx context.Context, server string) error {
	for range 4 {
		missing, err := a.missing(ctx, server)
		if err != nil || len(missing) == 0 {
			return err
		}
		needed, err := a.needed(ctx)
		if err != nil {
			return err
		}
		if len(needed) > 0 {
			if err := a.fetch(ctx, needed...); err != nil {
				return err
			}
		}
		if err := a.copyLibraries(missing); err != nil {
			return err
		}
	}
	missing, err := a.missing(ctx, server)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("no package brings %s", strings.Join(missing, ", "))
	}
	return err
}

var notFound = regexp.MustCompile(`(?m)^\s*(\S+) => not found`)

// missing are the libraries that the loader does not find.
func (a *archive) missing(ctx context.Context, server string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "ldd", server)
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+a.lib())
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("ldd: %w: %.300s", err, out)
	}
	var names []string
	for _, found := range notFound.FindAllSubmatch(out, -1) {
		names = append(names, filepath.Base(string(found[1])))
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// needed are the packages of libraries that the unpacked ones depend on.
func (a *archive) needed(ctx context.Context) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(a.debs(), "*.deb"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, file := range files {
		out, err := exec.CommandContext(ctx, "dpkg-deb", "-f", file, "Depends").Output()
		if err != nil {
			return nil, fmt.Errorf("dpkg-deb -f: %w", err)
		}
		for dependency := range strings.SplitSeq(string(out), ",") {
			name, _, _ := strings.Cut(strings.TrimSpace(dependency), " ") // the first of alternatives, without its version
			library := strings.HasPrefix(name, "lib") || strings.HasPrefix(name, "lua")
			if library && name != "libc6" && !slices.Contains(a.have, name) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

// copyLibraries copies files of these names out of the unpacked packages.
func (a *archive) copyLibraries(names []string) error {
	return filepath.WalkDir(a.root(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !slices.Contains(names, entry.Name()) {
			return err
		}
		return copyFile(path, filepath.Join(a.lib(), entry.Name()), 0o600)
	})
}

// copyFile follows links: a library's name is one, and so is redis-server's.
func copyFile(from, to string, mode os.FileMode) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, mode) //nolint:gosec // callers make the path: the staging directory and a base name
}

// run runs a command and passes on the end of what it said if it fails.
func run(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	if err != nil {
		out = bytes.TrimSpace(out)
		err = fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, out[max(0, len(out)-500):])
	}
	return err
}
