package admin

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheStatesTokenIsMadeOnceForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, made, err := StateToken(dir)
	if err != nil || !made || len(first.Reveal()) < 26 {
		t.Fatalf("%v %v", made, err)
	}
	path := filepath.Join(dir, TokenFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	again, made, err := StateToken(dir)
	if err != nil || made || !again.Equal(first) {
		t.Errorf("%v %v", made, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%v %v", entries, err)
	}
	for name, spoil := range map[string]func() error{
		"readable by others": func() error { return os.Chmod(path, 0o644) },
		"too short":          func() error { return errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, []byte("short\n"), 0o600)) },
		"two lines":          func() error { return os.WriteFile(path, []byte(canary+"\n"+canary), 0o600) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := StateToken(dir); err == nil || strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), first.Reveal()) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := StateToken(filepath.Join(dir, "nowhere")); err == nil {
		t.Error("a token is kept in no directory")
	}
}
