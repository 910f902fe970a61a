package debian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// What apt-get says first.
const (
	oldLists = `case "$*" in *Dir::State::Lists=*) ;; *) echo 'E: Unable to locate package' >&2; exit 100 ;; esac`
	noNews   = `case "$*" in *update) echo 'E: no network' >&2; exit 100 ;; esac`
	nothing  = `exit 0`
)

// distribution is a directory of package tools that is all of PATH.
type distribution struct {
	dir string
}

// fakeDistribution has an apt-get that knows the package fake, which needs
// libfake1, and a dpkg-deb that unpacks a program that works with both.
func fakeDistribution(t *testing.T, first ...string) distribution {
	t.Helper()
	d := distribution{t.TempDir()}
	d.script(t, "apt-get", `echo "$*" >> '`+d.dir+`/runs'
`+strings.Join(first, "\n")+`
case "$*" in *update) exit 0 ;; esac
for word in "$@"; do case "$word" in Dir::Cache=*) cache="${word#*=}" ;; esac; done
: > "$cache/archives/fake_1.deb"
: > "$cache/archives/libfake1_1.deb"`)
	d.script(t, "dpkg-deb", `PATH=/usr/bin:/bin
mkdir -p "$3/usr/bin" "$3/usr/lib/x86_64-linux-gnu" "$3/lib/x86_64-linux-gnu"
case "$2" in
*/fake_1.deb)
  printf '#!/bin/sh\n[ -e "${LD_LIBRARY_PATH%%%%:*}/libfake.so.1" ] && [ -e "${LD_LIBRARY_PATH##*:}/libold.so.1" ] || exit 127\necho fake works\n' > "$3/usr/bin/fake-check"
  chmod 700 "$3/usr/bin/fake-check"
  ln -s /usr/bin/fake-check "$3/usr/bin/fake"
  ln -s fake "$3/usr/bin/fake-too"
  ln -s /etc/passwd "$3/usr/bin/elsewhere" ;;
*/libfake1_1.deb) : > "$3/usr/lib/x86_64-linux-gnu/libfake.so.1"; : > "$3/lib/x86_64-linux-gnu/libold.so.1" ;;
esac`)
	t.Setenv("PATH", d.dir)
	return d
}

func (d distribution) script(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
}

// runs are what apt-get was run for: "update", "install"; private ones with
// lists of their own.
func (d distribution) runs(t *testing.T) (out []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(d.dir, "runs"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		run := "install"
		if strings.HasSuffix(line, " update\n") {
			run = "update"
		} else if !strings.HasSuffix(line, " install --download-only --reinstall --yes --no-install-recommends fake fake-extra\n") {
			t.Errorf("unexpected: %s", line)
		}
		if strings.Contains(line, "Dir::State::Lists=") {
			run = "private " + run
		}
		out = append(out, run)
	}
	return out
}

// fakeProgram is one whose program must say that it works.
func fakeProgram(t *testing.T) Program {
	t.Helper()
	return Program{
		Name: "fake", Packages: []string{"fake", "fake-extra"}, Cache: filepath.Join(t.TempDir(), "[cache]"), Progress: &bytes.Buffer{},
		Check: func(ctx context.Context, root string) error {
			cmd := exec.CommandContext(ctx, filepath.Join(root, "usr", "bin", "fake"))
			cmd.Env = []string{"LD_LIBRARY_PATH=" + Libraries(root)}
			if out, err := cmd.CombinedOutput(); err != nil || string(out) != "fake works\n" {
				return fmt.Errorf("it says %q: %w", out, err)
			}
			return nil
		},
	}
}

func TestListsOfItsOwnAreForWhenTheMachinesFail(t *testing.T) {
	for _, test := range []struct {
		name  string
		first string
		want  []string
	}{
		{"good", ":", []string{"install"}},
		{"missing or old", oldLists, []string{"install", "private update", "private install"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := fakeDistribution(t, test.first)
			p := fakeProgram(t)
			for range 2 {
				if root, err := p.Get(bounded(t)); err != nil || filepath.Dir(root) != p.Cache {
					t.Errorf("%q, %v", root, err)
				}
			}
			if diff := cmp.Diff(test.want, d.runs(t)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSearchesAtTheSameTimeDownloadOnce(t *testing.T) {
	d := fakeDistribution(t, oldLists)
	p := fakeProgram(t)
	if err := os.MkdirAll(filepath.Join(p.Cache, "fake-staging-left"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx := bounded(t)
	var searches sync.WaitGroup
	for range 4 {
		searches.Go(func() {
			one := p
			one.Progress = nil
			root, err := one.Get(ctx)
			if err != nil {
				t.Error(err)
			} else if err := p.Check(ctx, root); err != nil {
				t.Error(err)
			}
		})
	}
	searches.Wait()
	if diff := cmp.Diff([]string{"install", "private update", "private install"}, d.runs(t)); diff != "" {
		t.Error(diff)
	}
	left, err := os.ReadDir(p.Cache)
	if err != nil || len(left) != 2 { // the root and the lock
		t.Errorf("the cache holds %v, %v", left, err)
	}
}

func TestABrokenCopyIsReplaced(t *testing.T) {
	d := fakeDistribution(t)
	p := fakeProgram(t)
	for range 2 {
		root, err := p.Get(bounded(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(root, "usr", "bin", "fake-check")); err != nil {
			t.Fatal(err)
		}
	}
	if runs := d.runs(t); len(runs) != 2 {
		t.Errorf("apt-get ran for %v", runs)
	}
}

func TestLinksStayInTheRootAsFarAsItHoldsWhatTheyName(t *testing.T) {
	fakeDistribution(t)
	root, err := fakeProgram(t).Get(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"fake": "fake-check", "fake-too": "fake", "elsewhere": "/etc/passwd"} {
		if got, err := os.Readlink(filepath.Join(root, "usr", "bin", name)); err != nil || got != want {
			t.Errorf("%s leads to %q, %v; want %q", name, got, err, want)
		}
	}
}

func TestAFailureTellsWhyAndKeepsNothing(t *testing.T) {
	works := fakeProgram(t).Check
	fails := func(context.Context, string) error { return errors.New("it does not run") }
	for _, test := range []struct {
		name  string
		first []string
		check func(context.Context, string) error
		want  []string
	}{
		{"no lists to be had", []string{oldLists, noNews}, works, []string{"E: Unable to locate package", "E: no network"}},
		{"nothing to download", []string{nothing}, works, []string{"no package for fake, fake-extra"}},
		{"it does not work", nil, fails, []string{"it does not run"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			fakeDistribution(t, test.first...)
			p := fakeProgram(t)
			p.Check = test.check
			_, err := p.Get(bounded(t))
			for _, want := range append(test.want, "from the distribution's packages: ") {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %q", err, want)
				}
			}
			if left, err := os.ReadDir(p.Cache); err != nil || len(left) != 1 { // the lock
				t.Errorf("the cache holds %v, %v", left, err)
			}
		})
	}
}

func TestAMachineWithoutPackageToolsIsTold(t *testing.T) {
	for _, missing := range []string{"apt-get", "dpkg-deb"} {
		d := fakeDistribution(t)
		if err := os.Remove(filepath.Join(d.dir, missing)); err != nil {
			t.Fatal(err)
		}
		if _, err := fakeProgram(t).Get(bounded(t)); !errors.Is(err, exec.ErrNotFound) || !strings.Contains(err.Error(), missing) {
			t.Errorf("error %v", err)
		}
	}
}

func TestADownloadEndsWithItsContext(t *testing.T) {
	d := fakeDistribution(t, "exec /bin/sleep 60")
	p := fakeProgram(t)
	cause := errors.New("no more patience")
	ctx, cancel := context.WithCancelCause(bounded(t))
	ended := make(chan error, 1)
	go func() {
		_, err := p.Get(ctx)
		ended <- err
	}()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for begun := false; !begun; <-tick.C {
		_, err := os.Stat(filepath.Join(d.dir, "runs"))
		begun = err == nil || ctx.Err() != nil
	}
	cancel(cause)
	if err := <-ended; !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff([]string{"install"}, d.runs(t)); diff != "" {
		t.Error(diff)
	}
	if said := fmt.Sprint(p.Progress); strings.Contains(said, "lists") {
		t.Errorf("said %q", said)
	}
}

func TestAUserWithoutAHomeIsTold(t *testing.T) {
	fakeDistribution(t)
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	p := fakeProgram(t)
	p.Cache = ""
	if _, err := p.Get(bounded(t)); err == nil || !strings.Contains(err.Error(), "no directory to keep fake in: ") {
		t.Errorf("error %v", err)
	}
}
