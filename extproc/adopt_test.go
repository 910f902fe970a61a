package extproc

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/journal"
)

// life is four exchanges: one that is done and reported, one that is done as
// the process ends, one whose log comes after, and one of which nothing comes.
func life(t *testing.T, killed bool) (used quota.Amounts, sums generation.Sums, records []*generation.Record) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPremises(t, "open: true"+shopModels+shopBudgets)
		h := p.open(t)
		body := `{"model":"sim/leave","stream":true,"max_tokens":100,"providerOptions":{"gateway":{"tags":["env:prod"]}},"messages":[]}`
		var v [4]*visit
		for i := range v {
			v[i] = h.send("/v1/chat/completions", body)
			<-time.After(time.Millisecond)
		}
		done := func(i int) {
			h.listener(told(v[i].id, usageSaid))
			h.edge(ended(v[i].id, 1000))
		}
		done(0)
		<-time.After(3 * time.Second)
		done(1)
		if killed {
			h.kill()
			h = p.open(t)
			if n, _ := h.Open(); n != 2 {
				t.Errorf("%d exchanges are taken over as open, want 2", n)
			}
		}
		<-time.After(time.Second)
		done(2)
		<-time.After(silence + 10*time.Second)
		used = h.used("all")
		var err error
		if sums, err = generation.Total(t.Context(), p.records, generation.Filter{View: generation.View{All: true}}); err != nil {
			t.Fatal(err)
		}
		for i := range v {
			records = append(records, h.kept(v[i].id))
		}
		h.freed()
	})
	return used, sums, records
}

func TestAProcessThatIsKilledChangesNoTotal(t *testing.T) {
	t.Parallel()
	used, sums, whole := life(t, false)
	usedKilled, sumsKilled, rescued := life(t, true)
	if diff := cmp.Diff(used, usedKilled); diff != "" {
		t.Errorf("what the limits count (-whole +killed):\n%s", diff)
	}
	if diff := cmp.Diff(sums, sumsKilled); diff != "" {
		t.Errorf("what the records say (-whole +killed):\n%s", diff)
	}
	if used[quota.Requests] != 4 || used[quota.Money] <= 3*usageCost {
		t.Errorf("used %v", used)
	}
	for i, r := range rescued {
		if want := i > 0; r.Recovered != want || r.Unobserved != (i == 3) || r.Surface != whole[i].Surface || r.Model != whole[i].Model {
			t.Errorf("exchange %d: %+v", i, r)
		}
		if diff := cmp.Diff(whole[i].Tags, r.Tags); diff != "" || r.LastProvider() != whole[i].LastProvider() {
			t.Errorf("exchange %d: provider %q, tags %s", i, r.LastProvider(), diff)
		}
	}
}

func TestWhatWasTakenOverIsCorrectedByALateEntry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPremises(t, "open: true"+shopModels+shopBudgets)
		h := p.open(t)
		v := h.send("/v1/chat/completions", chat("sim/leave"))
		h.kill()
		h = p.open(t)
		<-time.After(silence + 10*time.Second)
		if r := h.kept(v.id); !r.Unobserved || !r.Recovered {
			t.Errorf("%+v", r)
		}
		for range 2 {
			h.listener(told(v.id, usageSaid))
			<-time.After(2 * time.Second)
		}
		if got := h.used("all"); got[quota.Money] != usageCost || got[quota.Requests] != 1 {
			t.Errorf("used %v", got)
		}
		if r := h.kept(v.id); !r.Corrected || r.Cost != usageCost {
			t.Errorf("%+v", r)
		}
		h.freed()
	})
}

func TestAnExchangeOfAModelThatIsGoneStandsAtItsReservation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPremises(t, "open: true"+shopModels+shopBudgets)
		h := p.open(t)
		v := h.send("/v1/chat/completions", chat("sim/leave"))
		reserved := reservedBy(h, v.id)
		h.kill()
		p.catalog = parsed(t, `
open: true
providers: {alpha: {dialect: openai, base_url: "http://127.0.0.1:9101/v1"}}
models: {sim/other: {targets: [alpha]}}
`+shopBudgets)
		h = p.open(t)
		h.listener(told(v.id, usageSaid))
		h.edge(ended(v.id, 1000))
		<-time.After(3 * time.Second)
		reserved[quota.Concurrent] = 0
		if got := h.used("all"); got != reserved {
			t.Errorf("used %v, want the %v that were reserved", got, reserved)
		}
		h.freed()
	})
}

func TestATenantsOwnAccountIsNotChargedAfterARestart(t *testing.T) {
	t.Parallel()
	p := newPremises(t, keyed+shopModels+shopBudgets)
	h := p.open(t)
	h.UseDirectory(&directory.Snapshot{Own: owned(t, "acme", "alpha")})
	x := &exchange{view: h.view.Load(), model: "sim/leave"}
	x.own = x.view.owns["acme"]
	got := ""
	for _, t := range x.likely() {
		got += t.Provider.Name
		if t.Own {
			got += " own"
		}
		got += ", "
	}
	if got != "alpha own, alpha, beta, " {
		t.Errorf("the attempts asked %s", got)
	}
}

func TestARecoveredRecordIsItsKeysOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPremises(t, keyed+shopModels+shopBudgets)
		h := p.open(t)
		v := h.send("/v1/chat/completions", chat("sim/leave"), "authorization", "Bearer "+aliceKey)
		h.kill()
		h = p.open(t)
		h.listener(told(v.id, usageSaid))
		h.edge(ended(v.id, 1000))
		<-time.After(3 * time.Second)
		for key, want := range map[string]int{aliceKey: 200, bobKey: 404, carolKey: 404} {
			if got := h.send("/v1/generation?id="+v.id.text(), "", "authorization", "Bearer "+key); got.status != want {
				t.Errorf("%s: %d %s", key, got.status, got.body)
			}
		}
		h.freed()
	})
}

func TestAnOrphanWithoutANoteIsStillSettled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPremises(t, "open: true"+shopModels+shopBudgets)
		h := p.open(t)
		if _, err := h.books.Journal.Begin(&journal.Entry{ID: newExchangeID(time.Now()), Started: time.Now(), Note: []byte("strange")}); err != nil {
			t.Fatal(err)
		}
		h.kill()
		h = p.open(t)
		<-time.After(silence + 10*time.Second)
		h.freed()
	})
}

func TestEndpointsAreFoundByName(t *testing.T) {
	t.Parallel()
	for e := range endpoint(len(endpoints)) {
		if got := askedOf(e.String()); got.endpoint != e || got.dialect != endpoints[e].dialect {
			t.Errorf("%s is %v", e, got)
		}
	}
	if got := askedOf("klingon"); got.endpoint != unknownPath || got.codec() == nil {
		t.Errorf("%v", got)
	}
}
