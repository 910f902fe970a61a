package oidc

import (
	"context"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

func TestDiscoveryHasToBeAboutTheIssuer(t *testing.T) {
	a := newAuthority(t)
	elsewhere := httptest.NewServer(a)
	defer elsewhere.Close()
	body := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/keys" {
				_, _ = w.Write(a.set())
				return
			}
			_, _ = w.Write([]byte(text))
		}
	}
	location := func(at string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/keys" {
				_, _ = w.Write(a.set())
				return
			}
			http.Redirect(w, r, at, http.StatusTemporaryRedirect)
		}
	}
	keys := a.server.URL + "/keys"
	tests := []struct {
		name   string
		answer http.HandlerFunc
		passes bool
	}{
		{"as it should be", body(`{"issuer":"` + a.issuer + `","jwks_uri":"` + keys + `","x":1}`), true},
		{"another issuer", body(`{"issuer":"` + a.issuer + `/","jwks_uri":"` + keys + `"}`), false},
		{"no issuer", body(`{"jwks_uri":"` + keys + `"}`), false},
		{"no keys", body(`{"issuer":"` + a.issuer + `"}`), false},
		{"keys by plain http elsewhere", body(`{"issuer":"` + a.issuer + `","jwks_uri":"http://192.0.2.1/keys"}`), false},
		{"keys in a file", body(`{"issuer":"` + a.issuer + `","jwks_uri":"file:///etc/passwd"}`), false},
		{"no JSON", body(`<html>`), false},
		{"a redirect to another host", location(elsewhere.URL + "/team/.well-known/openid-configuration"), false},
		{"a redirect in a circle", location("/team/.well-known/openid-configuration"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a.answer(tt.answer)
			k, p := a.verifier(a.entry()).Verify(t.Context(), []byte(a.token("ed", nil)))
			if passes := p == nil && k != nil; passes != tt.passes {
				t.Errorf("Verify gives %v, %v", k, p)
			}
			if p != nil && (p.Kind != llm.Overloaded || p.Message != noKeys) {
				t.Errorf("the problem is %v", p)
			}
		})
	}
}

func TestARedirectOnTheSameHostIsFollowed(t *testing.T) {
	a := newAuthority(t)
	a.answer(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			_, _ = w.Write([]byte(`{"issuer":"` + a.issuer + `","jwks_uri":"` + a.server.URL + `/keys"}`))
		case "/keys":
			_, _ = w.Write(a.set())
		default:
			http.Redirect(w, r, "/moved", http.StatusFound)
		}
	})
	passes(t, a.verifier(a.entry()), a.token("ed", nil), "redirected on its host")
}

// An https issuer cannot send us to plain http, not even on loopback.
func TestTLSIsNotLeft(t *testing.T) {
	f := fetcher{issuer: "https://issuer.example", client: &http.Client{Transport: answering(func(*http.Request) string {
		return `{"issuer":"https://issuer.example","jwks_uri":"http://127.0.0.1/keys"}`
	})}}
	if at, err := f.discover(t.Context()); err == nil {
		t.Errorf("the keys are at %s", at)
	}
}

func TestACAFileReplacesTheSystemsRoots(t *testing.T) {
	a := newAuthority(t)
	server := httptest.NewTLSServer(a)
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	entry := a.entry()
	entry.JWKS = server.URL + "/keys"
	_, p := a.verifier(entry).Verify(t.Context(), []byte(a.token("ed", nil)))
	if p == nil || p.Message != noKeys {
		t.Errorf("with the system's roots: %v", p)
	}
	entry.CAFile = file
	passes(t, a.verifier(entry), a.token("ed", nil), "with the CA file")
}

// answering is a transport that answers without a network.
type answering func(*http.Request) string

func (f answering) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	_, _ = w.WriteString(f(r))
	return w.Result(), nil
}

// silent is a transport that never answers.
type silent struct{ asked atomic.Int32 }

var errHangUp = errors.New("hung up")

func (s *silent) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked.Add(1)
	<-r.Context().Done()
	return nil, errHangUp
}

func TestNobodyWaitsLongForAnIssuer(t *testing.T) {
	a := newAuthority(t)
	a.clock.unix.Store(time.Now().Unix())
	token := []byte(a.token("ed", nil))
	entry := a.entry()
	entry.Leeway = 100 * 365 * 24 * time.Hour // a bubble's clock begins in 2000
	synctest.Test(t, func(t *testing.T) {
		transport := &silent{}
		v, err := New(Config{Issuers: []catalog.Issuer{entry}, Client: &http.Client{Transport: transport}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { v.Run(ctx); close(done) }()
		waits := func(ctx context.Context, want time.Duration) {
			t.Helper()
			began := time.Now()
			if k, p := v.Verify(ctx, token); k != nil || p == nil || p.Message != noKeys {
				t.Errorf("Verify gives %v, %v", k, p)
			}
			if took := time.Since(began); took != want {
				t.Errorf("waited for %v, want %v", took, want)
			}
		}
		waits(t.Context(), waitMost)
		hasty, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		waits(hasty, time.Second)
		waits(t.Context(), waitMost)
		waits(t.Context(), waitMost)
		waits(t.Context(), waitMost)
		waits(t.Context(), fetchMost-9*time.Second) // all wait for the same fetch, which ends
		if n := transport.asked.Load(); n != 1 {
			t.Errorf("the issuer was asked %d times", n)
		}
		waits(t.Context(), waitMost) // for one that this token causes
		<-time.After(fetchMost)
		waits(t.Context(), 0) // the next is not due
		if n := transport.asked.Load(); n != 2 {
			t.Errorf("the issuer was asked %d times because of tokens", n-1)
		}
		<-time.After(retryEvery)
		if n := transport.asked.Load(); n != 3 {
			t.Errorf("the issuer was asked %d times by itself", n-1)
		}
		cancel()
		<-done
	})
}

func TestACrowdThatWaitsIsBounded(t *testing.T) {
	a := newAuthority(t)
	v, err := New(Config{Issuers: []catalog.Issuer{a.entry()}, Now: a.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range v.sources {
		s.waiting = maxWaiting
	}
	began := time.Now()
	fails(t, v, a.token("ed", nil), noKeys)
	if took := time.Since(began); took >= waitMost {
		t.Errorf("one more waits for %v", took)
	}
}

func TestKeysAreFetchedEveryQuarterOfAnHour(t *testing.T) {
	a := newAuthority(t)
	set := string(a.set())
	synctest.Test(t, func(t *testing.T) {
		var documents, sets atomic.Int32
		transport := answering(func(r *http.Request) string {
			if r.URL.Path == "/keys" {
				sets.Add(1)
				return set
			}
			documents.Add(1)
			return `{"issuer":"` + a.issuer + `","jwks_uri":"` + a.server.URL + `/keys"}`
		})
		v, err := New(Config{Issuers: []catalog.Issuer{a.entry()}, Client: &http.Client{Transport: transport}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { v.Run(ctx); close(done) }()
		<-time.After(2*refreshEvery + time.Second)
		if documents.Load() != 3 || sets.Load() != 3 {
			t.Errorf("%d discoveries and %d fetches in half an hour, want 3 and 3", documents.Load(), sets.Load())
		}
		cancel()
		<-done
	})
}
