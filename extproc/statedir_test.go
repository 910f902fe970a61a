package extproc

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAStateDirectoryThatOthersMayEnterIsClosedAndTheLogSaysSo(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	c := config(t)
	c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	if err := os.Chmod(c.State, 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := ownState(c); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(c.State)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if n := strings.Count(log.String(), "state directory"); n != 1 || !strings.Contains(log.String(), c.State) || !strings.Contains(log.String(), "0755") {
		t.Errorf("said %d times:\n%s", n, log.String())
	}
}

func TestAServerRefusesAStateDirectoryIntoWhichAnybodyPutsFiles(t *testing.T) {
	t.Parallel()
	c := config(t)
	if err := os.Chmod(c.State, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(c.State, "of-another"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := NewServer(*c, parsed(t, "open: true"+shopModels))
	if err == nil || !strings.Contains(err.Error(), "the state directory") || !strings.Contains(err.Error(), "chmod 700") {
		t.Errorf("error %v", err)
	}
	if entries, err := os.ReadDir(c.State); err != nil || len(entries) != 1 {
		t.Errorf("it left %v, %v", entries, err)
	}
}
