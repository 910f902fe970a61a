package extproc

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestADamagedDatabaseIsNamedWithWhatToDo(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		DatabaseFile: "keys, tenants, budgets and records begin anew",
		QuotaFile:    "what was spent in this period is forgotten",
	} {
		state := t.TempDir()
		path := filepath.Join(state, name)
		if err := os.WriteFile(path, []byte(strings.Repeat("this is no database; ", 500)), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := OpenStores(t.Context(), parsed(t, "open: true"+shopModels), StorePlaces{State: state})
		if err == nil || strings.Count(err.Error(), path) != 1 || !strings.Contains(err.Error(), "put a backup in its place, or move it and its -wal and -shm away") || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
		if name != DatabaseFile {
			continue
		}
		if _, _, err := OpenDirectoryStore(t.Context(), parsed(t, "open: true"+shopModels), StorePlaces{State: state}); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("of keys alone: %v", err)
		}
	}
	other := errors.New("no room")
	if err := Damaged("x", other); !errors.Is(err, other) || err.Error() != "no room" {
		t.Errorf("another error: %v", err)
	}
}
