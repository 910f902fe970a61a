package directory

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
)

// By says who writes, and what they have seen.
type By struct {
	Who    string // for the audit trail
	Expect Expect
}

// Expect is the version that a writer expects of the record. The zero Expect
// takes any.
type Expect struct {
	set     bool
	version uint64
}

// Seen expects the record of that version; 0: that there is none.
func Seen(version uint64) Expect { return Expect{true, version} }

// attempts is how often a verb that takes any version tries again when others
// write at the same time.
const attempts = 5

// edit is a verb at work. It is asked for the change anew when somebody else
// was faster.
type edit func(s *Snapshot) (*draft, error)

// draft is what a verb wants written. after and before are shown in the audit
// trail and hold no secret.
type draft struct {
	kind          Kind
	name, verb    string
	version       uint64 // of the record that is there, 0 = none
	data          []byte // nil deletes
	before, after any    // nil = nothing
	forget        string
}

// do makes an edit of what the store holds now.
func (d *Directory) do(ctx context.Context, by By, e edit) error {
	for try := 1; ; try++ {
		if err := d.refresh(ctx); err != nil {
			return err
		}
		w, err := e(d.Current())
		if err != nil {
			return err
		}
		record := Record{Kind: w.kind, Name: w.name, Version: w.version, Deleted: w.data == nil, Data: w.data}
		if by.Expect.set && by.Expect.version != w.version {
			if by.Expect.version == 0 {
				return fmt.Errorf("%s %q %w", w.kind, w.name, ErrExists)
			}
			return Conflict(record)
		}
		change, err := d.change(by, w, record)
		if err != nil {
			return err
		}
		err = d.config.Store.Write(ctx, []Change{change})
		if errors.Is(err, ErrConflict) && !by.Expect.set && try < attempts {
			continue
		}
		if err != nil {
			return err
		}
		return d.refresh(ctx)
	}
}

func (d *Directory) change(by By, w *draft, r Record) (Change, error) {
	e := Event{ID: rand.Text(), At: d.config.Now().UTC(), Who: by.Who, Verb: w.verb, Kind: w.kind, Name: w.name}
	var err error
	if w.before != nil {
		if e.Before, err = json.Marshal(w.before); err != nil {
			return Change{}, err
		}
	}
	if w.after != nil {
		if e.After, err = json.Marshal(w.after); err != nil {
			return Change{}, err
		}
	}
	return Change{Record: r, Event: e, Forget: w.forget}, nil
}

// missing is the error about what is not there. It does not repeat what was
// asked for: who pastes a key where its name should be does not find it in a log.
func missing(kind Kind) error { return fmt.Errorf("this %s %w", kind, ErrNotFound) }

// written is a record that a verb has just written, as the snapshot after it has
// it: nil if somebody deleted it, or gave its name anew, since.
func written[T any](found *T, kind Kind) (*T, error) {
	if found == nil {
		return nil, fmt.Errorf("this %s was written, and removed by somebody else at the same time: it %w", kind, ErrNotFound)
	}
	return found, nil
}

// free refuses names that the catalog has.
func (d *Directory) free(kind Kind, name string) error {
	if d.config.Reserved != nil && d.config.Reserved(kind, name) {
		return fmt.Errorf("%s %q %w: it stands in the catalog, which only its file changes", kind, name, ErrExists)
	}
	return nil
}

// Audit gives events after one of that Seq (0: from the oldest), ascending, at
// most limit.
func (d *Directory) Audit(ctx context.Context, since uint64, limit int) ([]Event, error) {
	events, err := d.config.Store.Events(ctx, since, limit)
	if err != nil {
		return nil, fmt.Errorf("the audit trail: %w", err)
	}
	return events, nil
}
