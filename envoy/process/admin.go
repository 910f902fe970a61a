package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy"
)

// admin speaks to Envoy's admin endpoint.
type admin struct {
	address string // host:port
	client  *http.Client
}

func newAdmin(address string) admin {
	return admin{address: address, client: &http.Client{
		// Calls are rare; a connection kept would outlive its use.
		Transport: &http.Transport{DisableKeepAlives: true},
		Timeout:   5 * time.Second,
	}}
}

func (a admin) call(ctx context.Context, method, path string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+a.address+path, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := a.client.Do(request)
	if err != nil {
		return "", fmt.Errorf("envoy's admin endpoint: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return "", fmt.Errorf("envoy's admin endpoint: %w", err)
	}
	text := strings.TrimSpace(string(body))
	if response.StatusCode != http.StatusOK {
		bare, _, _ := strings.Cut(path, "?") // the query may hold the word
		return "", fmt.Errorf("envoy's admin endpoint answered %s with %d: %s", bare, response.StatusCode, text)
	}
	return text, nil
}

// live asks whether all of the first configuration is applied.
func (a admin) live(ctx context.Context) error {
	state, err := a.call(ctx, http.MethodGet, "/ready")
	if err == nil && state != "LIVE" {
		err = fmt.Errorf("envoy is %s", state)
	}
	return err
}

// active returns how many requests the connection managers with that stat
// prefix have open. None of them: none open.
func (a admin) active(ctx context.Context, statPrefix string) (int, error) {
	name := "http." + statPrefix + ".downstream_rq_active"
	query := url.Values{"filter": {"^" + regexp.QuoteMeta(name) + "$"}}
	text, err := a.call(ctx, http.MethodGet, "/stats?"+query.Encode())
	if err != nil || text == "" {
		return 0, err
	}
	value, found := strings.CutPrefix(text, name+": ")
	if !found {
		return 0, fmt.Errorf("envoy's statistics: %q instead of %s", text, name)
	}
	return strconv.Atoi(value)
}

// Drain lets the requests in flight end. statPrefix is the edge connection
// manager's. The order: /ready turns to 503 for load balancers and every
// answer asks its client to leave; when no request is open, or half of the
// context's time is over, the listeners close; then what is still open may
// take the other half. Envoy keeps running. The error at the deadline says how
// many requests were left.
func (p *Process) Drain(ctx context.Context, statPrefix string) error {
	paths := envoy.DrainPaths(p.word)
	for _, path := range paths[:2] {
		if _, err := p.admin.call(ctx, http.MethodPost, path); err != nil {
			return fmt.Errorf("draining: %w", err)
		}
	}
	half := ctx
	if deadline, bounded := ctx.Deadline(); bounded {
		var cancel context.CancelFunc
		half, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	if err := p.awaitIdle(half, statPrefix); err != nil && (ctx.Err() != nil || half.Err() == nil) {
		return err
	}
	if _, err := p.admin.call(ctx, http.MethodPost, paths[2]); err != nil {
		return fmt.Errorf("draining: %w", err)
	}
	return p.awaitIdle(ctx, statPrefix)
}

// awaitIdle polls until no request is open.
func (p *Process) awaitIdle(ctx context.Context, statPrefix string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	left := "unknown"
	for {
		n, err := p.admin.active(ctx, statPrefix)
		switch {
		case err == nil && n == 0:
			return nil
		case err == nil:
			left = strconv.Itoa(n)
		case ctx.Err() == nil:
			return fmt.Errorf("draining: %w", err)
		}
		select {
		case <-p.done:
			return errors.Join(errors.New("draining: envoy has ended"), p.exitErr)
		case <-ctx.Done():
			return fmt.Errorf("draining: requests still active: %s: %w", left, context.Cause(ctx))
		case <-tick.C:
		}
	}
}
