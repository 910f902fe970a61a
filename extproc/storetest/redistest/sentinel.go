package redistest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// Master is the name by which the Sentinels of StartSentinel know their master.
const Master = "quota"

// Sentinel is a master with one replica, and three Sentinels that watch them.
type Sentinel struct {
	// Servers are two: the first master, then the first replica.
	Servers []*Server
	// Addrs are the Sentinels'.
	Addrs []string
}

// StartSentinel runs such a group for the length of a test. Two Sentinels
// agree within about a second that a master is gone. When this returns, all
// know the replica and each other.
func StartSentinel(t testing.TB) *Sentinel {
	t.Helper()
	master := Start(t)
	replica := Start(t, "--replicaof", "127.0.0.1 "+strconv.Itoa(master.port))
	group := &Sentinel{Servers: []*Server{master, replica}}
	var watchers []*redis.SentinelClient
	for range 3 {
		s := newServer(t)
		file := filepath.Join(s.dir, "sentinel.conf")
		text := fmt.Sprintf(`port %[1]d
sentinel monitor %[2]s 127.0.0.1 %[3]d 2
sentinel down-after-milliseconds %[2]s 1000
sentinel failover-timeout %[2]s 5000
sentinel announce-ip 127.0.0.1
sentinel announce-port %[1]d
`, s.port, Master, master.port)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.args = []string{file, "--sentinel"}
		s.begin()
		group.Addrs = append(group.Addrs, s.Addr())
		watcher := redis.NewSentinelClient(&redis.Options{Addr: s.Addr()})
		t.Cleanup(func() { _ = watcher.Close() })
		watchers = append(watchers, watcher)
	}
	for _, watcher := range watchers {
		until(t, "the Sentinels know all", func(ctx context.Context) error {
			replicas, err := watcher.Replicas(ctx, Master).Result()
			others, err2 := watcher.Sentinels(ctx, Master).Result()
			if err := errors.Join(err, err2); err != nil {
				return err
			}
			if len(replicas) != 1 || len(others) != 2 {
				return fmt.Errorf("one knows %d replicas and %d others", len(replicas), len(others))
			}
			return nil
		})
	}
	until(t, "the replica has copied the master", func(ctx context.Context) error {
		info, err := replica.Client().Info(ctx, "replication").Result()
		if err == nil && !strings.Contains(info, "master_link_status:up") {
			err = errors.New(info)
		}
		return err
	})
	return group
}
