package resource_test

import (
	"bytes"
	"context"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/dragoman-gateway/dragoman/envoy/binary"
	"github.com/dragoman-gateway/dragoman/envoy/process"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
	"github.com/dragoman-gateway/dragoman/xds/resource"
	"github.com/dragoman-gateway/dragoman/xds/resource/guard"
)

var update = flag.Bool("update", false, "write the golden files anew")

const golden = "../../testdata/resources"

// catalogs are the inputs of the golden resources, by file.
func catalogs(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(golden, "*.catalog.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no catalogs in %s: %v", golden, err)
	}
	return files
}

func parse(t *testing.T, file string) *catalog.Catalog {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Parse(catalog.Source{Name: filepath.Base(file), Data: data})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func name(file string) string {
	base := filepath.Base(file)
	return base[:len(base)-len(".catalog.yaml")]
}

func static(t *testing.T, c *catalog.Catalog) []byte {
	t.Helper()
	set, err := resource.Build(c, resource.Options{Static: true})
	if err != nil {
		t.Fatal(err)
	}
	boot, err := resource.Bootstrap{NodeID: "golden", Admin: netip.MustParseAddrPort("127.0.0.1:9901"), ExtProc: resource.Endpoint{Socket: "extproc.sock"}, HeapLimit: 1 << 30}.Build(set)
	if err != nil {
		t.Fatal(err)
	}
	text, err := resource.YAML(boot)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// withoutScripts names the guards instead of repeating them for each provider:
// they have tests of their own.
func withoutScripts(text []byte) []byte {
	return []byte(strings.NewReplacer(
		strconv.Quote(guard.Stream()), "stream.lua", strconv.Quote(guard.Answer()), "answer.lua",
	).Replace(string(text)))
}

func TestResourcesAreAsTheirGoldensShow(t *testing.T) {
	t.Parallel()
	for _, file := range catalogs(t) {
		t.Run(name(file), func(t *testing.T) {
			t.Parallel()
			want := filepath.Join(golden, name(file)+".envoy.yaml")
			got := withoutScripts(static(t, parse(t, file)))
			if *update {
				if err := os.WriteFile(want, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			text, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(text), string(got)); d != "" {
				t.Errorf("run with -update if this is meant (-want +got):\n%s", d)
			}
		})
	}
}

func TestGoldensHaveTheirCatalogs(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(golden, "*.envoy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		c := f[:len(f)-len(".envoy.yaml")] + ".catalog.yaml"
		if _, err := os.Stat(c); err != nil {
			t.Errorf("%s has no catalog: %v", f, err)
		}
	}
}

func TestTheSameCatalogGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	for _, file := range catalogs(t) {
		one, err := resource.Build(parse(t, file), resource.Options{})
		if err != nil {
			t.Fatal(err)
		}
		two, err := resource.Build(parse(t, file), resource.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range one.Listeners {
			a, err := proto.MarshalOptions{Deterministic: true}.Marshal(one.Listeners[i])
			if err != nil {
				t.Fatal(err)
			}
			b, err := proto.MarshalOptions{Deterministic: true}.Marshal(two.Listeners[i])
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(a, b) {
				t.Errorf("%s: listener %s differs", name(file), one.Listeners[i].GetName())
			}
		}
	}
}

func TestEnvoyAcceptsEveryGolden(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	path, _, err := binary.Find(ctx, binary.Options{Progress: os.Stderr})
	if err != nil {
		t.Fatalf("this test needs a real Envoy and does not skip: %v", err)
	}
	for _, file := range catalogs(t) {
		t.Run(name(file), func(t *testing.T) {
			t.Parallel()
			if err := process.Validate(t.Context(), path, static(t, parse(t, file))); err != nil {
				t.Error(err)
			}
		})
	}
}
