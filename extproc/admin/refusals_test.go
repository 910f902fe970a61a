package admin

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
)

func TestRequestsWithoutTheTokenAreLoggedOnceASecondWithTheirNumber(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		h := Handler(Config{
			Unready: func() []string { return nil }, Metrics: prometheus.NewRegistry(), Token: credential.NewSecret(token), API: &API{},
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		guess := func(path string) {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.RemoteAddr = "192.0.2.7:4711"
			r.Header.Set("Authorization", "Bearer "+canary)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != http.StatusUnauthorized {
				t.Errorf("%s: %d", path, w.Code)
			}
		}
		for range 100 {
			guess("/api/v1/keys")
			guess("/metrics")
		}
		if lines := strings.Count(log.String(), "\n"); lines != 1 {
			t.Fatalf("%d lines:\n%s", lines, log.String())
		}
		for _, want := range []string{"level=WARN", "192.0.2.7", "path=/api/v1/keys", "requests=1\n"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("it lacks %q: %s", want, log.String())
			}
		}
		log.Reset()
		<-time.After(time.Second)
		guess("/metrics?token=" + canary)
		if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "requests=200") || !strings.Contains(text, "path=/metrics") {
			t.Errorf("after a second:\n%s", text)
		}
		if strings.Contains(log.String(), canary) {
			t.Errorf("what was sent is logged: %s", log.String())
		}
	})
}

func TestARequestWithTheTokenIsNotLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := Handler(Config{
		Unready: func() []string { return nil }, Metrics: prometheus.NewRegistry(), Token: credential.NewSecret(token),
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if w := get(h, "/metrics", "gateway.example", token); w.Code != http.StatusOK {
		t.Fatal(w.Code)
	}
	if w := get(h, "/nowhere", "gateway.example", ""); w.Code != http.StatusNotFound || log.Len() != 0 {
		t.Errorf("%d, logged: %s", w.Code, log.String())
	}
}

func TestOnlyASecretThatTakesLongToGuessIsAToken(t *testing.T) {
	t.Parallel()
	for value, good := range map[string]bool{
		"":                                   false,
		"hunter2":                            false,
		"fifteen-letters":                    false,
		"sixteen-letters!":                   true,
		"with a space in it and long enough": false,
		"with-a-control-\x01-in-it":          false,
		strings.Repeat("ü", 16):              false,
		strings.Repeat("x", 500):             true,
	} {
		got, err := ParseToken(value)
		if (err == nil) != good {
			t.Errorf("%q: %v", value, err)
		}
		if good && got.Reveal() != value || !good && got.Set() {
			t.Errorf("%q gives another token", value)
		}
		if err != nil && value != "" && strings.Contains(err.Error(), value) {
			t.Errorf("the error shows it: %v", err)
		}
	}
}
