package private_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/private"
)

// open is a mode that a umask of 022 leaves.
func open(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestAFileIsItsOwnersAloneWhetherItIsNewOrNot(t *testing.T) {
	t.Parallel()
	for _, before := range []os.FileMode{0, 0o644, 0o666, 0o640, 0o600} {
		path := filepath.Join(t.TempDir(), "f")
		if before != 0 {
			if err := os.WriteFile(path, []byte("kept"), 0o600); err != nil {
				t.Fatal(err)
			}
			open(t, path, before)
		}
		if err := private.File(path); err != nil {
			t.Fatal(err)
		}
		if got := mode(t, path); got != 0o600 {
			t.Errorf("%o became %o", before, got)
		}
		if text, err := os.ReadFile(path); err != nil || before != 0 && string(text) != "kept" {
			t.Errorf("%o: it holds %q, %v", before, text, err)
		}
	}
}

func TestWhatIsNotThereIsNotMadeByTightening(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	if err := private.Tighten(path); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("it is there: %v", err)
	}
}

func TestAFileThatCannotBeIsAnError(t *testing.T) {
	t.Parallel()
	for _, path := range []string{t.TempDir(), filepath.Join(t.TempDir(), "no", "f")} {
		if err := private.File(path); err == nil {
			t.Errorf("%s: no error", path)
		}
	}
}

func TestADirectoryIsItsOwnersAlone(t *testing.T) {
	t.Parallel()
	made := filepath.Join(t.TempDir(), "a", "b")
	for range 2 { // a new one, and the same again
		if was, err := private.Dir(made); err != nil || was != (private.Openness{}) || mode(t, made) != 0o700 {
			t.Errorf("%+v, is %o, %v", was, mode(t, made), err)
		}
	}
	for _, before := range []os.FileMode{0o755, 0o750, 0o777, 0o711} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "dragoman.db"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		open(t, dir, before)
		if was, err := private.Dir(dir); err != nil || was != (private.Openness{Was: before, Closed: true}) || mode(t, dir) != 0o700 {
			t.Errorf("%o: %+v, is %o, %v", before, was, mode(t, dir), err)
		}
	}
}

// Closing one of these would shut out the programs that share it.
func TestADirectoryThatOthersUseIsLeftAlone(t *testing.T) {
	t.Parallel()
	for before, refused := range map[os.FileMode]bool{0o755: false, 0o775: false, 0o777: true, 0o777 | os.ModeSticky: true} {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "lost+found"), 0o755); err != nil {
			t.Fatal(err)
		}
		open(t, dir, before)
		was, err := private.Dir(dir)
		if mode(t, dir) != before.Perm() || was.Was != before.Perm() || was.Closed {
			t.Errorf("%v: %+v, is %o", before, was, mode(t, dir))
		}
		if (err != nil) != refused || refused && (!strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "chmod 700")) {
			t.Errorf("%v: %v", before, err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := private.File(file); err != nil {
		t.Fatal(err)
	}
	if _, err := private.Dir(file); err == nil {
		t.Error("a file is taken for a directory")
	}
}

func TestModesDoNotDependOnTheUmask(t *testing.T) {
	old := syscall.Umask(0o022)
	defer syscall.Umask(old)
	dir := filepath.Join(t.TempDir(), "state")
	if _, err := private.Dir(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "f")
	if err := private.File(path); err != nil {
		t.Fatal(err)
	}
	if mode(t, dir) != 0o700 || mode(t, path) != 0o600 {
		t.Errorf("modes %o and %o", mode(t, dir), mode(t, path))
	}
}
