package extproc

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/generation/generationtest"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/journal"
	"github.com/dragoman-gateway/dragoman/extproc/quota/quotatest"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// shopModels cost a dollar a million tokens of input and four of output: 1,000
// and 4,000 nano-dollars a token.
const shopModels = `
providers:
  alpha: {dialect: openai, base_url: "http://127.0.0.1:9101/v1"}
  beta: {dialect: openai, base_url: "http://127.0.0.1:9102/v1"}
models:
  sim/chat: {targets: [alpha, beta], output: 1000, prices: {input: 1, output: 4}}
  sim/leave: {targets: [alpha, beta], lane: leave, output: 1000, prices: {input: 1, output: 4}}
  sim/unpriced: {targets: [alpha, beta], output: 1000}
  sim/half: {output: 1000, targets: [alpha, {provider: beta, prices: {input: 1, output: 4}}]}
`

// shopBudgets count everything and refuse nothing of what tests use.
const shopBudgets = `
budgets:
  - {name: all, money: 1000, requests: 100000, tokens: 1000000000, input_tokens: 1000000000, output_tokens: 1000000000, concurrent: 100, per: day}
`

// premises outlive the processes that work there.
type premises struct {
	catalog *catalog.Catalog
	journal string
	slots   int
	store   *quotatest.Memory
	records *generationtest.Memory
	log     *slog.Logger
	crossed func(quota.Crossing)
}

func newPremises(t testing.TB, text string) *premises {
	t.Helper()
	return &premises{
		catalog: parsed(t, text), journal: filepath.Join(t.TempDir(), JournalFile), slots: 1024, store: quotatest.NewMemory(time.Now, 5*time.Minute),
		records: generationtest.NewMemory(), log: slog.New(slog.DiscardHandler),
	}
}

func parsed(tb testing.TB, text string) *catalog.Catalog {
	tb.Helper()
	c, err := catalog.Parse(catalog.Source{Name: "test", Data: []byte(text)})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// shop is a Service with its books, at work.
type shop struct {
	*Service
	t     testing.TB
	at    *premises
	line  *quotatest.Line
	close func() // as a process that ends
}

// open begins a process. Tests of time are in a synctest bubble.
func (p *premises) open(t testing.TB) *shop {
	t.Helper()
	j, orphans, err := journal.Open(p.journal, journal.Options{MaxSlots: p.slots})
	if err != nil {
		t.Fatal(err)
	}
	line := quotatest.NewLine(p.store)
	b := &Books{Journal: j, Estimator: quota.NewEstimator(), Reader: p.records}
	b.Ledger = quota.NewLedger(quota.Config{Store: line, Journal: j, Crossed: p.crossed})
	b.Ledger.Owe(j.Owed())
	b.Records = generation.New(generation.Config{Store: p.records, Logger: p.log, OnWritten: b.Written})
	s := New(Config{Logger: p.log, MaxExchanges: 1000, MaxHeld: 1 << 30, Books: b})
	creds, err := credential.Build(p.catalog, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	s.UseCatalog(p.catalog, creds, nil)
	s.UseOrder(chain.CatalogOrder(p.catalog))
	s.Adopt(orphans)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var working sync.WaitGroup
	for _, run := range []func(context.Context) error{b.Ledger.Run, b.Records.Run} {
		working.Go(func() { _ = run(ctx) }) // of what fails at the end the journal tells
	}
	working.Go(func() { s.Sweep(ctx) })
	h := &shop{Service: s, t: t, at: p, line: line}
	h.close = sync.OnceFunc(func() {
		cancel()
		working.Wait()
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(h.close)
	return h
}

// kill ends the process so that nobody hears of it again.
func (h *shop) kill() {
	h.line.Partition(true)
	h.at.records.Fail(errors.New("killed"))
	h.close()
	h.at.records.Fail(nil)
}

// used is what the store has counted of each unit of a budget, today.
func (h *shop) used(budget string) (a quota.Amounts) {
	h.t.Helper()
	limits := LimitsOf(h.at.catalog.Budgets, "")
	for i := range limits {
		l := &limits[i]
		if !strings.HasPrefix(l.Name, budget+"/") {
			continue
		}
		account, ok := l.Sole()
		if !ok {
			h.t.Fatalf("%s has no sole account", l.Name)
		}
		period, _ := l.Window.Of(time.Now())
		at, err := h.at.store.Standing(h.t.Context(), []quota.AccountPeriod{{Account: account, Period: period}})
		if err != nil {
			h.t.Fatal(err)
		}
		a[l.Unit] = at[0].Used
	}
	return a
}

// freed fails the test unless the journal holds nothing any more. It ends the
// process.
func (h *shop) freed() {
	h.t.Helper()
	h.close()
	j, orphans, err := journal.Open(h.at.journal, journal.Options{MaxSlots: h.at.slots})
	if err != nil {
		h.t.Fatal(err)
	}
	if owed := j.Owed(); len(orphans) > 0 || len(owed) > 0 {
		h.t.Errorf("the journal still holds %d exchanges and owes %v", len(orphans), owed)
	}
	if err := j.Close(); err != nil {
		h.t.Fatal(err)
	}
}

// visit is what the router stage made of a request.
type visit struct {
	status  int // 0: it goes on
	body    string
	headers map[string]string
	id      exchangeID
	facts   map[string]any // dynamic metadata, by namespace
}

// send puts a request through the router stage; pairs are further headers.
func (h *shop) send(path, body string, pairs ...string) *visit {
	h.t.Helper()
	method := "POST"
	if body == "" {
		method = "GET"
	}
	c := newTalk(h.t.Context())
	c.in <- requestHead(body == "", append([]string{":method", method, ":authority", "127.0.0.1", ":path", path, "content-type", "application/json"}, pairs...)...)
	if body != "" {
		c.in <- requestPiece(body, true)
	}
	if err := h.router(c); err != nil {
		h.t.Fatal(err)
	}
	return visited(h.t, c.replies())
}

func visited(t testing.TB, out []*extprocv3.ProcessingResponse) *visit {
	t.Helper()
	if len(out) == 0 {
		t.Fatal("the router stage does not answer")
	}
	v := &visit{headers: make(map[string]string)}
	if im := out[0].GetImmediateResponse(); im != nil {
		v.status, v.body = int(im.GetStatus().GetCode()), string(im.GetBody())
		for _, o := range im.GetHeaders().GetSetHeaders() {
			v.headers[o.GetHeader().GetKey()] = string(o.GetHeader().GetRawValue())
		}
		return v
	}
	v.facts = out[0].GetDynamicMetadata().AsMap()
	id, _ := v.facts[envoy.ExchangeNamespace].(map[string]any)[envoy.FactExchange].(string)
	var ok bool
	if v.id, ok = parseExchangeID([]byte(id)); !ok {
		t.Fatalf("no exchange in %v", v.facts)
	}
	return v
}

// chat is a streamed request for a model.
func chat(model string) string {
	return `{"model":"` + model + `","stream":true,"max_tokens":100,"messages":[{"role":"user","content":"Hello there"}]}`
}

// ended is the edge's last log entry of an exchange that alpha served.
func ended(id exchangeID, bytes int64) *logEntry {
	return &logEntry{
		exchange: []byte(id.text()), cluster: []byte(envoy.AttemptCluster("alpha")), status: 200, kind: logDownstreamEnd, attempts: 1,
		bytes: bytes, took: time.Second,
	}
}

// told is an attempt listener's log entry with the provider's usage.
func told(id exchangeID, usage string) *logEntry {
	return &logEntry{
		exchange: []byte(id.text()), cluster: []byte(envoy.AttemptCluster("alpha")), dialect: []byte("openai"), status: 200,
		kind: logDownstreamEnd, attempt: 1, bytes: 1000, usage: []byte(usage),
	}
}

// edge and listener have the service read an entry.
func (h *shop) edge(e *logEntry)     { h.hear(e, true, time.Now()) }
func (h *shop) listener(e *logEntry) { h.hear(e, false, time.Now()) }

// record is what is kept of an exchange.
func (h *shop) kept(id exchangeID) *generation.Record {
	h.t.Helper()
	r, err := h.at.records.Get(h.t.Context(), generation.ID(id), generation.View{All: true})
	if err != nil {
		h.t.Fatalf("%s: %v", id.text(), err)
	}
	return r
}

// config is a server's, with all it writes in the test's directory.
func config(t *testing.T) *ServerConfig {
	t.Helper()
	return &ServerConfig{
		Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), State: t.TempDir(),
		Env: func(string) (string, bool) { return "", false }, LeaseInterval: 20 * time.Millisecond,
	}
}

func TestAccountsKeepTheirStateWhereTheyAreTold(t *testing.T) {
	t.Parallel()
	c := config(t)
	first := parsed(t, "open: true"+shopModels+shopBudgets)
	a, err := openAccounting(c, first, func(*directory.Snapshot) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{JournalFile, DatabaseFile, QuotaFile} {
		if _, err := os.Stat(filepath.Join(c.State, name)); err != nil {
			t.Error(err)
		}
	}
	if _, err := openAccounting(c, first, func(*directory.Snapshot) {}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second process on the same journal: %v", err)
	}
	if err := a.close(); err != nil {
		t.Error(err)
	}
	if a, err = openAccounting(c, first, func(*directory.Snapshot) {}); err != nil {
		t.Fatalf("after the end of the first: %v", err)
	}
	if err := a.close(); err != nil {
		t.Error(err)
	}
}

func TestStateWithoutAPlaceEndsWithTheProcess(t *testing.T) {
	t.Parallel()
	c := config(t)
	c.State = ""
	a, err := openAccounting(c, parsed(t, "open: true"+shopModels), func(*directory.Snapshot) {})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(a.scratch, JournalFile)); err != nil {
		t.Error(err)
	}
	if err := a.close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(a.scratch); !os.IsNotExist(err) {
		t.Errorf("its directory: %v", err)
	}
}

func TestWhatCannotBeOpenedIsAnErrorThatNamesIt(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"a short master key":     {"secrets: {key: env:SHORT}", "secrets.key: "},
		"a short former one":     {"secrets: {key: env:MASTER, former: ['env:MASTER', 'env:SHORT']}", "secrets.former[1]: "},
		"a folder as JSONL file": {`generations: {jsonl: "/dev/null/x.jsonl"}`, "/dev/null/x.jsonl"},
		"a secret that is gone":  {`quota: {webhook: "https://hooks.example.com", webhook_secret: "file:/dev/null/secret"}`, "/dev/null/secret"},
	} {
		c := config(t)
		c.Env = func(name string) (string, bool) {
			if name == "MASTER" {
				return strings.Repeat("ab", 32), true
			}
			return "tooshort", true
		}
		a, err := openAccounting(c, parsed(t, "open: true"+shopModels+tt.text), func(*directory.Snapshot) {})
		if err == nil {
			t.Errorf("%s: no error, %v", name, a.close())
			continue
		}
		if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "tooshort") {
			t.Errorf("%s: %v", name, err)
		}
		j, _, err := journal.Open(filepath.Join(c.State, JournalFile), journal.Options{})
		if err != nil {
			t.Fatalf("%s: the journal is not let go: %v", name, err)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestNamesOfTheCatalogInUseAreReserved(t *testing.T) {
	t.Parallel()
	inUse := parsed(t, "keys: []"+shopModels)
	taken := Reserved(func() *catalog.Catalog { return inUse })
	if taken(directory.KindTenant, "acme") {
		t.Error("a name that nobody has is reserved")
	}
	inUse = parsed(t, `
keys: [{name: ci, hash: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}]
tenants: {acme: {}}`+shopModels+shopBudgets)
	for _, tt := range []struct {
		kind directory.Kind
		name string
		want bool
	}{
		{directory.KindKey, "ci", true},
		{directory.KindTenant, "ci", false},
		{directory.KindTenant, "acme", true},
		{directory.KindBudget, "all", true},
		{directory.KindBudget, "acme", false},
		{directory.KindCredential, "acme", false},
	} {
		if got := taken(tt.kind, tt.name); got != tt.want {
			t.Errorf("%v %s: %t", tt.kind, tt.name, got)
		}
	}
}

func TestHeadersForTracesAreReadLineByLine(t *testing.T) {
	t.Parallel()
	got, err := headersOf(credential.NewSecret("authorization: Bearer a:b\r\nx-scope :  team \n\n"))
	if err != nil || len(got) != 2 || got["authorization"] != "Bearer a:b" || got["x-scope"] != "team" {
		t.Errorf("%q, %v", got, err)
	}
	for _, text := range []string{"x: y\ncanary", "x: y\n: canary", "x: y\ncan ary: z"} {
		if _, err := headersOf(credential.NewSecret(text)); err == nil || !strings.Contains(err.Error(), "line 2") || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if got, err := headersOf(credential.Secret{}); err != nil || len(got) != 0 {
		t.Errorf("none: %q, %v", got, err)
	}
}
