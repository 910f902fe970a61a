package redis_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/extproc/directory/directorytest"
	"github.com/dragoman-gateway/dragoman/extproc/directory/redis"
	"github.com/dragoman-gateway/dragoman/extproc/storetest/redistest"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// corner is a prefix in one server's memory.
type corner struct {
	connect func() goredis.UniversalClient
	prefix  string
}

func (c corner) Open(t *testing.T, now directorytest.Clock) directory.Store {
	t.Helper()
	client := c.connect()
	t.Cleanup(func() { _ = client.Close() })
	return redis.New(client, redis.Options{Prefix: c.prefix, Now: now})
}

func TestTheStoreKeepsTheContract(t *testing.T) {
	server := redistest.Start(t)
	n := 0
	directorytest.Contract(t, func(*testing.T) directorytest.Place {
		n++
		return corner{func() goredis.UniversalClient {
			return goredis.NewClient(&goredis.Options{Addr: server.Addr(), MaxRetries: -1})
		}, fmt.Sprint("p", n)}
	})
	keys, err := server.Client().Keys(t.Context(), "*").Result()
	if err != nil || len(keys) == 0 {
		t.Fatalf("%v %v", keys, err)
	}
	for _, k := range keys {
		if !strings.HasPrefix(k, "{p") || !strings.Contains(k, ":dir}:") {
			t.Errorf("%s is outside the prefix and its tag", k)
		}
	}
}

func TestTheStoreKeepsTheContractInACluster(t *testing.T) {
	if os.Getenv("LONG") == "" {
		t.Skip("LONG=1 starts a cluster")
	}
	cluster := redistest.StartCluster(t, 3)
	n := 0
	directorytest.Contract(t, func(*testing.T) directorytest.Place {
		n++
		return corner{func() goredis.UniversalClient {
			return goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: cluster.Addrs()})
		}, fmt.Sprint("c", n)}
	})
}

func begin(t *testing.T, server *redistest.Server) *directory.Directory {
	t.Helper()
	client := goredis.NewClient(&goredis.Options{
		Addr: server.Addr(), MaxRetries: -1, DialTimeout: 200 * time.Millisecond, ReadTimeout: 200 * time.Millisecond,
	})
	d, err := directory.Open(t.Context(), directory.Config{
		Store: redis.New(client, redis.Options{}), Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		_ = client.Close()
	})
	return d
}

// eventually waits for a condition and tells how long that took.
func eventually(t *testing.T, limit time.Duration, condition func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		if <-tick.C; time.Since(began) > limit {
			t.Fatalf("not within %v", limit)
		}
	}
	return time.Since(began)
}

func TestAStoreThatIsAwayLeavesTheSnapshotAndIsFollowedAgain(t *testing.T) {
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	one, two := begin(t, server), begin(t, server)
	by := directory.By{Who: "test"}
	if _, _, err := one.CreateKey(t.Context(), by, catalog.Key{Name: "a"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, 2*time.Second, func() bool { return len(two.Current().Keys) == 1 })
	server.Pause()
	if _, _, err := one.CreateKey(t.Context(), by, catalog.Key{Name: "b"}); err == nil {
		t.Error("a key is made without the store")
	}
	server.Resume()
	server.Restart()
	if len(one.Current().Keys) < 1 || len(two.Current().Keys) < 1 {
		t.Error("keys are gone with the store")
	}
	var k *directory.Key
	eventually(t, 10*time.Second, func() bool {
		made, _, err := one.CreateKey(t.Context(), by, catalog.Key{Name: "c"})
		k = made
		return err == nil
	})
	took := eventually(t, 10*time.Second, func() bool {
		for _, key := range two.Current().Keys {
			if key.ID == k.ID {
				return true
			}
		}
		return false
	})
	t.Logf("after a restart, another replica knows of a new key after %v", took.Round(time.Millisecond))
	if _, err := one.RevokeKey(t.Context(), by, k.ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, 2*time.Second, func() bool {
		for _, key := range two.Current().Keys {
			if key.ID == k.ID {
				return false
			}
		}
		return true
	})
}

func TestALostMessageIsMadeUpForWithinTwoSeconds(t *testing.T) {
	server := redistest.Start(t, "--appendonly", "no")
	one := begin(t, server)
	if _, err := one.PutTenant(t.Context(), directory.By{Who: "test"}, catalog.Tenant{Name: "a"}); err != nil {
		t.Fatal(err)
	}
	two := begin(t, server)
	eventually(t, 5*time.Second, func() bool {
		n, err := server.Client().PubSubNumSub(t.Context(), "{dgm:dir}:changed").Result()
		return err == nil && n["{dgm:dir}:changed"] == 2
	})
	// The publication of this write reaches nobody.
	if err := server.Client().Do(t.Context(), "CLIENT", "KILL", "TYPE", "pubsub").Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := one.PutTenant(t.Context(), directory.By{Who: "test"}, catalog.Tenant{Name: "b"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, 2*time.Second, func() bool { return len(two.Current().Tenants) == 2 })
}

func TestAStoreThatLostEverythingLeavesTheSnapshotUntilItIsWrittenTo(t *testing.T) {
	server := redistest.Start(t)
	d := begin(t, server)
	by := directory.By{Who: "test"}
	if _, _, err := d.CreateKey(t.Context(), by, catalog.Key{Name: "a"}); err != nil {
		t.Fatal(err)
	}
	if err := server.Client().FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if list, err := d.ListKeys(t.Context(), "", 0); err != nil || len(list) != 1 {
		t.Errorf("%v %v", list, err)
	}
	if _, err := d.PutTenant(t.Context(), by, catalog.Tenant{Name: "new"}); err != nil {
		t.Fatal(err)
	}
	if now := d.Current(); len(now.Keys) != 0 || len(now.Tenants) != 1 {
		t.Errorf("%+v", now)
	}
}

func TestScriptsComeBackAfterTheServerForgotThem(t *testing.T) {
	server := redistest.Start(t)
	d := begin(t, server)
	if err := server.Client().ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.PutTenant(t.Context(), directory.By{Who: "test"}, catalog.Tenant{Name: "a"}); err != nil {
		t.Fatal(err)
	}
}
