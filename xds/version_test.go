package xds

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestVersionsAreStable(t *testing.T) {
	var got strings.Builder
	for _, words := range []string{"a", "a b", "b a", "a* b", "a b edge*"} {
		s := mustState(t, words)
		for k := range numKinds {
			fmt.Fprintf(&got, "%-10s %-10s %s\n", words, k, s[k].version)
		}
	}
	golden := filepath.Join("testdata", "versions.golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("versions (-want +got); -update rewrites them:\n%s", diff)
	}
}

func TestAVersionSaysWhatIsThereAndNothingElse(t *testing.T) {
	r := gateway("a b c")
	first, err := newState(r)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(r.Clusters)
	slices.Reverse(r.Listeners)
	turned, err := newState(r)
	if err != nil {
		t.Fatal(err)
	}
	if !first.same(&turned) {
		t.Error("the order of the input changes versions")
	}
	a, b, ab := mustState(t, "a"), mustState(t, "b"), mustState(t, "a b")
	if got, want := a[Clusters].with(b[Clusters]).version, ab[Clusters].version; got != want {
		t.Errorf("a union has version %s, the same resources published at once %s", got, want)
	}
	other := mustState(t, "b a")
	for k, differs := range map[Kind]bool{Clusters: false, Listeners: false, Routes: true} {
		if (other[k].version != ab[k].version) != differs {
			t.Errorf("another order of providers: do %s differ? want %v", k, differs)
		}
	}
	changed := mustState(t, "a* b")
	for k, differs := range map[Kind]bool{Clusters: true, Listeners: true, Routes: false} {
		if (changed[k].version != ab[k].version) != differs {
			t.Errorf("a changed provider: do %s differ? want %v", k, differs)
		}
	}
}
