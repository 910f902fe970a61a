package extproc

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

func TestARefusalNamesTheLimitAndSaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, budget string
		status       int
		says         []string
		retry        bool
	}{
		{"money", "money: 0.001, per: day", 402, []string{`"few/money" of $0.001 a day`, "begins anew at 2000-01-02T00:00:00Z"}, true},
		{"requests", "requests: 1, per: minute", 429, []string{`"few/requests" of 1 request a minute`, "1 request", "begins anew at 2000-01-01T00:01:00Z"}, true},
		{"tokens", "tokens: 300, per: hour", 429, []string{`"few/tokens" of 300 tokens an hour`, "begins anew at 2000-01-01T01:00:00Z"}, true},
		{"input", "input_tokens: 100, per: hour", 429, []string{`"few/input_tokens" of 100 input tokens an hour`}, true},
		{"output", "output_tokens: 150, per: total", 429, []string{`"few/output_tokens" of 150 output tokens in total`, "doesn't begin anew"}, false},
		{"concurrent", "concurrent: 1", 429, []string{`"few/concurrent" of 1 request at a time`}, true},
		{"apart", "requests: 1, per: month, each: [key, model]", 429, []string{"for no key, model sim/leave", "2000-02-01"}, true},
		{"nothing at all", "requests: 0, per: day", 403, []string{"Nothing is allowed by the limit"}, false},
		{"more than there is at all", "output_tokens: 99, per: day", 400, []string{"may take 100 output tokens, more than the limit", "allows at all. Send a smaller max_tokens."}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newPremises(t, "open: true"+shopModels+"budgets: [{name: few, "+tt.budget+"}]\n").open(t)
				<-time.After(time.Second)
				var v *visit
				for range 12 {
					if v = h.send("/v1/chat/completions", chat("sim/leave")); v.status != 0 {
						break
					}
				}
				if v.status != tt.status {
					t.Fatalf("%d %s", v.status, v.body)
				}
				var said struct {
					Error struct{ Message, Type, Code string }
				}
				if err := json.Unmarshal([]byte(v.body), &said); err != nil {
					t.Fatal(err)
				}
				for _, want := range tt.says {
					if !strings.Contains(said.Error.Message, want) {
						t.Errorf("%q does not say %q", said.Error.Message, want)
					}
				}
				if got := v.headers["retry-after"] != ""; got != tt.retry {
					t.Errorf("retry-after %q", v.headers["retry-after"])
				}
				if h.table.held.Load() > 0 && h.table.entries.Load() == 0 {
					t.Error("the body of a refused request is still held")
				}
				<-time.After(silence + time.Minute)
				h.freed()
			})
		})
	}
}

func TestARefusalIsInTheClientsDialect(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/v1/chat/completions": `"code":"quota_exceeded"`,
		"/v1/responses":        `"code":"quota_exceeded"`,
		"/v1/messages":         `"type":"billing_error"`,
		"/v1beta/models/sim%2Fleave:generateContent": `"status":`,
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newPremises(t, "open: true"+shopModels+"budgets: [{name: few, money: 0, per: day}]\n").open(t)
				body := `{"model":"sim/leave","max_tokens":10,"max_output_tokens":10,"messages":[{"role":"user","content":"x"}],"input":"x"}`
				if strings.Contains(path, "beta") {
					body = `{"contents":[{"role":"user","parts":[{"text":"x"}]}]}`
				}
				v := h.send(path, body)
				if v.status != 402 || !strings.Contains(v.body, want) || !strings.Contains(v.body, "few/money") {
					t.Errorf("%d %s, want %s", v.status, v.body, want)
				}
			})
		})
	}
}

func TestARequestThatSaysNotHowLongItsAnswerMayBeIsToldSo(t *testing.T) {
	t.Parallel()
	const models = `
  sim/bare: {targets: [alpha, beta], prices: {input: 1, output: 4}}
`
	for _, tt := range []struct {
		name, budget, path, body string
		status                   int
		says, param              string
	}{
		{"tokens", "tokens: 4000, per: day", "/v1/chat/completions", `{"model":"sim/bare","messages":[]}`, 400, "allows at all. The answer counts with 4096 output tokens, for the request does not limit it; send max_tokens.", "max_tokens"},
		{"output", "output_tokens: 4000, per: day", "/v1/messages", `{"model":"sim/bare","messages":[]}`, 400, "send max_tokens.", ""},
		{"money", "money: 0.01, per: day", "/v1/responses", `{"model":"sim/bare","input":"a"}`, 402, "send max_output_tokens.", ""},
		{"Gemini's", "output_tokens: 4000, per: day", "/v1beta/models/sim%2Fbare:generateContent", `{"contents":[]}`, 400, "send generationConfig.maxOutputTokens.", ""},
		{"a prompt that is too long by itself", "tokens: 10, per: day", "/v1/chat/completions", `{"model":"sim/bare","messages":[]}`, 400, "allows at all.\"", ""},
		{"input", "input_tokens: 10, per: day", "/v1/chat/completions", `{"model":"sim/bare","messages":[]}`, 400, "allows at all.\"", ""},
		{"an answer that is limited", "money: 0.01, per: day", "/v1/chat/completions", `{"model":"sim/bare","max_tokens":100000,"messages":[]}`, 402, "allows at all. Send a smaller max_tokens.", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newPremises(t, "open: true"+shopModels+models+"budgets: [{name: few, "+tt.budget+"}]\n").open(t)
				<-time.After(time.Second)
				v := h.send(tt.path, tt.body)
				if v.status != tt.status || !strings.Contains(v.body, tt.says) || !strings.Contains(v.body, tt.param) {
					t.Errorf("%d %s", v.status, v.body)
				}
			})
		})
	}
}

func TestUnderAMoneyBudgetNobodyIsAskedWhosePriceIsUnknown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, "open: true"+shopModels+shopBudgets).open(t)
		v := h.send("/v1/chat/completions", chat("sim/unpriced"))
		if v.status != 402 || !strings.Contains(v.body, `"price_unknown"`) || !strings.Contains(v.body, "sim/unpriced") || v.headers["retry-after"] != "" {
			t.Errorf("%d %s", v.status, v.body)
		}
		for _, body := range []string{chat("sim/half"), strings.Replace(chat("sim/half"), `"stream":true,`, "", 1)} {
			v = h.send("/v1/chat/completions", body)
			x := h.table.get(v.id)
			if v.status != 0 || len(x.chain.Targets) != 1 || x.chain.Targets[0].Provider.Name != "beta" || !x.chain.Override || x.express {
				t.Fatalf("%d, %+v", v.status, x.chain)
			}
			if got := x.skipped(); got != "alpha (price)" {
				t.Errorf("passed over: %q", got)
			}
		}
		<-time.After(silence + time.Minute)
		h.freed()
	})
}

func TestWithoutAMoneyBudgetPricesNeedNotBeKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, "open: true"+shopModels+"budgets: [{name: few, requests: 100, per: day}]\n").open(t)
		v := h.send("/v1/chat/completions", chat("sim/unpriced"))
		h.listener(told(v.id, usageSaid))
		h.edge(ended(v.id, 100))
		<-time.After(3 * time.Second)
		if r := h.kept(v.id); v.status != 0 || r.Priced || r.Cost != 0 {
			t.Errorf("%d, %+v", v.status, r)
		}
		h.freed()
	})
}

func TestNumbersOfTheClientsCannotPassALimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, "open: true"+shopModels+`
  sim/bare: {targets: [alpha, beta], prices: {input: 1, output: 4}}
budgets: [{name: few, money: 1, tokens: 1000000, output_tokens: 1000000, per: day}]
`).open(t)
		<-time.After(time.Second)
		for _, numbers := range []string{
			`"max_tokens":9223372036854775807`, `"max_tokens":9223372036854775807,"n":128`, `"max_tokens":4611686018427387904,"n":4`,
			`"max_tokens":-5`, `"max_tokens":1e300`, `"max_tokens":1000000000,"n":2`, `"max_completion_tokens":9007199254740993,"n":1024`,
		} {
			v := h.send("/v1/chat/completions", `{"model":"sim/bare","stream":true,`+numbers+`,"messages":[]}`)
			if v.status < 400 || v.status > 429 {
				t.Errorf("%s: %d %s", numbers, v.status, v.body)
			}
		}
		if n, held := h.Open(); n != 0 || held != 0 {
			t.Errorf("%d are open with %d bytes", n, held)
		}
		h.freed()
	})
}

func TestCountingTokensCostsARequestAndNothingElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, "open: true"+`
providers: {gamma: {dialect: anthropic, base_url: "http://127.0.0.1:9103"}}
models: {sim/claude: {targets: [gamma], prices: {input: 1, output: 4}}}
`+shopBudgets).open(t)
		v := h.send("/v1/messages/count_tokens", `{"model":"sim/claude","messages":[{"role":"user","content":"Hello"}]}`)
		if v.status != 0 {
			t.Fatalf("%d %s", v.status, v.body)
		}
		if got := reservedBy(h, v.id); got != (quota.Amounts{quota.Requests: 1, quota.Concurrent: 1}) {
			t.Errorf("reserved %v", got)
		}
		c := newTalk(t.Context())
		c.in <- requestHead(true, "x-request-id", v.id.text(), "x-envoy-attempt-count", "1")
		c.in <- responseHead(":status", "200", "content-type", "application/json")
		c.in <- responsePiece(`{"input_tokens":1234}`, true)
		close(c.in)
		if err := h.attempt(c, "gamma"); err != nil {
			t.Fatal(err)
		}
		e := ended(v.id, 21)
		e.cluster = []byte(envoy.AttemptCluster("gamma"))
		h.edge(e)
		<-time.After(3 * time.Second)
		if got := h.used("all"); got != (quota.Amounts{quota.Requests: 1}) {
			t.Errorf("used %v", got)
		}
		h.freed()
	})
}

func TestAFullTableGivesTheReservationBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, "open: true"+shopModels+shopBudgets).open(t)
		h.table.maxEntries = 0
		if v := h.send("/v1/chat/completions", chat("sim/leave")); v.status != 503 {
			t.Errorf("%d %s", v.status, v.body)
		}
		<-time.After(3 * time.Second)
		if got := h.used("all"); got != (quota.Amounts{}) {
			t.Errorf("used %v", got)
		}
		h.freed()
	})
}

func TestWhileTheStoreIsAwayOnlyWhatIsAllowedGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, "open: true"+shopModels+"budgets: [{name: few, requests: 100, per: day, away: {requests: 3}}]\n").open(t)
		h.line.Partition(true)
		went, last := 0, &visit{}
		for range 10 {
			if last = h.send("/v1/chat/completions", chat("sim/leave")); last.status == 0 {
				went++
				h.listener(told(last.id, usageSaid))
				h.edge(ended(last.id, 100))
			}
		}
		if went != 3 || last.status != 503 || !strings.Contains(last.body, "can't be checked at the moment") || last.headers["retry-after"] != "1" {
			t.Errorf("%d went on, then %d %s", went, last.status, last.body)
		}
		h.line.Partition(false)
		<-time.After(5 * time.Second)
		if got := h.used("few"); got[quota.Requests] != 3 {
			t.Errorf("%d are counted", got[quota.Requests])
		}
		h.freed()
	})
}

func TestLimitsByTagCountTheTagsOfKeysAndNoneThatAClientChooses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		text := "keys:\n"
		sum := func(name string) [32]byte { return sha256.Sum256([]byte("secret-" + name)) }
		for name, tags := range map[string]string{"a": "team-a", "b": "team-b", "both": "team-a, team-b", "none": "other"} {
			text += fmt.Sprintf("  - {name: %s, tags: [%s], hash: \"sha256:%x\"}\n", name, tags, sum(name))
		}
		h := newPremises(t, text+shopModels+`
budgets: [{name: each, requests: 2, per: day, each: [tag], tags: ["team-*"]}]
`).open(t)
		<-time.After(time.Second)
		ask := func(key, tags string) int {
			return h.send("/v1/chat/completions", `{"model":"sim/leave","stream":true,"providerOptions":{"gateway":{"tags":[`+tags+`]}},"messages":[]}`,
				"authorization", "Bearer secret-"+key).status
		}
		for i, step := range []struct {
			key, tags string
			want      int
		}{{"a", "", 0}, {"none", `"team-a","team-b"`, 0}, {"a", `"team-b"`, 0}, {"a", "", 429}, {"b", "", 0}, {"both", "", 429}, {"b", `"team-a"`, 0}, {"b", "", 429}, {"none", `"team-b"`, 0}} {
			if got := ask(step.key, step.tags); got != step.want {
				t.Errorf("step %d, key %s with tags %s: %d, want %d", i, step.key, step.tags, got, step.want)
			}
		}
		<-time.After(silence + time.Minute)
		h.freed()
	})
}

// busy is a service with books and these budgets, and a request of one kilobyte
// for it.
func busy(tb testing.TB, budgets string) (route, done func()) {
	tb.Helper()
	p := newPremises(tb, "open: true"+shopModels+budgets)
	p.slots = 1 << 18
	h := p.open(tb)
	r := newReel(tb, requestHead(false, browserHeaders...), requestPiece(kilobyte(""), true))
	return settledBy(tb, h.Service, r), h.close
}

func BenchmarkReserveAndSettle(b *testing.B) {
	b.Run("no books", func(b *testing.B) {
		route := routedBy(b, speedService(b), newReel(b, requestHead(false, browserHeaders...), requestPiece(kilobyte(""), true)))
		b.ReportAllocs()
		for b.Loop() {
			route()
		}
	})
	for name, budgets := range map[string]string{"no budgets": "", "six limits": shopBudgets} {
		b.Run(name, func(b *testing.B) {
			route, done := busy(b, budgets)
			b.ReportAllocs()
			for b.Loop() {
				route()
			}
			b.StopTimer()
			done()
		})
	}
}

func TestWhatBooksAddToTheRouterStageIsBounded(t *testing.T) {
	figures := make(map[string]float64)
	for name, budgets := range map[string]string{"no budgets": "", "six limits": shopBudgets} {
		route, done := busy(t, budgets)
		for range 50 {
			route() // leases are there then
		}
		figures[name] = testing.AllocsPerRun(200, route)
		done()
	}
	bare := speedService(t)
	figures["no books"] = testing.AllocsPerRun(200, routedBy(t, bare, newReel(t, requestHead(false, browserHeaders...), requestPiece(kilobyte(""), true))))
	t.Logf("allocations of a request, routed and settled: %.0f without books, %.0f with books and no budgets, %.0f with six limits",
		figures["no books"], figures["no budgets"], figures["six limits"])
	if figures["no budgets"] > figures["no books"]+20 || figures["six limits"] > figures["no books"]+50 {
		t.Error("books allocate too much")
	}
}

// settledBy runs one router stage at each call and settles its exchange.
func settledBy(tb testing.TB, s *Service, r *reel) func() {
	tb.Helper()
	return func() {
		r.next = 0
		if err := s.router(r); err != nil {
			tb.Fatal(err)
		}
		for i := range s.table.shards {
			for id, x := range s.table.shards[i].m {
				s.table.remove(id)
				s.settle(x, false)
			}
		}
	}
}
