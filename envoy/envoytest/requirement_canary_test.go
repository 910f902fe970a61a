package envoytest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/extproc/storetest/redistest"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// canaries are all secrets that a gateway is given, each of its own.
type canaries map[string]string

// environment are those that come by env:.
var environment = map[string]string{
	"MASTER": masterKey, "REDIS": "redis-canary-3b9d0c", "WEBHOOK": "webhook-canary-77aa01", "OTLP": "x-otlp-token: otlp-canary-19f2e4",
}

func newCanaries() canaries {
	raw, _ := hex.DecodeString(masterKey) // a constant
	return canaries{
		"the client's key": clientKey, "a tenant's own key": ownKey, "the admin token": adminCanary,
		"alpha's key": canary("alpha"), "beta's key": canary("beta"),
		"the master key": masterKey, "the master key, raw": string(raw), "the master key in base64": base64.StdEncoding.EncodeToString(raw),
		"the Redis password": environment["REDIS"], "the webhook's secret": environment["WEBHOOK"], "the OTLP header": "otlp-canary-19f2e4",
	}
}

// seek looks for the canaries, but for those that may be there.
func (c canaries) seek(t *testing.T, where, text string, but ...string) {
	t.Helper()
	for name, secret := range c {
		if at := strings.Index(text, secret); at >= 0 && !strings.Contains(strings.Join(but, "|"), name) {
			t.Errorf("%s tells %s after …%q", where, name, text[max(0, at-80):at])
		}
	}
}

// receiver is a server that keeps all it is sent, unpacked.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	headers bytes.Buffer // guarded by mu
	bodies  bytes.Buffer // the same
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, rq *http.Request) {
		var body io.Reader = rq.Body
		if rq.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(rq.Body)
			if err != nil {
				t.Error(err)
				return
			}
			body = z
		}
		text, err := io.ReadAll(body)
		if err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		fmt.Fprintln(&r.headers, rq.URL, rq.Header)
		r.bodies.Write(append(text, '\n'))
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) got() (headers, bodies string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.headers.String(), r.bodies.String()
}

// secretive is a gateway that has all of them.
type secretive struct {
	*tenancy
	canaries
	redis       *redis.Client
	hook, otlp  *receiver
	jsonl       string
	faulty      atomic.Bool // stages fail
	office      *httptest.Server
	transcripts int // answers looked at
}

// failing panics in a stage while told to, with a secret in what it says.
func (s *secretive) failing() time.Time {
	if s.faulty.Load() {
		var callers [32]uintptr
		for frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])]); ; {
			f, more := frames.Next()
			if strings.HasSuffix(f.Function, "Service).router") || strings.HasSuffix(f.Function, "Service).attempt") {
				panic("the clock stands still for " + clientKey + ownKey + canary("alpha"))
			}
			if !more {
				break
			}
		}
	}
	return time.Now()
}

const secretiveCatalog = `
keys:
  - {name: ci, tenant: acme, hash: "sha256:%x"}
store: {redis: {addresses: [%q], password: env:REDIS}}
quota: {wait: 1s, webhook: %q, webhook_secret: env:WEBHOOK}
generations: {jsonl: %q, otlp: %q, otlp_headers: env:OTLP, contents: false}
budgets:
  - {name: soon, per: total, requests: 200}
  - {name: dollars, per: day, money: 100}
`

func startSecretive(t *testing.T) *secretive {
	t.Helper()
	s := &secretive{canaries: newCanaries(), hook: newReceiver(t), otlp: newReceiver(t), jsonl: filepath.Join(t.TempDir(), "generations.jsonl")}
	server := redistest.Start(t, "--requirepass", environment["REDIS"])
	s.redis = redis.NewClient(&redis.Options{Addr: server.Addr(), Password: environment["REDIS"]})
	t.Cleanup(func() { _ = s.redis.Close() }) // only read
	text := ownCatalog + fmt.Sprintf(secretiveCatalog, hashOf(clientKey), server.Addr(), s.hook.URL, s.jsonl, s.otlp.URL+"/v1/traces")
	g := Start(t, Options{
		Catalog: text, LogLevel: slog.LevelDebug, Now: s.failing,
		Env: func(name string) (string, bool) {
			if v, ok := environment[name]; ok {
				return v, true
			}
			return keyring(name)
		},
		Providers: []simulator.Config{{Name: "alpha"}, {Name: "beta", Key: simulator.Secret(canary("beta"))}},
	})
	s.tenancy = &tenancy{Gateway: g, key: clientKey}
	d := g.Server.Directory()
	if _, err := d.PutOwn(t.Context(), operator, directory.OwnCredential{Tenant: "acme", Provider: "alpha", Secret: credential.NewSecret(ownKey)}); err != nil {
		t.Fatal(err)
	}
	s.canaries["a key of the directory"] = create(t, d, catalog.Key{Name: "other", Tenant: "other"})
	s.office = g.office(t)
	return s
}

// tell sends a request with a key and looks at the answer.
func (s *secretive) tell(t *testing.T, key string, q question) *Answer {
	t.Helper()
	a, err := s.Post(t.Context(), q.body(), "Authorization", "Bearer "+key)
	if err != nil {
		t.Fatal(err)
	}
	s.transcripts++
	s.seek(t, q.name+" "+q.sim, fmt.Sprint(a.Status, a.Header)+string(a.Body))
	return a
}

// faults are all kinds of answers, good and bad, of a provider that repeats the
// keys it knows wherever it can.
func faults(keys string) []simulator.Script {
	h := simulator.Headers{"X-You-Sent": {keys}, "Www-Authenticate": {keys}, "Location": {"http://x/" + strings.ReplaceAll(keys, " ", "/")}}
	return []simulator.Script{
		{},
		{Headers: h, Echo: true},
		{Status: 401, Message: keys, Headers: h},
		{Status: 403, Code: keys},
		{Status: 400, Message: keys, Headers: h},
		{Status: 400, Message: "voices are not supported for " + keys},
		{Status: 429, Message: keys},
		{Status: 500, Message: keys},
		{Status: 302, Headers: h},
		{ErrorFirst: true, Message: keys},
		{ErrorMid: true, Message: keys},
		{Malformed: true, Headers: h},
		{Reset: simulator.Mid},
		{HTML: true},
		{Truncate: true},
	}
}

// traffic has each provider answer in each of those ways.
func (s *secretive) traffic(t *testing.T) {
	t.Helper()
	// What a provider knows of an account is that account's: of the tenant's own
	// one its key, of the gateway's the gateway's.
	knows := map[string]string{clientKey: ownKey, s.canaries["a key of the directory"]: canary("alpha")}
	for _, w := range ways {
		for key, known := range knows {
			beta := faults(canary("beta"))
			for i, fault := range faults(known) {
				if fault.ErrorMid && w.stream && w.untouched {
					continue // after its first content the bytes of a stream that is left are its provider's
				}
				for provider, script := range map[string]simulator.Script{"alpha": fault, "beta": beta[i]} {
					if err := s.Fleet.Provider(provider).SetFault(script); err != nil {
						t.Fatal(err)
					}
				}
				s.tell(t, key, question{way: w, text: "Tell me."})
			}
		}
		// Panics of ours.
		s.faulty.Store(true)
		if a := s.tell(t, clientKey, question{way: w, text: "Fail."}); a.Status < 500 {
			t.Errorf("a stage that fails: %s", a)
		}
		s.faulty.Store(false)
		// What refuses.
		s.tell(t, clientKey+"x", question{way: w, text: "Who am I?"})
		s.tell(t, clientKey, question{way: w, text: "What is that?"}.unknown())
	}
	for _, path := range []string{"/v1/models", "/v1/report", "/v1/credits", "/v1/generation?id=" + clientKey, "/nowhere", "/healthz", "/readyz"} {
		a, err := s.Do(t.Context(), http.MethodGet, path, "", "X-Api-Key", clientKey)
		if err != nil {
			t.Fatal(err)
		}
		s.transcripts++
		s.seek(t, path, fmt.Sprint(a.Header)+string(a.Body))
	}
}

// unknown asks for a model that is not there.
func (q question) unknown() question {
	q.model = "nobody/none"
	return q
}

// TestRequirement7NoSecretLeavesTheGateway gives each secret a canary, lets
// all kinds of things happen, and looks wherever something is written or told.
func TestRequirement7NoSecretLeavesTheGateway(t *testing.T) {
	t.Parallel()
	s := startSecretive(t)
	s.traffic(t)
	s.Settled(t, 10*time.Second)
	s.seek(t, "the log", s.logs.String())
	if log := s.logs.String(); !strings.Contains(log, "a stage failed") || len(log) >= journalSize {
		t.Errorf("the log has %d bytes; it must be whole and tell of the panics", len(log))
	}
	s.seek(t, "the metrics", s.metrics(t))
	for _, path := range []string{"/config_dump?include_eds", "/stats", "/stats/prometheus", "/clusters", "/listeners", "/server_info", "/certs", "/runtime", "/contention", "/init_dump"} {
		s.seek(t, "Envoy's "+path, s.admin(t, path))
	}
	for _, line := range s.Envoy.Lines() {
		s.seek(t, "Envoy's log", line)
	}
	for _, path := range []string{"/api/v1/keys", "/api/v1/tenants", "/api/v1/budgets", "/api/v1/credentials", "/api/v1/credentials/acme/alpha", "/api/v1/audit", "/api/v1/schema", "/api/v1/nowhere", "/metrics", "/healthz", "/readyz"} {
		a := askOffice(t, s.office, http.MethodGet, path, "")
		s.seek(t, "the admin listener's "+path, fmt.Sprint(a.Header)+string(a.Body))
	}
	made := s.canaries["a key of the directory"]
	for _, body := range []string{
		`{"tenant":"acme","provider":"nowhere at all","value":"` + ownKey + `"}`, `{"tenant":"acme","provider":"alpha","value":"` + ownKey + `","x":1}`, `{"value":"` + ownKey,
		`{"name":"` + made + `"}`, `{"name":"a","tenant":"` + made + `"}`, `{"name":"a","expires":"` + made + `"}`, `{"` + made + `":1}`, made,
	} {
		for _, path := range []string{"/api/v1/credentials", "/api/v1/keys"} {
			a := askOffice(t, s.office, http.MethodPost, path, body)
			s.seek(t, "the admin listener's answer to "+path, fmt.Sprint(a.Header)+string(a.Body))
			if a.Status < 400 {
				t.Errorf("%s takes %s", path, body[:10])
			}
		}
	}
	for name, data := range s.files(t) {
		s.seek(t, "the file "+name, string(data))
	}
	s.seekExports(t)
	s.seekRedis(t)
	t.Logf("%d canaries were looked for in %d answers and all outputs", len(s.canaries), s.transcripts)
}

// seekExports waits for what is sent elsewhere and looks at it.
func (s *secretive) seekExports(t *testing.T) {
	t.Helper()
	Eventually(t, 20*time.Second, "records, traces and the webhook have come", func() error {
		_, traces := s.otlp.got()
		_, notices := s.hook.got()
		records, err := os.ReadFile(s.jsonl)
		if len(traces) == 0 || !strings.Contains(notices, "soon/requests") || bytes.Count(records, []byte("\n")) < 20 {
			err = errors.Join(err, fmt.Errorf("%d bytes of traces, %d of notices, %d of records", len(traces), len(notices), len(records)))
		}
		return err
	})
	records, err := os.ReadFile(s.jsonl)
	if err != nil {
		t.Fatal(err)
	}
	s.seek(t, "the JSON lines", string(records))
	headers, bodies := s.otlp.got()
	s.seek(t, "the traces", bodies)
	s.seek(t, "the traces' headers", headers, "the OTLP header")
	if !strings.Contains(headers, "otlp-canary-19f2e4") {
		t.Error("the collector did not get its header")
	}
	headers, bodies = s.hook.got()
	s.seek(t, "the webhook", headers+bodies)
	if !strings.Contains(headers, "X-Dragoman-Signature") && !strings.Contains(headers, "X-Dragoman-Signature:[sha256=") {
		t.Errorf("the webhook's calls are not signed: %s", headers)
	}
}

// seekRedis looks at every value that is kept there.
func (s *secretive) seekRedis(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	keys, err := s.redis.Keys(ctx, "*").Result()
	if err != nil || len(keys) == 0 {
		t.Fatalf("%d keys in Redis, %v", len(keys), err)
	}
	for _, key := range keys {
		kind, err := s.redis.Type(ctx, key).Result()
		var value any
		switch kind {
		case "hash":
			value, err = s.redis.HGetAll(ctx, key).Result()
		case "string":
			value, err = s.redis.Get(ctx, key).Result()
		case "zset":
			value, err = s.redis.ZRange(ctx, key, 0, -1).Result()
		case "stream":
			value, err = s.redis.XRange(ctx, key, "-", "+").Result()
		case "list":
			value, err = s.redis.LRange(ctx, key, 0, -1).Result()
		case "set":
			value, err = s.redis.SMembers(ctx, key).Result()
		default:
			t.Errorf("Redis holds a %s, which this test cannot read", kind)
		}
		if err != nil {
			t.Fatal(err)
		}
		s.seek(t, "Redis's "+key, fmt.Sprint(key, value))
	}
}
