package debian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// archive is one download of packages, in a directory of its own.
type archive struct {
	dir     string
	say     func(string, ...any)
	private bool // package lists of its own: the machine's are missing or too old
}

func (a *archive) root() string  { return filepath.Join(a.dir, "root") }
func (a *archive) cache() string { return filepath.Join(a.dir, "cache") }
func (a *archive) lists() string { return filepath.Join(a.dir, "lists") }

// unpack downloads packages and returns the root they are unpacked in.
func (a *archive) unpack(ctx context.Context, packages []string) (root string, err error) {
	for _, tool := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", err
		}
	}
	a.say("downloading %s with apt-get", strings.Join(packages, " and "))
	err = a.download(ctx, packages)
	if err != nil && ctx.Err() == nil {
		a.say("package lists are missing or old; fetching them into a directory of their own")
		a.private = true
		again := a.apt(ctx, "update")
		if again == nil {
			again = a.download(ctx, packages)
		}
		if again != nil {
			again = errors.Join(err, again)
		}
		err = again
	}
	if err != nil {
		return "", err
	}
	debs, err := fs.Glob(os.DirFS(a.cache()), "archives/*.deb")
	if err == nil && len(debs) == 0 {
		err = fmt.Errorf("apt-get has no package for %s", strings.Join(packages, ", "))
	}
	for _, deb := range debs {
		if err == nil {
			err = run(ctx, "dpkg-deb", "-x", filepath.Join(a.cache(), deb), a.root())
		}
	}
	if err == nil {
		err = relink(a.root())
	}
	return a.root(), err
}

// download has apt-get resolve what an installation would need. It leaves out
// what the machine has, which is right for libraries; --reinstall gets what is
// named all the same.
func (a *archive) download(ctx context.Context, packages []string) error {
	return a.apt(ctx, append([]string{"install", "--download-only", "--reinstall", "--yes", "--no-install-recommends"}, packages...)...)
}

// apt runs apt-get so that it writes below a.dir only.
func (a *archive) apt(ctx context.Context, args ...string) error {
	for _, dir := range []string{filepath.Join(a.lists(), "partial"), filepath.Join(a.cache(), "archives", "partial")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	options := []string{
		"-q", "-o", "Dir::Cache=" + a.cache(), "-o", "Debug::NoLocking=true",
		"-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=20", // https takes it from there
	}
	if a.private {
		options = append(options, "-o", "Dir::State::Lists="+a.lists())
	}
	if os.Geteuid() == 0 { // else apt's own user would have to write here
		options = append(options, "-o", "APT::Sandbox::User=root")
	}
	return run(ctx, "apt-get", append(options, args...)...)
}

// relink has absolute links lead to what is in root instead of the machine's.
// Those to what packages do not hold stay.
func relink(root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type() != fs.ModeSymlink {
			return err
		}
		target, err := os.Readlink(path)
		if err != nil || !filepath.IsAbs(target) {
			return err
		}
		target = filepath.Join(root, target)
		if _, err := os.Lstat(target); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if target, err = filepath.Rel(filepath.Dir(path), target); err != nil {
			return err
		}
		return errors.Join(os.Remove(path), os.Symlink(target, path)) //nolint:gosec // nobody else is in the staging directory
	})
}

// run runs a command and passes on the end of what it complained if it fails.
func run(ctx context.Context, tool string, args ...string) error {
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	cmd.WaitDelay = 5 * time.Second // for apt-get's own children
	var faults bytes.Buffer
	cmd.Stderr = &faults
	if err := cmd.Run(); err != nil {
		said := bytes.TrimSpace(faults.Bytes())
		return fmt.Errorf("%s: %w: %s", tool, errors.Join(context.Cause(ctx), err), said[max(0, len(said)-500):])
	}
	return nil
}
