package envoytest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Answer is a whole HTTP answer.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	// Err is set when the body broke off.
	Err error
}

// Post sends a JSON body to /v1/chat/completions and reads the whole answer.
// headers are pairs of name and value.
func (g *Gateway) Post(ctx context.Context, body string, headers ...string) (*Answer, error) {
	return g.Do(ctx, http.MethodPost, "/v1/chat/completions", body, headers...)
}

// Do sends any request.
func (g *Gateway) Do(ctx context.Context, method, path, body string, headers ...string) (*Answer, error) {
	rq, err := http.NewRequestWithContext(ctx, method, g.URL+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != "" {
		rq.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		rq.Header.Add(headers[i], headers[i+1])
	}
	resp, err := g.Client.Do(rq)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	a := &Answer{Status: resp.StatusCode, Header: resp.Header}
	a.Body, a.Err = io.ReadAll(resp.Body)
	return a, nil
}

// MustPost is Post for tests that expect an answer.
func (g *Gateway) MustPost(tb testing.TB, body string, headers ...string) *Answer {
	tb.Helper()
	a, err := g.Post(tb.Context(), body, headers...)
	if err != nil {
		tb.Fatal(err)
	}
	if a.Err != nil {
		tb.Fatalf("the answer broke off after %d bytes: %v", len(a.Body), a.Err)
	}
	return a
}

// String shows an answer in a failure message.
func (a *Answer) String() string {
	const most = 400
	return fmt.Sprintf("%d %s (%s, %s attempts): %s", a.Status, a.Header.Get("Content-Type"),
		a.Header.Get("X-Dragoman-Provider"), a.Header.Get("X-Dragoman-Attempts"), a.Body[:min(len(a.Body), most)])
}

// Memory is a process's resident memory in bytes.
func Memory(pid int) (int64, error) { return memory(pid, "VmRSS:") }

// Peak is the most resident memory a process had so far, in bytes.
func Peak(pid int) (int64, error) { return memory(pid, "VmHWM:") }

func memory(pid int, field string) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := bytes.Cut(status, []byte(field))
	if !ok {
		return 0, fmt.Errorf("no %s of process %d", field, pid)
	}
	kb, err := strconv.ParseInt(strings.Fields(string(rest))[0], 10, 64)
	return kb << 10, err
}

// CPU is the time a process has computed, in clock ticks of 10 ms.
func CPU(pid int) (int64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may hold anything; utime and stime are the
	// 12th and 13th fields after it.
	_, rest, ok := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return 0, fmt.Errorf("stat of process %d is not understood", pid)
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return user + system, err
}
