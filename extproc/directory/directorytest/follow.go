package directorytest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

func followersWake(t *testing.T, p Place) {
	t.Helper()
	follower, writer := p.Open(t, time.Now), p.Open(t, time.Now)
	woken := make(chan struct{}, 100)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- follower.Follow(ctx, func() { woken <- struct{}{} }) }()
	known := start
	for i := range 3 {
		must(t, writer.Write(t.Context(), []directory.Change{write(fmt.Sprint("t", i), 0, "x")}))
		// Earlier wake-ups may be under way still; what counts is what is read then.
		limit := time.NewTimer(2 * time.Second)
		for {
			select {
			case <-woken:
			case <-limit.C:
				t.Fatal("not woken within 2 s")
			}
			if d := since(t, follower, known); len(d.Records) > 0 {
				known = d.Point
				break
			}
		}
		limit.Stop()
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func open(t *testing.T, s directory.Store) *directory.Directory {
	t.Helper()
	d, err := directory.Open(t.Context(), directory.Config{Store: s, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	return d
}

// run follows the store until the test ends.
func run(t *testing.T, d *directory.Directory) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func twoDirectories(t *testing.T, p Place) {
	t.Helper()
	one, two := open(t, p.Open(t, time.Now)), open(t, p.Open(t, time.Now))
	run(t, one)
	run(t, two)
	by := directory.By{Who: "test"}
	k, secret, err := one.CreateKey(t.Context(), by, catalog.Key{Name: "ci", Tenant: "acme", Tags: []string{"env:prod"}, Models: []string{"openai/*"}})
	must(t, err)
	if len(secret.Reveal()) != 47 || len(one.Current().Keys) != 1 {
		t.Errorf("%v %+v", len(secret.Reveal()), one.Current())
	}
	created := within(t, 2*time.Second, func(context.Context) bool { return len(two.Current().Keys) == 1 })
	if diff := cmp.Diff(one.Current().Keys, two.Current().Keys); diff != "" {
		t.Error(diff)
	}
	_, err = two.RevokeKey(t.Context(), by, k.ID)
	must(t, err)
	revoked := within(t, 2*time.Second, func(context.Context) bool { return len(one.Current().Keys) == 0 })
	t.Logf("another replica knows of a new key after %v, of its end after %v", created.Round(time.Millisecond), revoked.Round(time.Millisecond))
	trail, err := one.Audit(t.Context(), 0, 10)
	must(t, err)
	if len(trail) != 2 || trail[0].Verb != "key.create" || trail[1].Verb != "key.revoke" || trail[1].Who != "test" {
		t.Errorf("%+v", trail)
	}
}

// fill writes n tenants and a key of each.
func fill(t *testing.T, s directory.Store, n int) {
	t.Helper()
	var batch []directory.Change
	for i := range n {
		key, err := json.Marshal(map[string]any{
			"id": fmt.Sprintf("k_%012d", i), "hash": fmt.Sprintf("%064x", i+1), "tenant": fmt.Sprint("tenant-", i),
			"tags": []string{"env:prod", "team:a"}, "created": time.Unix(1_800_000_000, 0).UTC(),
		})
		must(t, err)
		a, b := write(fmt.Sprint("tenant-", i), 0, `{"Tags":["plan:pro"],"Models":["openai/*"]}`), write(fmt.Sprint("key-", i), 0, string(key))
		b.Record.Kind, b.Event.Kind = directory.KindKey, directory.KindKey
		if batch = append(batch, a, b); len(batch) == directory.MaxBatch || i == n-1 {
			must(t, s.Write(t.Context(), batch))
			batch = batch[:0]
		}
	}
}

func large(t *testing.T, p Place) {
	t.Helper()
	n := 5000
	if os.Getenv("LONG") != "" && !raceDetector {
		n = 100_000
	}
	s := p.Open(t, time.Now)
	fill(t, s, n)
	began := time.Now()
	d := open(t, p.Open(t, time.Now))
	loaded := time.Since(began)
	if now := d.Current(); len(now.Keys) != n || len(now.Tenants) != n || now.Version != uint64(2*n) {
		t.Fatalf("%d keys, %d tenants, version %d", len(now.Keys), len(now.Tenants), now.Version)
	}
	began = time.Now()
	const changes = 20
	for i := range changes {
		_, err := d.PutTenant(t.Context(), directory.By{Who: "test"}, catalog.Tenant{Name: fmt.Sprint("tenant-", i*17), Suspended: true})
		must(t, err)
	}
	changed := time.Since(began) / changes
	if !d.Current().Tenants[0].Suspended || len(d.Current().Tenants) != n {
		t.Errorf("%+v", d.Current().Tenants[0])
	}
	t.Logf("%d keys and %d tenants load in %v; a change is written and applied in %v", n, n, loaded.Round(time.Millisecond), changed.Round(time.Microsecond))
	if loaded > 30*time.Second || changed > loaded/4 {
		t.Errorf("loading takes %v, a change %v", loaded, changed)
	}
}
