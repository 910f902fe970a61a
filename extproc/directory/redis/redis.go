// Package redis keeps a directory in Redis (7 or later), a single server, a
// cluster or a master that Sentinels know.
//
// Promises: each write is one script, applied whole or not at all; followers
// are told through a channel, and look once a second beside that; all keys have
// one hash tag, so that they share a slot. The trail is bounded, and tombstones
// go after their life; nothing else expires, because it is the operator's data:
// a server that keeps nothing on disk loses it with its memory.
//
// Refuses: opening connections; the client is the caller's, who closes it.
//
// Concurrency: everything may be called from any goroutine and any number of
// processes.
package redis

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
)

const (
	// pageSize is how many records one reading gives: the server serves nobody
	// else meanwhile.
	pageSize = 5000
	// chunk is how many uses go to the server at once.
	chunk = 1000
	// lookEvery is how often the version is looked at, should a message have been
	// lost.
	lookEvery = time.Second
	// defaultPrefix begins all names.
	defaultPrefix = "dgm"
)

// Options say how a store works. The zero Options do.
type Options struct {
	Prefix string           // of every name, default "dgm"
	Now    func() time.Time // of tombstones; nil = time.Now
}

// Store is a directory.Store.
type Store struct {
	client goredis.UniversalClient
	names  names
	now    func() time.Time
}

var _ directory.Store = (*Store)(nil)

// New makes a store of a client.
func New(client goredis.UniversalClient, o Options) *Store {
	if o.Prefix == "" {
		o.Prefix = defaultPrefix
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Store{client: client, names: namesOf(o.Prefix), now: o.Now}
}

// Since is directory.Records'.
func (s *Store) Since(ctx context.Context, after directory.Point) (d directory.Delta, err error) {
	reply, err := sinceScript.Run(ctx, s.client, s.names.keys(), decimal(after.Version), pageSize).StringSlice()
	if err != nil || len(reply) == 0 {
		return d, err // empty: nobody has written yet
	}
	if len(reply) < 6 || len(reply)%3 != 0 {
		return d, fmt.Errorf("the store answers %d values, which is no reading", len(reply))
	}
	d.Epoch = reply[0]
	last, err := number(reply[1], nil)
	horizon, err := number(reply[2], err)
	if d.Version, err = number(reply[4], err); err != nil {
		return d, err
	}
	d.Change, d.More = reply[5], d.Version < last
	d.Stale = after.Version > 0 && after.Version < horizon || after.Version > last || after.Change != reply[3]
	for i := 6; i < len(reply); i += 3 {
		r, err := readRecord(reply[i], reply[i+1], reply[i+2])
		if err != nil {
			return d, err
		}
		d.Records = append(d.Records, r)
	}
	return d, nil
}

// errForm is the damage of a value that is none of ours.
var errForm = errors.New("it has another form than this version writes")

// readRecord reads a member of order, its score and its value, which must be as
// writeScript sees it. The version is the score's if the value cannot be read: by
// that one it can be replaced.
func readRecord(member, score, value string) (r directory.Record, err error) {
	kind, name, _ := strings.Cut(member, "/")
	r = directory.Record{Kind: directory.Kind(kind), Name: name}
	parts := strings.SplitN(value, " ", 3)
	if len(parts) == 3 {
		var deleted uint64
		r.Version, err = number(parts[0], nil)
		if deleted, err = number(parts[1], err); err == nil {
			r.Deleted, r.Data = deleted != 0, []byte(parts[2])
			return r, nil
		}
	}
	r.Damage = errForm
	r.Version, err = number(score, nil)
	return r, err
}

// number reads a decimal unless there was an error before.
func number(text string, before error) (uint64, error) {
	if before != nil {
		return 0, before
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the store answers %q where a number should be", text)
	}
	return n, nil
}

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }

// Write is directory.Records'.
func (s *Store) Write(ctx context.Context, changes []directory.Change) error {
	if n := len(changes); n == 0 || n > directory.MaxBatch {
		return fmt.Errorf("%d changes at once; write 1 to %d", n, directory.MaxBatch)
	}
	now := s.now()
	args := []any{
		now.Unix(), now.Add(-directory.TombstoneLife).Unix(), rand.Text(), directory.TrailLength, s.names.changed,
	}
	for _, c := range changes {
		event, err := json.Marshal(c.Event)
		if err != nil {
			return err
		}
		r, deleted := c.Record, "0"
		if r.Deleted {
			r.Data, deleted = nil, "1"
		}
		args = append(args, string(r.Kind)+"/"+r.Name, decimal(r.Version), deleted, r.Data, event, c.Event.ID, c.Forget)
	}
	failed, err := writeScript.Run(ctx, s.client, s.names.keys(), args...).Int()
	if err != nil {
		return err
	}
	if failed > 0 && failed <= len(changes) {
		return directory.Conflict(changes[failed-1].Record)
	}
	return nil
}

// Events is directory.Trail's.
func (s *Store) Events(ctx context.Context, after uint64, limit int) ([]directory.Event, error) {
	entries, err := s.client.XRangeN(ctx, s.names.trail, "("+decimal(after)+"-1", "+", int64(limit)).Result()
	if err != nil {
		return nil, err
	}
	out := make([]directory.Event, 0, len(entries))
	for _, entry := range entries {
		text, _ := entry.Values["event"].(string)
		var e directory.Event
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			return nil, err
		}
		seq, _, _ := strings.Cut(entry.ID, "-")
		if e.Seq, err = number(seq, nil); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// Used is directory.Uses'.
func (s *Store) Used(ctx context.Context, at map[string]time.Time) error {
	args := make([]any, 0, 2*min(len(at), chunk))
	flush := func() error {
		if len(args) == 0 {
			return nil
		}
		err := usedScript.Run(ctx, s.client, []string{s.names.uses}, args...).Err()
		args = args[:0]
		return err
	}
	for id, t := range at {
		if args = append(args, id, t.UnixMilli()); len(args) == 2*chunk {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// LastUsed is directory.Uses'.
func (s *Store) LastUsed(ctx context.Context, ids []string) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	for len(ids) > 0 {
		some := ids[:min(len(ids), chunk)]
		ids = ids[len(some):]
		values, err := s.client.HMGet(ctx, s.names.uses, some...).Result()
		if err != nil {
			return nil, err
		}
		for i, v := range values {
			text, ok := v.(string)
			if !ok {
				continue // never used
			}
			ms, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("the store holds %q as a time", text)
			}
			out[some[i]] = time.UnixMilli(ms).UTC()
		}
	}
	return out, nil
}
