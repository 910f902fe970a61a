package extproc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	quotaredis "github.com/dragoman-gateway/dragoman/extproc/quota/redis"
	quotasqlite "github.com/dragoman-gateway/dragoman/extproc/quota/sqlite"
)

func opened(t *testing.T, text string, env map[string]string) (*Stores, error) {
	t.Helper()
	s, err := OpenStores(t.Context(), parsed(t, "open: true"+shopModels+text), StorePlaces{State: t.TempDir(), Env: func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	}})
	if err == nil {
		t.Cleanup(func() {
			for range 2 { // the second closes nothing
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	return s, err
}

func TestWithoutAStoreAccountsAreKeptInFiles(t *testing.T) {
	t.Parallel()
	s, err := opened(t, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Quota.(*quotasqlite.Store); !ok || s.Directory == nil || s.Generations == nil || s.Regions != nil {
		t.Errorf("%+v", s)
	}
	reply, err := s.Quota.Exchange(t.Context(), quota.Call{Seq: 1})
	if err != nil || time.Since(reply.Now).Abs() > time.Minute {
		t.Errorf("%v, %v", reply, err)
	}
}

func TestARedisThatIsAwayIsNoErrorAtTheStart(t *testing.T) {
	t.Parallel()
	s, err := opened(t, `
store:
  redis: {addresses: ["127.0.0.1:1"], username: u, password: env:REDIS, region: eu, regions: {us: {addresses: ["127.0.0.1:2"]}, ap: {addresses: ["127.0.0.1:3"]}}}
`, map[string]string{"REDIS": "canary"})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Quota.(*quotaredis.Store); !ok || len(s.Regions) != 3 || s.Regions["eu"] == nil || s.Regions["us"] == nil || s.Regions["ap"] == nil {
		t.Errorf("%+v", s)
	}
	if _, err := s.Quota.Exchange(t.Context(), quota.Call{Seq: 1}); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("asking it: %v", err)
	}
}

func TestStoresThatCannotBeOpenedSayWhich(t *testing.T) {
	t.Parallel()
	garbage := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(garbage, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ text, want string }{
		"a password that is gone":   {`store: {redis: {addresses: ["127.0.0.1:1"], password: env:GONE}}`, "password"},
		"the Sentinels' password":   {`store: {redis: {addresses: ["127.0.0.1:1"], sentinel: main, sentinel_password: env:GONE}}`, "password of Redis's Sentinels"},
		"no certificates":           {`store: {redis: {addresses: ["127.0.0.1:1"], tls: true, ca: "` + garbage + `"}}`, garbage},
		"certificates that are not": {`store: {redis: {addresses: ["127.0.0.1:1"], tls: true, ca: /dev/null/ca}}`, "certificates"},
		"another region's password": {`store: {redis: {addresses: ["127.0.0.1:1"], region: eu, regions: {us: {addresses: ["127.0.0.1:1"], password: env:GONE}}}}`, "regions.us"},
		"a database that is none":   {`store: {postgres: env:DSN}`, ""},
	} {
		_, err := opened(t, tt.text+"\n", map[string]string{"DSN": "postgres://canary:canary@127.0.0.1:1/none?connect_timeout=1"})
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "canary:canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheDirectoryAloneIsOpenedForCommands(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", `store: {redis: {addresses: ["127.0.0.1:1"]}}` + "\n"} {
		d, closer, err := OpenDirectoryStore(t.Context(), parsed(t, "open: true"+shopModels+text), StorePlaces{State: t.TempDir()})
		if err != nil || d == nil {
			t.Fatalf("%q: %v", text, err)
		}
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestSentinelsHaveAUserAndAPasswordOfTheirOwn(t *testing.T) {
	t.Parallel()
	c := parsed(t, "open: true"+shopModels+`
store: {redis: {addresses: ["127.0.0.1:1"], sentinel: main, password: env:SERVER, sentinel_username: watcher, sentinel_password: env:SENTINEL}}
`)
	o, err := redisOptions(t.Context(), c.Store.Redis, func(name string) (string, bool) { return "secret-of-" + name, true })
	if err != nil {
		t.Fatal(err)
	}
	u := o.Universal()
	if u.SentinelUsername != "watcher" || u.SentinelPassword != "secret-of-SENTINEL" || u.MasterName != "main" || o.Password() != "secret-of-SERVER" {
		t.Errorf("asked as %s with %s for %s, then with %s", u.SentinelUsername, u.SentinelPassword, u.MasterName, o.Password())
	}
}
