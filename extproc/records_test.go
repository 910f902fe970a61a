package extproc

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/extproc/generation"
)

// Keys of these tests: alice and bob have none but themselves, carol and dave
// are of one tenant.
const (
	aliceKey = "dgm_alice000000000000000000000000000000000000000000"
	bobKey   = "dgm_bob00000000000000000000000000000000000000000000"
	carolKey = "dgm_carol000000000000000000000000000000000000000000"
	daveKey  = "dgm_dave0000000000000000000000000000000000000000000"
)

var keyed = func() string {
	text := "keys:\n"
	for name, key := range map[string]string{"alice": aliceKey, "bob": bobKey, "carol": carolKey, "dave": daveKey} {
		sum := sha256.Sum256([]byte(key))
		tenant := ""
		if name == "carol" || name == "dave" {
			tenant = ", tenant: acme"
		}
		text += fmt.Sprintf("  - {name: %s, hash: \"sha256:%s\"%s}\n", name, hex.EncodeToString(sum[:]), tenant)
	}
	return text
}()

// owned is a tenant's own key at a provider.
func owned(t *testing.T, tenant, provider string) []*directory.OwnCredential {
	t.Helper()
	return []*directory.OwnCredential{{Tenant: tenant, Provider: provider, Secret: credential.NewSecret("sk-own")}}
}

// usedBy lets each key use the model once and gives the exchanges by key.
func (h *shop) usedBy(keys ...string) map[string]exchangeID {
	h.t.Helper()
	ids := make(map[string]exchangeID)
	for _, key := range keys {
		v := h.send("/v1/chat/completions", chat("sim/leave"), "authorization", "Bearer "+key)
		if v.status != 0 {
			h.t.Fatalf("%d %s", v.status, v.body)
		}
		h.listener(told(v.id, usageSaid))
		h.edge(ended(v.id, 1000))
		ids[key] = v.id
	}
	return ids
}

func TestAClientSeesItsOwnPastAndNobodyElses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, keyed+shopModels+shopBudgets).open(t)
		keys := []string{aliceKey, bobKey, carolKey, daveKey}
		ids := h.usedBy(keys...)
		sees := map[string][]string{aliceKey: {aliceKey}, bobKey: {bobKey}, carolKey: {carolKey, daveKey}, daveKey: {carolKey, daveKey}}
		for _, written := range []bool{false, true} { // before they are written, too
			for _, who := range keys {
				for _, of := range keys {
					want := 404
					if slices.Contains(sees[who], of) {
						want = 200
					}
					id := ids[of]
					v := h.send("/v1/generation?id="+id.text(), "", "authorization", "Bearer "+who)
					if v.status != want {
						t.Errorf("written %t: %s asks for %s's: %d, want %d", written, who[:9], of[:9], v.status, want)
					}
					if v.status == 404 && strings.Contains(v.body, id.text()) {
						t.Errorf("the refusal says something: %s", v.body)
					}
				}
			}
			<-time.After(3 * time.Second)
		}
		for _, who := range keys {
			v := h.send("/v1/report", "", "authorization", "Bearer "+who)
			var got struct{ Results []struct{ RequestCount int } }
			if err := json.Unmarshal([]byte(strings.ReplaceAll(v.body, "request_count", "RequestCount")), &got); err != nil || v.status != 200 {
				t.Fatalf("%d %s: %v", v.status, v.body, err)
			}
			if len(got.Results) != 1 || got.Results[0].RequestCount != len(sees[who]) {
				t.Errorf("%s's report: %s", who[:9], v.body)
			}
		}
		if v := h.send("/v1/report", ""); v.status != 401 {
			t.Errorf("without a key: %d", v.status)
		}
		h.freed()
	})
}

func TestOneGenerationTellsWhatItCost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, keyed+shopModels).open(t)
		ids := h.usedBy(aliceKey)
		v := h.send("/v1/generation?id="+ids[aliceKey].text(), "", "authorization", "Bearer "+aliceKey)
		for _, want := range []string{`"total_cost":0.00023`, `"model":"sim/leave"`, `"provider_name":"alpha"`, `"tokens_prompt":30`, `"tokens_completion":50`} {
			if !strings.Contains(v.body, want) {
				t.Errorf("%s lacks %s", v.body, want)
			}
		}
		h.freed()
	})
}

func TestBadQueriesAreToldWhatIsWrong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, "open: true"+shopModels).open(t)
		for path, want := range map[string]struct {
			status int
			param  string
		}{
			"/v1/generation":                                                    {400, "id"},
			"/v1/generation?id=":                                                {400, "id"},
			"/v1/generation?id=zz":                                              {400, "id"},
			"/v1/generation?id=" + strings.Repeat("z", 32):                      {400, "id"},
			"/v1/generation?id=" + newExchangeID(time.Now()).text():             {404, "id"},
			"/v1/generation?id=%zz":                                             {400, ""},
			"/v1/report?start_date=tomorrow":                                    {400, "start_date"},
			"/v1/report?start_date=2026-02-30":                                  {400, "start_date"},
			"/v1/report?end_date=1":                                             {400, "end_date"},
			"/v1/report?start_date=2000-01-03&end_date=2000-01-01":              {400, "start_date"},
			"/v1/report?start_date=2000-01-02&end_date=2000-01-01":              {400, "start_date"},
			"/v1/report?start_date=1990-01-01&end_date=2000-01-01":              {400, "start_date"},
			"/v1/report?start_date=0001-01-01&end_date=9999-12-31":              {400, "start_date"},
			"/v1/report?start_date=1999-01-01&end_date=2000-01-01":              {200, ""},
			"/v1/report?start_date=2000-01-01&end_date=2000-01-01":              {200, ""},
			"/v1/report?end_date=2000-01-01":                                    {200, ""},
			"/v1/report?group_by=colour":                                        {400, "group_by"},
			"/v1/report?date_part=minute":                                       {400, "group_by"},
			"/v1/report?group_by=model&date_part=hour":                          {200, ""},
			"/v1/report?credential_type=stolen":                                 {400, "credential_type"},
			"/v1/report?credential_type=byok":                                   {200, ""},
			"/v1/report?tags=a,b&tags_match=all":                                {200, ""},
			"/v1/report?tags=a,,b&tags_match=some":                              {400, "tags_match"},
			"/v1/report?tags=1,2,3,4,5,6,7,8,9,10":                              {200, ""},
			"/v1/report?tags=1,2,3,4,5,6,7,8,9,10,11":                           {400, "tags"},
			"/v1/report?tags=" + strings.Repeat("t,", 2000) + "&date_part=hour": {400, "tags"},
			"/v1/report?user_id=" + strings.Repeat("x", 5000):                   {200, ""},
			"/v1/report?model=" + "%27%20OR%201%3D1%20--" + "&tags=%00%ff":      {200, ""},
			"/v1/credits": {404, ""},
			"/v1/report?start_date=" + strings.Repeat("9", 1000) + "-01-01&x=": {400, "start_date"},
		} {
			v := h.send(path, "")
			var said struct {
				Error struct{ Param, Message string }
			}
			if err := json.Unmarshal([]byte(v.body), &said); err != nil && v.status != 200 {
				t.Errorf("%s: %v", path, err)
			}
			if v.status != want.status || v.status != 200 && (said.Error.Param != want.param || said.Error.Message == "") {
				t.Errorf("%.80s: %d %s, want %d for %q", path, v.status, v.body, want.status, want.param)
			}
		}
		for _, path := range []string{"/v1/generation?id=x", "/v1/report", "/v1/credits"} {
			if v := h.send(path, `{}`); v.status != 405 || v.headers["allow"] != "GET, HEAD" {
				t.Errorf("POST %s: %d, allow %q", path, v.status, v.headers["allow"])
			}
		}
	})
}

func TestReportsAreGroupedByTheWordsOfTheInterface(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, keyed+shopModels).open(t)
		h.usedBy(aliceKey, carolKey)
		<-time.After(time.Second)
		for _, by := range slices.Sorted(maps.Keys(groupings)) {
			v := h.send("/v1/report?group_by="+by, "", "authorization", "Bearer "+aliceKey)
			member := by
			if by == "" {
				member = "day"
			}
			if v.status != 200 || !strings.Contains(v.body, `"`+member+`":`) || !strings.Contains(v.body, `"total_cost":0.00023`) {
				t.Errorf("by %q: %d %s", by, v.status, v.body)
			}
		}
		today := time.Now().UTC().Format(time.DateOnly)
		if v := h.send("/v1/report?start_date="+today+"&end_date="+today, "", "authorization", "Bearer "+aliceKey); !strings.Contains(v.body, `"request_count":1`) {
			t.Errorf("the last day itself does not count: %s", v.body)
		}
		if v := h.send("/v1/report?model=other", "", "authorization", "Bearer "+aliceKey); v.body != `{"results":[]}` {
			t.Errorf("of another model: %s", v.body)
		}
		h.freed()
	})
}

func TestCreditsAreWhatTheBudgetThatEndsFirstStillHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPremises(t, keyed+shopModels+`
budgets:
  - {name: large, money: 10, per: month}
  - {name: own, money: 0.001, per: total, each: [key], keys: [alice]}
`)
		h := p.open(t)
		h.usedBy(aliceKey, bobKey)
		<-time.After(3 * time.Second)
		for _, process := range []string{"the process that served", "the next one"} {
			for key, want := range map[string]string{
				aliceKey: `{"balance":"0.00077","total_used":"0.00023"}`,
				bobKey:   `{"balance":"9.99954","total_used":"0.00023"}`,
			} {
				if v := h.send("/v1/credits", "", "authorization", "Bearer "+key); v.status != 200 || v.body != want {
					t.Errorf("%s, %s: %d %s, want %s", process, key[:9], v.status, v.body, want)
				}
			}
			h.close()
			h = p.open(t)
		}
		h.freed()
	})
}

func TestAGatewayWithoutBooksSaysSo(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	c := newTalk(t.Context())
	c.in <- requestHead(true, ":method", "GET", ":authority", "127.0.0.1", ":path", "/v1/report")
	if err := s.router(c); err != nil {
		t.Fatal(err)
	}
	if v := visited(t, c.replies()); v.status != 501 {
		t.Errorf("%d %s", v.status, v.body)
	}
}

func TestRecordsThatCannotBeReadAreNoFaultOfTheClients(t *testing.T) {
	t.Parallel()
	if p := recordsProblem(generation.ErrGrouping); p.Kind.Status() != 503 || p.RetryAfter == 0 || p.Cause == nil {
		t.Errorf("%+v", p)
	}
}
