package extproc

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/settlement"
)

// What alpha says it used in these tests, and what that costs.
const (
	usageSaid = `{"prompt_tokens":30,"completion_tokens":50}`
	usageCost = 30*1000 + 50*4000
)

// reserved is what a chat request of these tests reserves: an input of the
// estimator's, and the output that it asks for.
func reservedBy(h *shop, id exchangeID) quota.Amounts {
	h.t.Helper()
	x := h.table.get(id)
	if x == nil {
		h.t.Fatal("the exchange is not open")
	}
	return x.spend.estimate
}

func TestAnExchangeIsChargedWhatItsProviderSaid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, "open: true"+shopModels+shopBudgets).open(t)
		v := h.send("/v1/chat/completions", chat("sim/leave"))
		h.listener(told(v.id, usageSaid))
		h.edge(ended(v.id, 1000))
		<-time.After(3 * time.Second)
		want := quota.Amounts{quota.Requests: 1, quota.Input: 30, quota.Output: 50, quota.Tokens: 80, quota.Money: usageCost}
		if got := h.used("all"); got != want {
			t.Errorf("used %v, want %v", got, want)
		}
		r := h.kept(v.id)
		if r.Cost != usageCost || r.Market != usageCost || !r.Priced || r.Estimated || r.Unobserved || r.Corrected || r.Recovered || r.Status != 200 {
			t.Errorf("%+v", r)
		}
		if n, held := h.Open(); n != 0 || held != 0 {
			t.Errorf("%d open with %d bytes", n, held)
		}
		h.freed()
	})
}

// word is something that reaches the service about an exchange.
type word uint8

const (
	endOfEdge      word = iota // the edge's last entry
	periodicOfEdge             // one that tells of bytes so far
	usageOfAttempt             // the attempt listener's entry
	silentAttempt              // one in which the guard found nothing
	garbledAttempt             // one in which nothing can be read
	stageEnded                 // the attempt stage has seen the end
	numWords
)

// hearing is a word and how long it is in coming after the one before.
type hearing struct {
	word  word
	after time.Duration
}

var hearings = rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) hearing {
	return hearing{
		word(rapid.IntRange(0, int(numWords)-1).Draw(rt, "word")),
		rapid.SampledFrom([]time.Duration{0, 100 * time.Millisecond, 2 * time.Second, 100 * time.Second}).Draw(rt, "after"),
	}
}), 0, 8)

// outcome is what became of one exchange, a quarter of an hour later.
type outcome struct {
	used     quota.Amounts
	reserved quota.Amounts
	record   generation.Record
	leftOver int64
}

// hear plays a schedule.
func hear(t *testing.T, schedule []hearing) (o outcome) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, "open: true"+shopModels+shopBudgets).open(t)
		v := h.send("/v1/chat/completions", chat("sim/leave"))
		o.reserved = reservedBy(h, v.id)
		for _, s := range schedule {
			<-time.After(s.after)
			h.say(v.id, s.word)
		}
		<-time.After(silence + 10*time.Second)
		o.used, o.record, o.leftOver = h.used("all"), *h.kept(v.id), h.table.entries.Load()
		h.freed()
	})
	return o
}

func (h *shop) say(id exchangeID, w word) {
	switch w {
	case endOfEdge:
		h.edge(ended(id, 1000))
	case periodicOfEdge:
		e := ended(id, 500)
		e.kind = logDownstreamPeriodic
		h.edge(e)
	case usageOfAttempt:
		h.listener(told(id, usageSaid))
	case silentAttempt:
		h.listener(told(id, ""))
	case garbledAttempt:
		h.listener(told(id, `{"prompt_tokens":`))
	case stageEnded:
		if x := h.table.get(id); x != nil {
			h.reports(x, 1, &x.chain.Targets[0], settlement.Report{Answered: true, Ended: true})
		}
	}
}

func TestHoweverAnExchangeIsHeardOfItIsSettledOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		schedule := hearings.Draw(rt, "schedule")
		o := hear(t, schedule)
		heard := make(map[word]bool)
		for _, s := range schedule {
			heard[s.word] = true
		}
		r := &o.record
		if o.used[quota.Requests] != 1 || o.leftOver != 0 {
			rt.Fatalf("%d requests are counted, %d exchanges are open", o.used[quota.Requests], o.leftOver)
		}
		if o.used[quota.Money] != quota.Amount(r.Cost) {
			rt.Fatalf("the limits count %d, the record %d", o.used[quota.Money], r.Cost)
		}
		if in, out := o.used[quota.Input], o.used[quota.Output]; in != quota.Amount(r.Usage.Input.Or(0)) || out != quota.Amount(r.Usage.Output.Or(0)) {
			rt.Fatalf("the limits count %d and %d tokens, the record %v", in, out, r.Usage)
		}
		switch {
		case heard[usageOfAttempt] && r.Unobserved: // and the end came never, or too late
			if o.used[quota.Money] != max(usageCost, o.reserved[quota.Money]) {
				rt.Fatalf("unobserved, it is charged %d", o.used[quota.Money])
			}
		case heard[usageOfAttempt]:
			if o.used[quota.Money] != usageCost || r.Estimated {
				rt.Fatalf("charged %d, estimated %t; used was %d", o.used[quota.Money], r.Estimated, usageCost)
			}
		case r.Unobserved:
			if o.used[quota.Money] < o.reserved[quota.Money] || o.used[quota.Tokens] < o.reserved[quota.Tokens] {
				rt.Fatalf("unobserved, it is charged %v, less than was reserved: %v", o.used, o.reserved)
			}
		default:
			if !r.Estimated || o.used[quota.Input] != o.reserved[quota.Input] || o.used[quota.Output] == 0 {
				rt.Fatalf("nobody said what was used, and it is charged %v", o.used)
			}
		}
	})
}

func TestTheUnobservedStandAtTheGreaterOfBytesAndReservation(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		bytes  int64
		output quota.Amount // 0: what was reserved
	}{
		{"nothing was seen", 0, 0},
		{"little was seen", 500, 0},
		{"more was seen than reserved", 160 * 150, 151},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newPremises(t, "open: true"+shopModels+shopBudgets).open(t)
				v := h.send("/v1/chat/completions", chat("sim/leave"))
				reserved := reservedBy(h, v.id)
				if tt.bytes > 0 {
					e := ended(v.id, tt.bytes)
					e.kind = logDownstreamPeriodic
					h.edge(e)
				}
				<-time.After(silence + 3*time.Second)
				want := reserved
				want[quota.Concurrent] = 0
				if tt.output > 0 {
					want[quota.Output], want[quota.Tokens] = tt.output, reserved[quota.Input]+tt.output
					want[quota.Money] = reserved[quota.Input]*1000 + tt.output*4000
				}
				if got := h.used("all"); got != want {
					t.Errorf("used %v, want %v", got, want)
				}
				r := h.kept(v.id)
				if !r.Unobserved || !r.Estimated || quota.Amount(r.Cost) != want[quota.Money] || r.Market != r.Cost || quota.Amount(r.Usage.Total()) != want[quota.Tokens] {
					t.Errorf("%+v", r)
				}
				h.freed()
			})
		})
	}
}

func TestALateEntryCorrectsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, "open: true"+shopModels+shopBudgets).open(t)
		v := h.send("/v1/chat/completions", chat("sim/leave"))
		<-time.After(silence + 3*time.Second)
		if !h.kept(v.id).Unobserved {
			t.Fatal("it is not unobserved")
		}
		foreign := told(v.id, usageSaid)
		foreign.dialect = []byte("klingon")
		for _, e := range []*logEntry{
			told(newExchangeID(time.Now()), usageSaid), foreign, told(v.id, "{}"), told(v.id, usageSaid), told(v.id, usageSaid),
			told(v.id, `{"prompt_tokens":3000,"completion_tokens":5000}`),
		} {
			h.listener(e)
			<-time.After(2 * time.Second)
		}
		want := quota.Amounts{quota.Requests: 1, quota.Input: 30, quota.Output: 50, quota.Tokens: 80, quota.Money: usageCost}
		if got := h.used("all"); got != want {
			t.Errorf("used %v, want %v", got, want)
		}
		if r := h.kept(v.id); !r.Corrected || r.Unobserved || r.Estimated || r.Cost != usageCost || r.Usage.Total() != 80 {
			t.Errorf("%+v", r)
		}
		h.freed()
	})
}

func TestALateEntryOfNobodyThatIsKnownTakesNothingBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, "open: true"+shopModels+shopBudgets).open(t)
		v := h.send("/v1/chat/completions", chat("sim/leave"))
		reserved := reservedBy(h, v.id)
		<-time.After(silence + 3*time.Second)
		e := told(v.id, usageSaid)
		e.cluster = []byte(envoy.AttemptCluster("gamma"))
		h.listener(e)
		<-time.After(3 * time.Second)
		if got := h.used("all"); got[quota.Money] != reserved[quota.Money] {
			t.Errorf("charged %d, want the %d that were reserved", got[quota.Money], reserved[quota.Money])
		}
		h.freed()
	})
}

func TestUsageThatComesAfterItsClientLeftIsCharged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, "open: true"+shopModels+shopBudgets).open(t)
		v := h.send("/v1/chat/completions", chat("sim/leave"))
		e := ended(v.id, 0)
		e.status, e.aborted = 0, true
		h.edge(e)
		<-time.After(3 * time.Second)
		if got := h.used("all"); got[quota.Money] != 0 || !h.kept(v.id).Aborted {
			t.Fatalf("before anything was answered: %v", got)
		}
		h.listener(told(v.id, usageSaid))
		<-time.After(3 * time.Second)
		if got := h.used("all"); got[quota.Money] != usageCost {
			t.Errorf("charged %d, want %d", got[quota.Money], usageCost)
		}
		h.freed()
	})
}

func TestEveryAttemptThatWasAnsweredIsCharged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, "open: true"+shopModels+shopBudgets).open(t)
		v := h.send("/v1/chat/completions", chat("sim/leave"))
		x := h.table.get(v.id)
		usage := llm.Usage{Input: llm.Some[llm.Tokens](10), Output: llm.Some[llm.Tokens](5)}
		// Twice the same: reports are running totals.
		for range 2 {
			h.reports(x, 1, &x.chain.Targets[0], settlement.Report{Usage: &usage, Whole: true, Answered: true, Ended: true})
		}
		second := told(v.id, usageSaid)
		second.attempt, second.cluster = 2, []byte(envoy.AttemptCluster("beta"))
		h.listener(second)
		e := ended(v.id, 1000)
		e.attempts, e.cluster = 2, []byte(envoy.AttemptCluster("beta"))
		h.edge(e)
		<-time.After(3 * time.Second)
		want := quota.Amount(10*1000 + 5*4000 + usageCost)
		if got := h.used("all"); got[quota.Money] != want || got[quota.Requests] != 1 || got[quota.Tokens] != 95 {
			t.Errorf("used %v, want %d", got, want)
		}
		r := h.kept(v.id)
		if len(r.Attempts) != 2 || r.Attempts[0].Cost != 30_000 || r.Attempts[1].Cost != usageCost || r.Provider != "beta" || r.Estimated {
			t.Errorf("%+v", r)
		}
		h.freed()
	})
}

func TestWhatIsUnderWayIsCountedUntilItEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, "open: true"+shopModels+`
budgets: [{name: two, concurrent: 2}]
`).open(t)
		<-time.After(time.Second)
		var open []exchangeID
		for i, want := range []int{0, 0, 429, 429} {
			v := h.send("/v1/chat/completions", chat("sim/leave"))
			if v.status != want {
				t.Errorf("request %d: %d, want %d: %s", i, v.status, want, v.body)
			}
			open = append(open, v.id)
		}
		h.edge(ended(open[0], 100))
		h.listener(told(open[0], usageSaid))
		<-time.After(10 * time.Millisecond)
		if v := h.send("/v1/chat/completions", chat("sim/leave")); v.status != 0 {
			t.Errorf("after one has ended: %d %s", v.status, v.body)
		}
		<-time.After(silence + time.Minute)
		h.freed()
	})
}

func TestAFullJournalLetsNothingInAndReservesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, "open: true"+shopModels+shopBudgets).open(t)
		h.table.maxEntries = 1 << 20
		h.at.records.Fail(fmt.Errorf("away")) // so that no slot becomes free
		var last *visit
		var ids []exchangeID
		for range 1025 {
			if last = h.send("/v1/chat/completions", chat("sim/leave")); last.status != 0 {
				break
			}
			ids = append(ids, last.id)
			h.listener(told(last.id, usageSaid))
			h.edge(ended(last.id, 10))
		}
		if last.status != 503 || last.headers["retry-after"] == "" {
			t.Fatalf("after %d: %d %s", len(ids), last.status, last.body)
		}
		h.at.records.Fail(nil)
		<-time.After(time.Minute)
		if got := h.used("all"); got[quota.Requests] != quota.Amount(len(ids)) || got[quota.Money] != quota.Amount(len(ids))*usageCost {
			t.Errorf("used %v by %d requests", got, len(ids))
		}
		if v := h.send("/v1/chat/completions", chat("sim/leave")); v.status != 0 {
			t.Errorf("with room again: %d", v.status)
		}
		<-time.After(silence + time.Minute)
		h.freed()
	})
}
