package redis_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/extproc/directory/redis"
	"github.com/dragoman-gateway/dragoman/extproc/storetest/redistest"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// dumped is all that a server holds.
func dumped(t *testing.T, server *redistest.Server) map[string]string {
	t.Helper()
	client := server.Client()
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for _, k := range keys {
		if all[k], err = client.Dump(t.Context(), k).Result(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// takeOver makes the server one that has not seen what was written since.
func takeOver(t *testing.T, server *redistest.Server, then map[string]string) {
	t.Helper()
	client := server.Client()
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	for k, value := range then {
		if err := client.Restore(t.Context(), k, 0, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAServerThatLostTheLastWritesIsReadAnew: it gives their versions out once
// more, for other changes.
func TestAServerThatLostTheLastWritesIsReadAnew(t *testing.T) {
	server := redistest.Start(t)
	by := directory.By{Who: "test"}
	writer := begin(t, server)
	k, _, err := writer.CreateKey(t.Context(), by, catalog.Key{Name: "ci"})
	if err != nil {
		t.Fatal(err)
	}
	replica := dumped(t, server)
	follower := begin(t, server)
	if _, err := writer.PutTenant(t.Context(), by, catalog.Tenant{Name: "lost"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, 2*time.Second, func() bool { return len(follower.Current().Tenants) == 1 })
	takeOver(t, server, replica)
	if _, err := begin(t, server).RevokeKey(t.Context(), by, k.ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, func() bool {
		now := follower.Current()
		return now.Version == 2 && len(now.Keys) == 0 && len(now.Tenants) == 0
	})
}

func TestARecordOfAnotherFormHoldsUpNoOther(t *testing.T) {
	server := redistest.Start(t)
	client := server.Client()
	var log bytes.Buffer
	d, err := directory.Open(t.Context(), directory.Config{
		Store: redis.New(client, redis.Options{}), Now: time.Now, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	by := directory.By{Who: "test"}
	k, _, err := d.CreateKey(t.Context(), by, catalog.Key{Name: "ci"})
	if err != nil {
		t.Fatal(err)
	}
	// Another program's: tenants without our form, one whose value is gone.
	names := []string{"strange", "gone", "undead"}
	for i, set := range []func(ctx context.Context) error{
		func(ctx context.Context) error {
			return client.HSet(ctx, "{dgm:dir}:records", "tenant/strange", `{"Name":"strange"}`).Err()
		},
		func(ctx context.Context) error {
			return client.HDel(ctx, "{dgm:dir}:records", "tenant/gone").Err()
		},
		func(ctx context.Context) error {
			return client.HSet(ctx, "{dgm:dir}:records", "tenant/undead", "4 perhaps {}").Err()
		},
	} {
		if _, err := d.PutTenant(t.Context(), by, catalog.Tenant{Name: names[i]}); err != nil {
			t.Fatal(err)
		}
		if err := set(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	fresh, err := directory.Open(t.Context(), directory.Config{
		Store: redis.New(client, redis.Options{}), Now: time.Now, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	now := fresh.Current()
	if len(now.Keys) != 1 || len(now.Tenants) != 3 || slices.ContainsFunc(now.Tenants, func(t *directory.Tenant) bool { return !t.Suspended }) {
		t.Errorf("%+v %+v", now.Keys, now.Tenants)
	}
	for _, name := range names {
		if !strings.Contains(log.String(), "name="+name) {
			t.Errorf("%s is not in the log:\n%s", name, &log)
		}
	}
	if _, err := d.RevokeKey(t.Context(), by, k.ID); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if made, err := fresh.PutTenant(t.Context(), by, catalog.Tenant{Name: name}); err != nil || made.Suspended {
			t.Errorf("%s cannot be replaced: %v", name, err)
		}
	}
	if len(fresh.Current().Keys) != 0 {
		t.Error("the revocation is not known")
	}
}
