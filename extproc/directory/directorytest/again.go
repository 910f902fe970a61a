package directorytest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
)

// named is a change with an ID.
func named(id string, c directory.Change) directory.Change {
	c.Event.ID = id
	return c
}

// sentAgain: a client whose connection ends before the answer is there sends
// the same once more.
func sentAgain(t *testing.T, p Place) {
	t.Helper()
	s := p.Open(t, time.Now)
	twice := func(changes ...directory.Change) {
		t.Helper()
		for range 2 {
			must(t, s.Write(t.Context(), changes))
		}
	}
	twice(named("1", write("a", 0, "1")), named("2", write("b", 0, "2")))
	made := since(t, s, start)
	twice(named("3", write("a", made.Records[0].Version, "3")))
	changed := since(t, s, start)
	if diff := cmp.Diff([]string{"b=2", "a=3"}, namesOf(changed)); diff != "" || changed.Version != 3 || changed.Change != "3" {
		t.Errorf("%+v\n%s", changed, diff)
	}
	twice(named("4", remove("a", changed.Records[1].Version)))
	if d := since(t, s, start); d.Version != 4 {
		t.Errorf("%+v", d)
	}
	for name, c := range map[string]directory.Change{
		"over another's change":         named("3", write("b", 1, "x")),
		"after another made the record": named("1", write("b", 0, "x")),
		"without an ID":                 write("b", 0, "x"),
		"after it was deleted by us":    named("3", remove("a", 3)),
	} {
		if err := s.Write(t.Context(), []directory.Change{c}); !errors.Is(err, directory.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if list, err := s.Events(t.Context(), 0, 10); err != nil || len(list) != 4 {
		t.Errorf("%d events, %v", len(list), err)
	}
}

// histories: a server that had not seen the last writes gives their versions out
// anew.
func histories(t *testing.T, p Place) {
	t.Helper()
	s := p.Open(t, time.Now)
	must(t, s.Write(t.Context(), []directory.Change{named("1", write("a", 0, "1"))}))
	first := since(t, s, start)
	must(t, s.Write(t.Context(), []directory.Change{named("2", write("b", 0, "2"))}))
	for _, tt := range []struct {
		name  string
		after directory.Point
		stale bool
	}{
		{"what was read", first.Point, false},
		{"the last version of another history", directory.Point{Version: 2, Change: "other"}, true},
		{"an earlier version of another history", directory.Point{Version: 1, Change: "2"}, true},
		{"a version whose change the receiver never knew", directory.Point{Version: 2}, true},
		{"the beginning", start, false},
	} {
		if d := since(t, s, tt.after); d.Stale != tt.stale {
			t.Errorf("%s: %+v", tt.name, d)
		}
	}
	must(t, s.Write(t.Context(), []directory.Change{write("c", 0, "3")}))
	if d := since(t, s, directory.Point{Version: 3}); d.Stale || d.Change != "" {
		t.Errorf("a change without an ID: %+v", d)
	}
}
