package extproc

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// hook is who listens to a webhook: it answers with statuses in turn, 0 being a
// broken connection and -1 none at all, and with the last for good.
type hook struct {
	answers []int

	mu    sync.Mutex
	calls []call // guarded by mu
}

type call struct {
	at              time.Time
	body, signature string
}

func (h *hook) RoundTrip(rq *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(rq.Body)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	n := len(h.calls)
	h.calls = append(h.calls, call{time.Now(), string(body), rq.Header.Get(SignatureHeader)})
	h.mu.Unlock()
	switch status := h.answers[min(n, len(h.answers)-1)]; status {
	case -1:
		<-rq.Context().Done()
		return nil, rq.Context().Err()
	case 0:
		return nil, errors.New("reset")
	default:
		return &http.Response{
			StatusCode: status, Status: http.StatusText(status), Header: http.Header{"Location": {"https://elsewhere.example.com"}},
			Body: io.NopCloser(strings.NewReader("ok")), Request: rq,
		}, nil
	}
}

func (h *hook) heard() []call {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]call(nil), h.calls...)
}

// ringing is an alarm at work whose webhook is the hook.
func ringing(t *testing.T, h *hook, text string) (a *alarm, stop func()) {
	t.Helper()
	c := config(t)
	c.Env = func(string) (string, bool) { return "signing-secret", true }
	a, err := newAlarm(t.Context(), c, parsed(t, "open: true"+shopModels+text))
	if err != nil {
		t.Fatal(err)
	}
	a.client.Transport = h
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { a.run(ctx) })
	return a, func() { cancel(); running.Wait() }
}

const signedHook = `quota: {webhook: "https://hooks.example.com/budgets", webhook_secret: env:HOOK}` + "\n"

var crossing = quota.Crossing{
	Limit: "world/money", Scope: "tenant acme", Unit: quota.Money, Window: quota.Day, Percent: 80, Used: 8_000_000_123, Amount: 10_000_000_000,
	Period: quota.Period(time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC).Unix() / 60),
}

func TestAThresholdIsToldAndSigned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hook{answers: []int{204}}
		a, stop := ringing(t, h, signedHook)
		a.crossed(crossing)
		synctest.Wait()
		calls := h.heard()
		if len(calls) != 1 {
			t.Fatalf("%d calls", len(calls))
		}
		var got map[string]any
		if err := json.Unmarshal([]byte(calls[0].body), &got); err != nil {
			t.Fatal(err)
		}
		if id, _ := got["id"].(string); len(id) < 26 {
			t.Errorf("the event's id is %q", id)
		}
		delete(got, "id")
		if diff := cmp.Diff(map[string]any{
			"event": "limit.crossed", "time": calls[0].at.UTC().Format(time.RFC3339), "limit": "world/money", "scope": "tenant acme", "unit": "money", "window": "day", "percent": 80.0,
			"used": 8.000000123, "amount": 10.0, "period": "2027-03-01T00:00:00Z",
		}, got); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		mac := hmac.New(sha256.New, []byte("signing-secret"))
		_, _ = mac.Write([]byte(calls[0].body))
		if want := "sha256=" + hex.EncodeToString(mac.Sum(nil)); calls[0].signature != want {
			t.Errorf("signed %q, want %q", calls[0].signature, want)
		}
		stop()
	})
}

func TestCountsAreToldAsWholeNumbersAndTotalsWithoutAPeriod(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hook{answers: []int{200}}
		a, stop := ringing(t, h, `quota: {webhook: "https://hooks.example.com"}`+"\n")
		a.crossed(quota.Crossing{Limit: "all/tokens", Unit: quota.Tokens, Window: quota.Total, Percent: 50, Used: 1 << 52, Amount: quota.MaxAmount})
		synctest.Wait()
		calls := h.heard()
		if len(calls) != 1 || calls[0].signature != "" {
			t.Fatalf("%+v", calls)
		}
		if want := `,"limit":"all/tokens","unit":"tokens","window":"total","percent":50,"used":4503599627370496,"amount":9007199254740992}`; !strings.HasSuffix(calls[0].body, want) {
			t.Errorf("told %s", calls[0].body)
		}
		stop()
	})
}

func TestAWebhookThatFailsIsTriedAgainEverLater(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		answers []int
		pauses  []time.Duration
	}{
		{"refused twice", []int{500, 429, 200}, []time.Duration{200 * time.Millisecond, 800 * time.Millisecond}},
		{"sent elsewhere, where nobody is trusted", []int{307, 200}, []time.Duration{200 * time.Millisecond}},
		{"broken for good", []int{0}, []time.Duration{200 * time.Millisecond, 800 * time.Millisecond, 3200 * time.Millisecond}},
		{"silent once", []int{-1, 200}, []time.Duration{alarmTime + 200*time.Millisecond}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := &hook{answers: tt.answers}
				a, stop := ringing(t, h, signedHook)
				a.crossed(crossing)
				<-time.After(time.Minute)
				calls := h.heard()
				if len(calls) != len(tt.pauses)+1 {
					t.Fatalf("%d calls", len(calls))
				}
				for i, pause := range tt.pauses {
					if got := calls[i+1].at.Sub(calls[i].at); got != pause || calls[i+1].body != calls[0].body {
						t.Errorf("try %d comes after %s, want %s", i+2, got, pause)
					}
				}
				stop()
			})
		})
	}
}

func TestASlowWebhookHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hook{answers: []int{-1}}
		a, stop := ringing(t, h, signedHook)
		began := time.Now()
		for range 3 * maxAlarms {
			a.crossed(crossing)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("telling took %s", took)
		}
		stop() // gives up what waits, in the time of one call
		if took := time.Since(began); took > 2*alarmTime {
			t.Errorf("the end took %s", took)
		}
	})
}

func TestWhatIsCrossedAtTheEndIsStillTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hook{answers: []int{200}}
		a, stop := ringing(t, h, signedHook)
		synctest.Wait()
		a.queue <- []byte("1") // as if the process ended at the same moment
		a.queue <- []byte("2")
		stop()
		if calls := h.heard(); len(calls) != 2 {
			t.Errorf("%d of 2 were told", len(calls))
		}
	})
}

func TestASecretThatIsGoneIsNoUnsignedWebhook(t *testing.T) {
	t.Parallel()
	c := config(t)
	first := parsed(t, "open: true"+shopModels+signedHook)
	if _, err := newAlarm(t.Context(), c, first); err == nil {
		t.Error("it starts without its secret")
	}
}

func TestEachThresholdIsToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hook{answers: []int{200}}
		a, stop := ringing(t, h, signedHook)
		p := newPremises(t, "open: true"+shopModels+`
budgets: [{name: few, requests: 10, per: total, soft: [50, 100]}]
`)
		p.crossed = a.crossed
		s := p.open(t)
		for range 12 {
			if v := s.send("/v1/chat/completions", chat("sim/leave")); v.status == 0 {
				s.listener(told(v.id, usageSaid))
				s.edge(ended(v.id, 1000))
			}
			<-time.After(2 * time.Second)
		}
		s.freed()
		stop()
		calls := h.heard()
		if len(calls) != 2 || !strings.Contains(calls[0].body, `"percent":50,"used":5`) || !strings.Contains(calls[1].body, `"percent":100,"used":10`) {
			t.Errorf("told %+v", calls)
		}
	})
}

// The signature covers the id and the time, so that whoever plays a call again
// can change neither.
func TestEveryEventHasAnIdOfItsOwnAndItsTriesShareIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hook{answers: []int{500, 200}}
		a, stop := ringing(t, h, signedHook)
		a.crossed(crossing)
		a.crossed(crossing)
		<-time.After(time.Minute)
		stop()
		calls := h.heard()
		if len(calls) != 3 {
			t.Fatalf("%d calls", len(calls))
		}
		if calls[1].body != calls[0].body || calls[1].signature != calls[0].signature {
			t.Errorf("the second try tells another event: %s, then %s", calls[0].body, calls[1].body)
		}
		if calls[2].body == calls[0].body || calls[2].signature == calls[0].signature {
			t.Errorf("two events look alike: %s", calls[2].body)
		}
	})
}

// The path of such an address is all the credential that some receivers ask for.
func TestTheLogOfAWebhookNamesItsHostAlone(t *testing.T) {
	t.Parallel()
	for name, answers := range map[string][]int{"broken": {0}, "silent": {-1}, "refused": {500}, "sent elsewhere": {307}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, stop := ringing(t, &hook{answers: answers}, `quota: {webhook: "https://hooks.example.com:8443/services/T00/B00/canary"}`+"\n")
				var log bytes.Buffer
				a.log = slog.New(slog.NewTextHandler(&log, nil))
				a.crossed(crossing)
				<-time.After(time.Minute)
				a.queue <- []byte("{}") // as if the process ended at the same moment
				stop()
				if text := log.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "hooks.example.com:8443") || strings.Contains(text, "canary") || strings.Contains(text, "services") {
					t.Errorf("logged:\n%s", text)
				}
			})
		})
	}
}
