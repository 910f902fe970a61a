package main

import (
	"strings"
	"testing"
)

func TestHelpShowsTheDefaultOfEveryFlag(t *testing.T) {
	t.Parallel()
	for _, n := range leaves(model(t).Node) {
		for _, f := range n.Flags {
			if f.HasDefault && f.Default != "" && !strings.Contains(f.FormatPlaceHolder(), f.Default) {
				t.Errorf("%s --%s is %s by default, and shown as %s", n.Path(), f.Name, f.Default, f.FormatPlaceHolder())
			}
		}
	}
}

func TestADamagedJournalIsSetAsideAndTheNextStartWorks(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.file(t, "kept/journal.dgm", strings.Repeat("this is no journal; ", 500))
	_, errs, status := p.do(t, "run", "--state", "kept", "--admin", "127.0.0.1:0", "--listen", "127.0.0.1:0")
	if status != 1 || !strings.Contains(errs, "it is kept as kept/journal.dgm.damaged-1; start again, and a new one is made") {
		t.Errorf("status %d\n%s", status, errs)
	}
	p.run(t, "--state", "kept", "--listen", "127.0.0.1:0")
}
