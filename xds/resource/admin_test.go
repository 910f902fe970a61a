package resource_test

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/envoy/binary"
	"github.com/dragoman-gateway/dragoman/envoy/process"
	"github.com/dragoman-gateway/dragoman/xds/resource"
)

// bare is a real Envoy with an admin page and nothing else.
func bare(t *testing.T, word string) *process.Process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	path, _, err := binary.Find(ctx, binary.Options{})
	if err != nil {
		t.Fatalf("this test needs a real Envoy and does not skip: %v", err)
	}
	boot, err := resource.Bootstrap{NodeID: "bare", Admin: netip.MustParseAddrPort("127.0.0.1:0"), ExtProc: resource.Endpoint{Socket: "extproc.sock"}, DrainWord: word}.Build(&resource.Set{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := resource.YAML(boot)
	if err != nil {
		t.Fatal(err)
	}
	p, err := process.Start(ctx, process.Config{Path: path, Bootstrap: text, Concurrency: 1, DrainWord: word})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return p
}

// page asks an admin page as any program on the machine can, and any page in a
// browser there.
func page(t *testing.T, p *process.Process, method, path string) (status int, body string) {
	t.Helper()
	rq, err := http.NewRequestWithContext(t.Context(), method, "http://"+p.AdminAddr()+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	resp, err := client.Do(rq)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// endpoint is a line of /help, which marks what changes Envoy.
var endpoint = regexp.MustCompile(`(?m)^  (/\S*?)( \(POST\))?: `)

func TestEnvoysAdminPageAnswersWhatReadsAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"", "a-word-that-only-run-knows"} {
		p := bare(t, word)
		_, help := page(t, p, http.MethodGet, "/help")
		found := endpoint.FindAllStringSubmatch(help, -1)
		if len(found) < 25 {
			t.Fatalf("%d endpoints in:\n%s", len(found), help)
		}
		closed := map[string]bool{"/heap_dump": true, "/peak_heap_dump": true} // these take long
		for _, one := range found {
			path, changes := one[1], one[2] != ""
			switch {
			case changes || closed[path]:
				for _, query := range []string{"", "?", "?level=trace", "?graceful&skip_exit", "?a-word"} {
					if status, _ := page(t, p, http.MethodPost, path+query); status != http.StatusForbidden {
						t.Errorf("POST %s%s: %d", path, query, status)
					}
				}
			default:
				for _, query := range []string{"", "?format=json"} {
					if status, body := page(t, p, http.MethodGet, path+query); status == http.StatusForbidden || status == http.StatusNotFound {
						t.Errorf("GET %s%s: %d %s", path, query, status, body)
					}
				}
			}
		}
		for _, path := range []string{"//quitquitquit", "/stats/../quitquitquit", "/ready/../logging?level=trace", "/stats/quitquitquit"} {
			if status, _ := page(t, p, http.MethodPost, path); status != http.StatusForbidden && status != http.StatusNotFound {
				t.Errorf("POST %s: %d", path, status)
			}
		}
		if err := p.ExitErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOnlyWhoKnowsTheWordDrainsAnEnvoy(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := bare(t, "").Drain(ctx, envoy.EdgeListener); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("without a word: %v", err)
	}
	p := bare(t, "a-word-that-only-run-knows")
	for _, path := range envoy.DrainPaths("") {
		if status, _ := page(t, p, http.MethodPost, path); status != http.StatusForbidden {
			t.Errorf("POST %s: %d", path, status)
		}
	}
	if _, state := page(t, p, http.MethodGet, "/ready"); state != "LIVE\n" {
		t.Errorf("it is %s", state)
	}
	if err := p.Drain(ctx, envoy.EdgeListener); err != nil {
		t.Error(err)
	}
	if _, state := page(t, p, http.MethodGet, "/ready"); state != "DRAINING\n" {
		t.Errorf("it is %s", state)
	}
}
