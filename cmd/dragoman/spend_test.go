package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest"
)

// priced is a catalog's part with one model of one provider, at $100 a million
// tokens of either kind.
func priced(f fleet) string {
	return f.providers() + "models: {sim/chat: {targets: [{provider: alpha, id: chat, prices: {input: 100, output: 100}}]}}\n"
}

// question is the hello that says how much the answer may take.
const question = `{"model":"sim/chat","max_tokens":40,"messages":[{"role":"user","content":"Hello"}]}`

// answerCost is what the simulator's answer to it costs at those prices: 9 and
// 21 tokens, in dollars.
const answerCost = 0.003

func chat(t *testing.T, base, key string) *answer {
	t.Helper()
	return mustAsk(t, http.MethodPost, base+"/v1/chat/completions", question, "Authorization", "Bearer "+key)
}

// takes waits until a key's request is answered with a status; two seconds are
// promised.
func takes(t *testing.T, base, key string, status int) (a *answer) {
	t.Helper()
	envoytest.Eventually(t, 2*time.Second, fmt.Sprintf("the key is answered %d", status), func() error {
		if a = chat(t, base, key); a.status != status {
			return errors.New(a.String())
		}
		return nil
	})
	return a
}

// total is what `dragoman usage --json` sums up.
type total struct {
	Requests int     `json:"request_count"`
	Cost     float64 `json:"total_cost"`
}

// recordedSpend waits until as many requests are recorded: a second as a rule,
// 90 of them where a process was killed between an entry of the access log and
// its settlement.
func recordedSpend(t *testing.T, p at, state string, requests int) (sum total) {
	t.Helper()
	envoytest.Eventually(t, 4*patience, fmt.Sprintf("%d requests are recorded", requests), func() error {
		var said struct{ Total total }
		out := p.must(t, "usage", "--json", "--state", state)
		if err := json.Unmarshal([]byte(out), &said); err != nil {
			return err
		}
		if sum = said.Total; sum.Requests != requests {
			return errors.New(out)
		}
		return nil
	})
	return sum
}

// near compares dollars that went through JSON.
func near(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 }

func TestKeysAndBudgetsOfARunningGatewayHoldAndItsSpendIsSeen(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	state := filepath.Join(p.dir, "kept")
	p.file(t, "dragoman.yaml", "listen: {port: 0}\n"+priced(newFleet(t))+"budgets: [{name: everyone, per: total, money: 0.011}]\n")
	g := p.run(t, "--state", state)
	for _, promise := range []string{
		"every request is refused; make one with dragoman keys create NAME --state " + state, "/api/v1/ with the token in " + filepath.Join(state, "admin.token"),
		"is recorded in " + filepath.Join(state, "dragoman.db") + "; dragoman usage --state " + state, "budgets  everyone\n",
	} {
		if !strings.Contains(g.out.String(), promise) {
			t.Errorf("it does not print %q", promise)
		}
	}
	key := aSecret.FindString(p.must(t, "keys", "create", "app", "--state", state))
	a := takes(t, g.url, key, http.StatusOK)
	sum := recordedSpend(t, p, state, 1)
	if !near(sum.Cost, answerCost) {
		t.Errorf("dragoman usage: %+v, want $%v", sum, answerCost)
	}
	if table := p.must(t, "usage", "--state", state, "--by", "key"); !strings.Contains(table, "app") || !strings.Contains(table, "$0.003000") {
		t.Errorf("%s", table)
	}
	one := mustAsk(t, http.MethodGet, g.url+"/v1/generation?id="+a.header.Get("X-Dragoman-Generation"), "", "Authorization", "Bearer "+key)
	if one.status != http.StatusOK || !strings.Contains(one.body, `"total_cost":0.003,`) {
		t.Errorf("%v", one)
	}
	credits := mustAsk(t, http.MethodGet, g.url+"/v1/credits", "", "Authorization", "Bearer "+key)
	if credits.status != http.StatusOK || !strings.Contains(credits.body, "0.008") {
		t.Errorf("%v", credits)
	}
	// $0.008 are left, and the request may take more: 40 tokens and the input.
	refused := chat(t, g.url, key)
	if refused.status != http.StatusPaymentRequired || !strings.Contains(refused.body, `everyone/money`) || !strings.Contains(refused.body, "$0.011") {
		t.Errorf("%v", refused)
	}
	p.must(t, "keys", "revoke", "app", "--state", state)
	takes(t, g.url, key, http.StatusUnauthorized)
	_, errs, status := p.do(t, "run", "--admin", "127.0.0.1:0", "--state", state)
	if status != 1 || !strings.Contains(errs, "is in use by process ") || !strings.Contains(errs, "a second gateway needs a state directory of its own: --state") {
		t.Errorf("a second run: status %d\n%s", status, errs)
	}
	g.signal(syscall.SIGTERM)
	if status := g.end(patience); status != 0 {
		t.Errorf("status %d", status)
	}
	var rows []keyRow
	if err := json.Unmarshal([]byte(p.must(t, "keys", "list", "--json", "--state", state)), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1 || rows[0].LastUsed == nil || rows[0].State != "revoked" || time.Since(*rows[0].LastUsed) > 10*time.Minute {
		t.Errorf("%+v", rows)
	}
	if text := g.out.String() + g.err.String(); strings.Contains(text, key) {
		t.Errorf("the key is printed:\n%s", text)
	}
}

func TestTheAdminAPIOfARunningGatewayManagesWhoMaySpend(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	state := filepath.Join(p.dir, "kept")
	p.file(t, "dragoman.yaml", "listen: {port: 0}\n"+priced(newFleet(t)))
	g := p.run(t, "--state", state)
	token, err := os.ReadFile(filepath.Join(state, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	api := func(method, path, body string, status int) string {
		t.Helper()
		a := mustAsk(t, method, g.admin+"/api/v1/"+path, body, "Authorization", "Bearer "+strings.TrimSpace(string(token)))
		if a.status != status {
			t.Fatalf("%s %s: %v, want %d", method, path, a, status)
		}
		return a.body
	}
	if a := mustAsk(t, http.MethodGet, g.admin+"/api/v1/keys", ""); a.status != http.StatusUnauthorized {
		t.Errorf("without the token: %v", a)
	}
	api(http.MethodPost, "tenants", `{"name":"acme","tags":["team:search"]}`, http.StatusCreated)
	api(http.MethodPost, "budgets", `{"name":"acme-total","tenants":["acme"],"per":"total","requests":1}`, http.StatusCreated)
	key := aSecret.FindString(api(http.MethodPost, "keys", `{"name":"web","tenant":"acme"}`, http.StatusCreated))
	if said := api(http.MethodPost, "keys", `{"name":"web2","tenat":"acme"}`, http.StatusBadRequest); !strings.Contains(said, "did you mean tenant?") {
		t.Errorf("a field that is misspelt: %s", said)
	}
	takes(t, g.url, key, http.StatusOK)
	refused := takes(t, g.url, key, http.StatusTooManyRequests)
	if !strings.Contains(refused.body, "acme-total/requests") {
		t.Errorf("%v", refused)
	}
	recordedSpend(t, p, state, 1)
	if said := api(http.MethodGet, "usage?by=tenant", "", http.StatusOK); !strings.Contains(said, `"value":"acme"`) || !strings.Contains(said, `"total_cost":0.003,`) {
		t.Errorf("usage: %s", said)
	}
	if said := api(http.MethodGet, "generations?tag=team:search", "", http.StatusOK); strings.Count(said, `"surface":`) != 1 {
		t.Errorf("generations: %s", said)
	}
	audit := api(http.MethodGet, "audit", "", http.StatusOK)
	for _, verb := range []string{"tenant.", "budget.", `"key.create"`} {
		if !strings.Contains(audit, verb) {
			t.Errorf("no %s in %s", verb, audit)
		}
	}
	if strings.Contains(audit, key) {
		t.Errorf("a key is in the audit trail: %s", audit)
	}
}

func TestAKilledExtProcLosesNothingOfItsStateDirectory(t *testing.T) {
	t.Parallel()
	const asked, limit = 3, 5
	fleet := newFleet(t)
	f := &processes{place: newPlace(t), fleet: fleet}
	state := filepath.Join(f.place.dir, "kept")
	port := ports(t, 1)[0]
	f.place.file(t, "dragoman.yaml", fmt.Sprintf("listen: {port: %d}\n", port)+priced(fleet)+fmt.Sprintf("budgets: [{name: few, per: total, requests: %d}]\n", limit))
	f.url = fmt.Sprintf("http://127.0.0.1:%d", port)
	key := aSecret.FindString(f.place.must(t, "keys", "create", "app", "--state", state))
	f.startParts(t, "--static", "--state", state)
	f.startEnvoy(t, f.prints(t, "envoy", "static", "--admin", "127.0.0.1:0"))
	served(t, f.url, "sim/chat", "alpha", "Authorization", "Bearer "+key)
	for range asked - 1 {
		if a := chat(t, f.url, key); a.status != http.StatusOK {
			t.Fatal(a)
		}
	}
	f.extproc.signal(syscall.SIGKILL) // before anything is settled
	f.extproc.end(patience)
	f.startParts(t, "--static", "--state", state)
	for range limit - asked {
		envoytest.Eventually(t, patience, "the key is still good", func() error {
			if a := chat(t, f.url, key); a.status != http.StatusOK {
				return errors.New(a.String())
			}
			return nil
		})
	}
	if a := chat(t, f.url, key); a.status != http.StatusTooManyRequests || !strings.Contains(a.body, "few/requests") {
		t.Errorf("what was used before is forgotten: %v", a)
	}
	// Those under way when it was killed are among them.
	if sum := recordedSpend(t, f.place, state, limit); sum.Cost < limit*answerCost-1e-9 {
		t.Errorf("%d answers cost $%v, want $%v at least", limit, sum.Cost, limit*answerCost)
	}
	if _, errs, status := f.place.do(t, "extproc", "--static", "--state", state, "--admin", "127.0.0.1:0", "--listen", "127.0.0.1:0"); status != 1 || !strings.Contains(errs, "a state directory of its own") {
		t.Errorf("a second ext_proc: status %d\n%s", status, errs)
	}
}
