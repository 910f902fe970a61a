package redis

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/storetest/redistest"
)

func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	one := []string{"127.0.0.1:6379"}
	for _, test := range []struct {
		options Options
		want    string
	}{
		{Options{}, "no address"},
		{Options{Addrs: []string{"a:1", "b:1"}}, "several addresses need a cluster"},
		{Options{Addrs: one, Cluster: true, Master: "m"}, "a cluster has no Sentinels"},
		{Options{Addrs: one, Cluster: true, DB: 1}, "there is no database 1"},
		{Options{Addrs: one, DB: -1}, "there is no database -1"},
		{Options{Addrs: one, Prefix: "a}b"}, `prefix "a}b"`},
		{Options{Addrs: one, Region: "eu west"}, `region "eu west"`},
		{Options{Addrs: one, LeaseLife: -1}, "leases cannot live for -1ns"},
	} {
		if s, err := Open(test.options); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, %v, want %q", test.options, s, err, test.want)
		}
	}
}

func TestGatewaysAndRegionsShareAServerApart(t *testing.T) {
	server := redistest.Start(t)
	for _, o := range []Options{{}, {Prefix: "other"}, {Region: "eu"}, {Prefix: "other", Region: "eu"}} {
		o.Addrs = []string{server.Addr()}
		if got := newReplica(t, opened(t, o, nil), "a").call(quota.Call{Asks: []quota.Ask{need(1, 10, 10)}}); got[0].Lease != 10 {
			t.Errorf("%q, %q: %+v", o.Prefix, o.Region, got[0])
		}
	}
	for pattern, want := range map[string]int{"{dgm:q:01}:*": 5, "{other:q:01}:*": 5, "{dgm:eu:q:01}:*": 5, "{other:eu:q:01}:*": 5, "*": 20} {
		if keys, err := server.Client().Keys(bounded(t, 10*time.Second), pattern).Result(); err != nil || len(keys) != want {
			t.Errorf("%s: %d keys, %v, want %d", pattern, len(keys), err, want)
		}
	}
}

func TestAUsersPasswordIsAskedForAtEachConnectionAndNeverShown(t *testing.T) {
	const canary, second = "canary-Zq81-secret", "canary-Yp72-secret"
	server := redistest.Start(t, "--user", "default", "off", "--user", "dragoman", "on", ">"+canary, "~{dgm:*", "+@all", "-@admin", "-@dangerous")
	var password atomic.Value
	password.Store(second)
	options := Options{Addrs: []string{server.Addr()}, Username: "dragoman", Password: func() string { return password.Load().(string) }} //nolint:forcetypeassert // a string was stored
	s := opened(t, options, nil)
	r := newReplica(t, s, "a")
	_, err := r.try(bounded(t, 5*time.Second), quota.Call{Asks: []quota.Ask{need(1, 10, 10)}})
	if err == nil || !strings.Contains(err.Error(), "WRONGPASS") {
		t.Errorf("with a wrong password: %v", err)
	}
	for _, text := range []string{fmt.Sprint(err), fmt.Sprintf("%+v %#v", options, s), fmt.Sprintf("%+v", err)} {
		if strings.Contains(text, canary) || strings.Contains(text, second) {
			t.Errorf("a secret is shown: %s", text)
		}
	}
	password.Store(canary)
	if got := r.repeated(quota.Call{Asks: []quota.Ask{need(1, 10, 10)}}); got[0].Lease != 10 {
		t.Errorf("with the right one: %+v", got[0])
	}
	foreign := options
	foreign.Prefix = "other"
	if _, err := newReplica(t, opened(t, foreign, nil), "a").try(bounded(t, 5*time.Second), quota.Call{Asks: []quota.Ask{need(1, 10, 10)}}); err == nil || !strings.Contains(err.Error(), "NOPERM") {
		t.Errorf("keys of another prefix: %v", err)
	}
}

func TestSentinelsAreAskedWithTheirOwnPassword(t *testing.T) {
	const canary = "canary-Sn37-secret"
	group := redistest.StartSentinel(t)
	for _, addr := range group.Addrs {
		watcher := goredis.NewClient(&goredis.Options{Addr: addr})
		t.Cleanup(func() { _ = watcher.Close() }) // nothing is under way
		for _, rule := range [][]any{{"watcher", "on", ">" + canary, "&*", "+@all"}, {"default", "off"}} {
			if err := watcher.Do(bounded(t, 5*time.Second), append([]any{"acl", "setuser"}, rule...)...).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	options := Options{Addrs: group.Addrs, Master: redistest.Master}
	if _, err := newReplica(t, opened(t, options, nil), "a").try(bounded(t, 5*time.Second), quota.Call{}); err == nil {
		t.Error("Sentinels that want a password are asked without")
	}
	options.SentinelUsername, options.SentinelPassword = "watcher", func() string { return canary }
	s := opened(t, options, nil)
	if got := newReplica(t, s, "a").repeated(quota.Call{Asks: []quota.Ask{need(1, 10, 10)}}); got[0].Lease != 10 {
		t.Errorf("lease %d", got[0].Lease)
	}
	if text := fmt.Sprintf("%+v %#v", options, s); strings.Contains(text, canary) {
		t.Errorf("a secret is shown: %s", text)
	}
}

func TestTLSIsSpoken(t *testing.T) {
	server, config := redistest.StartTLS(t)
	r := newReplica(t, opened(t, Options{Addrs: []string{server.Addr()}, TLS: config}, nil), "a")
	if got := r.leases(need(1, 10, 10)); got[0] != 10 {
		t.Errorf("lease %d", got[0])
	}
	plain := newReplica(t, opened(t, Options{Addrs: []string{server.Addr()}}, nil), "a")
	if _, err := plain.try(bounded(t, 2*time.Second), quota.Call{}); err == nil {
		t.Error("plain text is understood")
	}
}

func TestAUnixSocketServes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if len(path) > 100 {
		t.Skip("the temporary directory's name is longer than a socket's may be")
	}
	redistest.Start(t, "--unixsocket", path)
	if got := newReplica(t, opened(t, Options{Addrs: []string{path}}, nil), "a").leases(need(1, 10, 10)); got[0] != 10 {
		t.Errorf("lease %d", got[0])
	}
}

func TestACallIsOverWithItsContext(t *testing.T) {
	// Nobody answers at that address: it is kept for documentation, or refused.
	s := opened(t, Options{Addrs: []string{"192.0.2.1:6379"}}, nil)
	start := time.Now()
	if _, err := newReplica(t, s, "a").try(bounded(t, 20*time.Millisecond), quota.Call{Asks: []quota.Ask{need(1, 10, 1)}}); err == nil {
		t.Error("somebody answers")
	}
	if took := time.Since(start); took > 500*time.Millisecond {
		t.Errorf("a call of 20 ms took %s", took)
	}
}
