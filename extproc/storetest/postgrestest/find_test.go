package postgrestest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// testFinder knows nothing installed, and has an empty cache, no PATH and no
// line for anybody.
func testFinder(t *testing.T, chosen string) *finder {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	f := newFinder()
	f.env = func(string) string { return chosen }
	f.installed = filepath.Join(dir, "installed", "*", "bin")
	f.program.Cache, f.program.Progress = filepath.Join(dir, "cache"), nil
	return f
}

// programs makes a directory with a postgres and an initdb of a shell script.
func programs(t *testing.T, dir, text string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"postgres", "initdb"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const good = "echo PostgreSQL 15.20"

func TestAChosenDirectoryIsCheckedAndNothingElseTried(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"fits", good, ""},
		{"something else", "echo hello", "is not PostgreSQL's"},
		{"broken", "echo no library >&2; exit 127", "no library"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := programs(t, t.TempDir(), test.text)
			f := testFinder(t, dir)
			programs(t, os.Getenv("PATH"), good)
			b, err := f.find(within(t))
			if test.want == "" && (err != nil || b.dir != dir) {
				t.Errorf("found %q, %v", b.dir, err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), Variable)) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if _, err := os.Stat(f.program.Cache); !errors.Is(err, os.ErrNotExist) {
				t.Error("the cache was touched")
			}
		})
	}
}

func TestTheFirstThatWorksIsTaken(t *testing.T) {
	f := testFinder(t, "")
	installed := filepath.Dir(filepath.Dir(f.installed))
	root := filepath.Join(f.program.Cache, "postgres-"+runtime.GOOS+"-"+runtime.GOARCH)
	kept := filepath.Join(root, "usr", "lib", "postgresql", "15", "bin")
	libraries := filepath.Join(root, "usr", "lib", "x86_64-linux-gnu")
	if err := os.MkdirAll(libraries, 0o700); err != nil {
		t.Fatal(err)
	}
	programs(t, kept, `[ "$LD_LIBRARY_PATH" = '`+libraries+`' ] && `+good)
	for _, better := range []string{ // each is better than those before
		kept, filepath.Join(installed, "14", "bin"), filepath.Join(installed, "15", "bin"), os.Getenv("PATH"),
	} {
		if better != kept {
			programs(t, better, "exit 127")
			if b, err := f.find(within(t)); err != nil || b.dir == better {
				t.Errorf("found %q, %v, which does not work", b.dir, err)
			}
			programs(t, better, good)
		}
		if b, err := f.find(within(t)); err != nil || b.dir != better {
			t.Errorf("found %q, %v; want %q", b.dir, err, better)
		}
	}
}

func TestAFailureTellsEveryWayAndWhatHelps(t *testing.T) {
	f := testFinder(t, "")
	broken := programs(t, filepath.Join(filepath.Dir(filepath.Dir(f.installed)), "15", "bin"), "exit 127")
	_, err := f.find(within(t))
	if err == nil {
		t.Fatal("found one")
	}
	for _, part := range []string{
		"no PostgreSQL server: ", "POSTGRES_BIN is not set", `"postgres": executable file not found`, broken,
		`"apt-get": executable file not found`, "install PostgreSQL, or set POSTGRES_BIN",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error lacks %q:\n%v", part, err)
		}
	}
}

func TestAnotherUserRunsACopyOfWhatIsInAPrivateCache(t *testing.T) {
	root := t.TempDir()
	b := binary{dir: programs(t, filepath.Join(root, "usr", "lib", "postgresql", "15", "bin"), good), root: root}
	nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
	installed := binary{dir: b.dir}
	for name, c := range map[string]struct {
		b    binary
		as   *syscall.Credential
		copy bool
	}{
		"the same user":     {b, nil, false},
		"what is installed": {installed, nobody, false},
		"another user":      {b, nobody, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			got, err := c.b.reachable(dir, c.as)
			if err != nil || strings.HasPrefix(got.dir, dir) != c.copy {
				t.Fatalf("%+v, %v", got, err)
			}
			if err := got.check(within(t)); err != nil {
				t.Error(err)
			}
		})
	}
}
