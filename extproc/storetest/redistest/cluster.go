package redistest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// slots is how many hash slots a Redis Cluster has.
const slots = 16384

// agreeWait is how long the members of a cluster or a Sentinel group may take
// to agree.
const agreeWait = 60 * time.Second

// Cluster is a Redis Cluster of masters without replicas.
type Cluster struct {
	Servers []*Server
}

// StartCluster runs a cluster of masters for the length of a test; it is
// ready, with all slots given out, when this returns.
func StartCluster(t testing.TB, masters int) *Cluster {
	t.Helper()
	c := &Cluster{}
	buses := make([]int, masters)
	for i := range masters {
		s := newServer(t)
		buses[i] = takePort(t)
		s.args = []string{
			"--port", strconv.Itoa(s.port), "--save", "", "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(buses[i]),
			"--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "2000", "--cluster-announce-ip", "127.0.0.1",
		}
		s.begin()
		c.Servers = append(c.Servers, s)
	}
	for i, s := range c.Servers {
		client := s.Client()
		first, last := i*slots/masters, (i+1)*slots/masters-1
		if err := client.Do(t.Context(), "CLUSTER", "ADDSLOTSRANGE", first, last).Err(); err != nil {
			t.Fatal(err)
		}
		if err := client.Do(t.Context(), "CLUSTER", "MEET", "127.0.0.1", c.Servers[0].port, buses[0]).Err(); i > 0 && err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range c.Servers {
		client := s.Client()
		until(t, "the cluster is whole", func(ctx context.Context) error {
			info, err := client.ClusterInfo(ctx).Result()
			if err == nil && (!strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, fmt.Sprintf("cluster_size:%d", masters))) {
				err = fmt.Errorf("node %s says:\n%s", s.Addr(), info)
			}
			return err
		})
	}
	return c
}

// Addrs are the addresses of all nodes.
func (c *Cluster) Addrs() []string {
	out := make([]string, len(c.Servers))
	for i, s := range c.Servers {
		out[i] = s.Addr()
	}
	return out
}

// Client is a client of the cluster, closed with the test.
func (c *Cluster) Client() *redis.ClusterClient {
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Addrs()})
	c.Servers[0].t.Cleanup(func() { _ = client.Close() })
	return client
}

// until polls a condition and fails the test with its last error.
func until(t testing.TB, what string, condition func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), agreeWait)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition(ctx)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waiting until %s: %v", what, err)
		}
	}
}
