package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whoever may write to $TMPDIR, which on most machines is everybody, can make
// the default directory before we do.
func TestASocketDirectoryBelowTMPDIRMustBeOursAlone(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, dir string) error
		want  string // of the error, "" = none
	}{
		"there is none": {func(*testing.T, string) error { return nil }, ""},
		"it is ours":    {func(_ *testing.T, dir string) error { return os.Mkdir(dir, 0o750) }, ""},
		"a link to a directory of ours": {func(t *testing.T, dir string) error {
			t.Helper()
			return os.Symlink(t.TempDir(), dir)
		}, "is a symbolic link"},
		"a link to nowhere": {func(_ *testing.T, dir string) error { return os.Symlink(dir+"-gone", dir) }, "is a symbolic link"},
		"a file":            {func(_ *testing.T, dir string) error { return os.WriteFile(dir, nil, 0o600) }, "is no directory"},
		"its group may write": {func(_ *testing.T, dir string) error {
			return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o770))
		}, "is one that others may write to"},
		"everybody may write, as in a temporary directory": {func(_ *testing.T, dir string) error {
			return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o777|os.ModeSticky))
		}, "is one that others may write to"},
		"of somebody else": {func(t *testing.T, dir string) error {
			t.Helper()
			if os.Getuid() != 0 {
				t.Skip("only root can give a directory away")
			}
			return errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, 12345, 12345))
		}, "belongs to somebody else"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", shortDir(t))
			dir := temporarySockets()
			if err := tt.spoil(t, dir); err != nil {
				t.Fatal(err)
			}
			l, err := listen(place{"unix:" + filepath.Join(dir, "xds.sock"), "--listen"})
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if err := l.Close(); err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil {
				t.Fatal("it listens there", l.Close())
			}
			for _, part := range []string{dir, tt.want, "XDG_RUNTIME_DIR", "--listen"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error lacks %q: %v", part, err)
				}
			}
		})
	}
}

func TestASocketDirectoryThatTheOperatorNamesMayBeALink(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	link := filepath.Join(dir, "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	l, err := listen(place{"unix:" + filepath.Join(link, "x.sock"), "--listen"})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
