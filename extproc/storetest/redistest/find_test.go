package redistest

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// testFinder has an empty cache and no line for anybody.
func testFinder(t *testing.T, chosen string) *finder {
	t.Helper()
	f := newFinder()
	f.env = func(string) string { return chosen }
	f.program.Cache, f.program.Progress = filepath.Join(t.TempDir(), "cache"), nil
	return f
}

// script makes a program of a shell script.
func script(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAChosenServerIsCheckedAndNothingElseTried(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct{ name, text, want string }{
		{"fits", "echo 'Redis server v=7.2.4 sha=0'", ""},
		{"its fork fits", "echo 'Valkey server v=8.1.0 sha=0'", ""},
		{"too old", "echo 'Redis server v=6.2.14 sha=0'", "is Redis 6.2.14, and 7 or newer is needed"},
		{"something else", "echo hello", "not Redis's"},
		{"broken", "echo no library >&2; exit 127", "no library"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := script(t, dir, "server", test.text)
			f := testFinder(t, path)
			b, err := f.find(bounded(t, 10*time.Second))
			if test.want == "" && (err != nil || b.path != path) {
				t.Errorf("found %q, %v", b.path, err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), ServerVariable)) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if _, err := os.Stat(f.program.Cache); !errors.Is(err, os.ErrNotExist) {
				t.Error("the cache was touched")
			}
		})
	}
}

func TestThePackagesServerIsForWhenPathHasNoneThatFits(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	f := testFinder(t, "")
	root := filepath.Join(f.program.Cache, "redis-server-"+runtime.GOOS+"-"+runtime.GOARCH)
	libraries := filepath.Join(root, "usr", "lib", "x86_64-linux-gnu")
	for _, made := range []string{libraries, filepath.Join(root, "usr", "bin")} {
		if err := os.MkdirAll(made, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	kept := script(t, filepath.Join(root, "usr", "bin"), "redis-server", `[ "$LD_LIBRARY_PATH" = '`+libraries+`' ] && echo 'Redis server v=7.0.15 sha=0'`)
	for _, test := range []struct{ name, text, want string }{
		{"one that fits", "echo 'Redis server v=7.2.4 sha=0'", filepath.Join(dir, "redis-server")},
		{"an old one", "echo 'Redis server v=6.2.14 sha=0'", kept},
	} {
		t.Run(test.name, func(t *testing.T) {
			script(t, dir, "redis-server", test.text)
			if b, err := f.find(bounded(t, 10*time.Second)); err != nil || b.path != test.want {
				t.Errorf("found %q, %v; want %q", b.path, err, test.want)
			}
		})
	}
}

func TestAFailureTellsEveryWayAndWhatHelps(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := testFinder(t, "").find(bounded(t, 10*time.Second))
	if err == nil {
		t.Fatal("found one")
	}
	for _, part := range []string{"no redis-server 7 or newer", "REDIS_SERVER is not set", `"redis-server": executable file not found`, `"apt-get": executable file not found`, "install Redis, or set REDIS_SERVER"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error lacks %q:\n%v", part, err)
		}
	}
}
