package redis

import (
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/storetest/redistest"
)

// usual is an exchange of n accounts: each has settled something and asks.
func usual(n int, batch uint64) quota.Call {
	c := quota.Call{Batch: batch}
	for i := range n {
		ask := hold(i, 1<<50, 1000)
		ask.Want = 500
		c.Asks = append(c.Asks, ask)
		c.Settled = append(c.Settled, charge(i, 10))
	}
	return c
}

var perCall = regexp.MustCompile(`cmdstat_evalsha:calls=(\d+),usec=(\d+)`)

func TestWhatTheServerSpendsOnAHundredAsks(t *testing.T) {
	server := redistest.Start(t)
	client := server.Client()
	for name, at := range map[string]func(int) int{
		"over all shards": func(i int) int { return i },
		"in one shard":    func(i int) int { return 1 + i*numShards },
	} {
		r := newReplica(t, opened(t, Options{Addrs: []string{server.Addr()}, Prefix: own(t) + name[:2]}, nil), "a")
		const rounds = 50
		for batch := range uint64(rounds) {
			var c quota.Call
			c.Batch = batch + 1
			for i := range 100 {
				ask := hold(at(i), 1<<50, 1000)
				ask.Want = 500
				c.Asks, c.Settled = append(c.Asks, ask), append(c.Settled, charge(at(i), 10))
			}
			if batch == 1 { // the first has brought the script and made the keys
				if err := client.ConfigResetStat(bounded(t, 5*time.Second)).Err(); err != nil {
					t.Fatal(err)
				}
			}
			r.call(c)
		}
		info, err := client.Info(bounded(t, 5*time.Second), "commandstats").Result()
		found := perCall.FindStringSubmatch(info)
		if err != nil || found == nil {
			t.Fatalf("no statistics: %v\n%s", err, info)
		}
		micros, err := strconv.Atoi(found[2])
		if err != nil {
			t.Fatal(err)
		}
		each := time.Duration(micros) * time.Microsecond / (rounds - 1)
		t.Logf("100 asks with charges %s: %s of the server's time", name, each)
		if each > 250*time.Millisecond {
			t.Errorf("that would hold up everybody: %s", each)
		}
	}
}

func BenchmarkExchangeOf10Asks(b *testing.B) {
	server := redistest.Start(b)
	r := newReplica(b, opened(b, Options{Addrs: []string{server.Addr()}}, nil), "a")
	b.ReportAllocs()
	for batch := uint64(1); b.Loop(); batch++ {
		if _, err := r.try(b.Context(), usual(10, batch)); err != nil {
			b.Fatal(err)
		}
	}
}
