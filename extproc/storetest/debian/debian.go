// Package debian gets programs out of the packages of a Debian or an Ubuntu
// into the project's cache, to be run there.
//
// Promises: apt-get chooses and verifies the packages: those named, and what
// these need and the machine lacks; nothing is installed, nobody needs to be
// root, and the machine's package lists and downloads stay as they are; what
// Get returns has passed the program's check.
//
// Refuses: to run what packages would run when they are installed, and to
// work on a machine without apt-get.
//
// Concurrency: Get may be called from many goroutines and processes. One of
// them downloads, as package cache has it; the others wait.
package debian

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/dragoman-gateway/dragoman/envoy/cache"
)

// Program is one that packages hold.
type Program struct {
	// Name is for lines, and for the files in the cache: "redis-server".
	Name string
	// Packages hold the program. They are had even if the machine has them.
	Packages []string
	// Check tells whether the program works out of a root.
	Check func(ctx context.Context, root string) error
	// Cache keeps it; "" means cache.Dir.
	Cache string
	// Progress gets one human line per long step; nil discards them.
	Progress io.Writer
}

// Get returns the cache's root of the program: a directory with the usr of its
// packages. The first time it downloads them.
func (p Program) Get(ctx context.Context) (root string, err error) {
	shelf := cache.Shelf{Dir: p.Cache, Kind: p.Name, Label: p.Name, Progress: p.Progress}
	if shelf.Dir == "" {
		if shelf.Dir, err = cache.Dir(); err != nil {
			return "", fmt.Errorf("no directory to keep %s in: %w", p.Name, err)
		}
	}
	root = filepath.Join(shelf.Dir, p.Name+"-"+runtime.GOOS+"-"+runtime.GOARCH)
	if p.Check(ctx, root) == nil {
		return root, nil
	}
	unlock, err := shelf.Lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	if p.Check(ctx, root) == nil { // another process has got it
		return root, nil
	}
	err = shelf.Install(root, func(staging string) (string, error) {
		made, err := (&archive{dir: staging, say: shelf.Say}).unpack(ctx, p.Packages)
		if err == nil {
			err = p.Check(ctx, made)
		}
		return made, err
	})
	if err != nil {
		return "", fmt.Errorf("from the distribution's packages: %w", err)
	}
	return root, nil
}

// Libraries is the LD_LIBRARY_PATH for programs of a root: its directories
// with libraries of the machine's architecture.
func Libraries(root string) string {
	var dirs []string
	for _, pattern := range []string{"usr/lib/*-linux-gnu*", "lib/*-linux-gnu*"} {
		found, _ := fs.Glob(os.DirFS(root), pattern) // the patterns are good, and other errors it ignores
		for _, dir := range found {
			dirs = append(dirs, filepath.Join(root, dir))
		}
	}
	return strings.Join(dirs, string(os.PathListSeparator))
}
