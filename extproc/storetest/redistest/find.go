package redistest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// ServerVariable names the environment variable that points to a redis-server
// of the tester's choice.
const ServerVariable = "REDIS_SERVER"

// minimum is the first major release with what the gateway uses.
const minimum = 7

// binary is a redis-server that can be run.
type binary struct {
	path string
	libs string // a directory of libraries that the machine lacks, or ""
}

// command prepares a run of the binary.
func (b binary) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, b.path, args...)
	if b.libs != "" {
		cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+b.libs)
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
	progress io.Writer
	cache    string
	env      func(string) string
}

// newFinder looks where the project keeps what it downloads: "dragoman" in the
// user's cache directory, as for Envoy.
func newFinder() (*finder, error) {
	user, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("no directory to keep redis-server in: %w; set %s", err, ServerVariable)
	}
	return &finder{progress: os.Stderr, cache: filepath.Join(user, "dragoman"), env: os.Getenv}, nil
}

// cached is the copy in the cache, there or not.
func (f *finder) cached() binary {
	dir := filepath.Join(f.cache, "redis-"+runtime.GOOS+"-"+runtime.GOARCH)
	return binary{path: filepath.Join(dir, "redis-server"), libs: filepath.Join(dir, "lib")}
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
	if path, err := exec.LookPath("redis-server"); err != nil {
		tried = append(tried, err)
	} else if b := (binary{path: path}); b.check(ctx) == nil {
		return b, nil
	} else {
		tried = append(tried, b.check(ctx))
	}
	if b := f.cached(); b.check(ctx) == nil {
		return b, nil
	}
	b, err := f.install(ctx)
	if err == nil {
		return b, nil
	}
	tried = append(tried, err)
	return binary{}, fmt.Errorf("no redis-server %d or newer: %w\nwhat helps: install Redis, or set %s to its redis-server",
		minimum, errors.Join(tried...), ServerVariable)
}

// install fills the cache, or finds that another process has done so.
func (f *finder) install(ctx context.Context) (binary, error) {
	if err := os.MkdirAll(f.cache, 0o700); err != nil {
		return binary{}, err
	}
	unlock, err := f.lock(ctx)
	if err != nil {
		return binary{}, err
	}
	defer unlock()
	b := f.cached()
	if b.check(ctx) == nil {
		return b, nil
	}
	if err := f.sweep(); err != nil {
		return binary{}, err
	}
	start := time.Now()
	staging, err := os.MkdirTemp(f.cache, stagingPrefix)
	if err != nil {
		return binary{}, err
	}
	defer func() { _ = os.RemoveAll(staging) }() // the next sweep takes what stays
	if err := f.unpackDebian(ctx, staging); err != nil {
		return binary{}, fmt.Errorf("from the distribution's packages: %w", err)
	}
	ready := filepath.Join(staging, readyDir)
	if err := (binary{path: filepath.Join(ready, "redis-server"), libs: filepath.Join(ready, "lib")}).check(ctx); err != nil {
		return binary{}, err
	}
	if err := errors.Join(os.RemoveAll(filepath.Dir(b.path)), os.Rename(ready, filepath.Dir(b.path))); err != nil {
		return binary{}, err
	}
	f.say("redis-server ready in %.0f s", max(1, time.Since(start).Seconds()))
	return b, nil
}

// stagingPrefix starts the names of unfinished downloads; readyDir is what is
// renamed out of one.
const (
	stagingPrefix = "redis-staging-"
	readyDir      = "ready"
)

// sweep removes what killed downloads left. The lock is held.
func (f *finder) sweep() error {
	left, err := filepath.Glob(filepath.Join(f.cache, stagingPrefix+"*"))
	for _, dir := range left {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}

// lock takes the cache's lock for redis-server. The kernel frees it when its
// process ends, however that happens.
func (f *finder) lock(ctx context.Context) (unlock func(), err error) {
	file, err := os.OpenFile(filepath.Join(f.cache, "redis.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for waited := false; ; waited = true {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil // closing unlocks
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("locking the cache: %w", err), file.Close())
		}
		if !waited {
			f.say("another process is getting redis-server; waiting for it")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), file.Close())
		}
	}
}

// say prints one line of progress. A writer that fails stops nothing.
func (f *finder) say(format string, args ...any) {
	_, _ = fmt.Fprintf(f.progress, "redistest: "+format+"\n", args...)
}
