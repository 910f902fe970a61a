package extproc

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/meter"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// alarm tells of soft thresholds: the metric, the log and a webhook.
type alarm struct {
	log    *slog.Logger
	meter  *meter.Meter
	url    string // may be a credential by its path: only its host is logged
	secret credential.Secret
	client *http.Client
	now    func() time.Time
	queue  chan []byte
}

// SignatureHeader carries the HMAC-SHA256 of a webhook's body under the
// catalog's webhook_secret: "sha256=" and hexadecimal digits.
const SignatureHeader = "X-Dragoman-Signature"

const (
	alarmTime  = 5 * time.Second
	alarmTries = 4
	maxAlarms  = 256
)

func newAlarm(ctx context.Context, c *ServerConfig, first *catalog.Catalog) (*alarm, error) {
	secret, err := credential.Resolve(ctx, first.Quota.WebhookSecret, c.Env)
	if err != nil {
		return nil, err
	}
	now := c.Now
	if now == nil {
		now = time.Now
	}
	return &alarm{
		log: c.Logger, now: now, url: first.Quota.Webhook, secret: secret, queue: make(chan []byte, maxAlarms),
		client: &http.Client{Timeout: alarmTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// notice is what a webhook is told. By ID a receiver knows a try it has taken
// already, and by Time what is too old to be one of ours: both are signed.
type notice struct {
	Event   string `json:"event"`
	ID      string `json:"id"`   // of the event; all tries of it have the same
	Time    string `json:"time"` // when it happened, RFC 3339
	Limit   string `json:"limit"`
	Scope   string `json:"scope,omitempty"`
	Unit    string `json:"unit"`
	Window  string `json:"window"`
	Percent uint8  `json:"percent"`
	Used    any    `json:"used"` // money in dollars
	Amount  any    `json:"amount"`
	Period  string `json:"period,omitempty"` // when it began
}

// crossed hears of a threshold; it does not wait.
func (a *alarm) crossed(c quota.Crossing) {
	a.meter.Crossed()
	n := notice{
		Event: "limit.crossed", ID: rand.Text(), Time: a.now().UTC().Format(time.RFC3339),
		Limit: c.Limit, Scope: c.Scope, Unit: c.Unit.String(), Window: c.Window.String(), Percent: c.Percent,
		Used: shown(c.Unit, c.Used), Amount: shown(c.Unit, c.Amount),
	}
	if c.Period != 0 {
		n.Period = time.Unix(int64(c.Period)*60, 0).UTC().Format(time.RFC3339)
	}
	a.log.Warn("a soft threshold is crossed", "limit", n.Limit, "scope", n.Scope, "percent", n.Percent, "used", n.Used, "amount", n.Amount)
	body, err := json.Marshal(n)
	if a.url == "" || err != nil {
		return
	}
	select {
	case a.queue <- body:
	default:
		a.log.Warn("the webhook is too slow; a threshold is not told", "limit", n.Limit)
	}
}

func shown(u quota.Unit, a quota.Amount) any {
	if u == quota.Money {
		return generation.Dollars(llm.NanoUSD(a))
	}
	return int64(a)
}

// run calls the webhook until ctx is done, and then once for each threshold that
// is still to be told, as far as the time of one call reaches.
func (a *alarm) run(ctx context.Context) {
	defer a.client.CloseIdleConnections()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case body := <-a.queue:
			a.call(ctx, body)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), alarmTime)
	defer cancel()
	for len(a.queue) > 0 {
		if err := a.post(ctx, <-a.queue); err != nil {
			a.log.Warn("a threshold was not told at the end", "error", err)
		}
	}
}

// call tries a few times, ever later.
func (a *alarm) call(ctx context.Context, body []byte) {
	pause := 200 * time.Millisecond
	for try := 1; ; try++ {
		err := a.post(ctx, body)
		if err == nil || ctx.Err() != nil {
			return
		}
		if try == alarmTries {
			a.log.Error("the webhook for soft thresholds does not answer", "error", err)
			return
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return
		}
		pause *= 4
	}
}

// post calls the webhook once. Its error names no more of the address than the
// host.
func (a *alarm) post(ctx context.Context, body []byte) error {
	rq, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("the address of the webhook cannot be read")
	}
	rq.Header.Set("Content-Type", "application/json")
	if a.secret.Set() {
		mac := hmac.New(sha256.New, []byte(a.secret.Reveal()))
		_, _ = mac.Write(body) // a hash's never fails
		rq.Header.Set(SignatureHeader, "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
	if err := a.deliver(rq); err != nil {
		return fmt.Errorf("%s: %w", rq.URL.Host, err)
	}
	return nil
}

func (a *alarm) deliver(rq *http.Request) error {
	resp, err := a.client.Do(rq)
	if whole := (*url.Error)(nil); errors.As(err, &whole) {
		return whole.Err // whole holds the address
	}
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // lets the connection be used again
	if err := resp.Body.Close(); err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("it answered %s", resp.Status)
	}
	return nil
}
