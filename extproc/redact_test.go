package extproc

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

const (
	ourKey      = "sk-our-key-0123456789"
	keyedConfig = `
open: true
providers:
  alpha: {dialect: openai, base_url: "http://127.0.0.1:9101/v1", credential: "env:ALPHA"}
  beta: {dialect: openai, base_url: "http://127.0.0.1:9102/v1", credential: "env:BETA"}
  gamma: {dialect: anthropic, base_url: "http://127.0.0.1:9103", credential: "env:GAMMA"}
models:
  sim/chat: {targets: [alpha, beta]}
  sim/translated: {targets: [alpha, beta], lane: translate}
  sim/other: {targets: [gamma, alpha]}
`
)

func newKeyedService(t *testing.T) *Service {
	t.Helper()
	c, err := catalog.Parse(catalog.Source{Name: "test", Data: []byte(keyedConfig)})
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Logger: slog.New(slog.DiscardHandler), MaxExchanges: c.Limits.Exchanges, MaxHeld: 1 << 20})
	creds, err := credential.Build(c, func(name string) (string, bool) { return ourKey + "-" + name, true })
	if err != nil {
		t.Fatal(err)
	}
	s.UseCatalog(c, creds, nil)
	s.UseOrder(chain.CatalogOrder(c))
	return s
}

func TestAVerdictHoldsNoKeyThatAProviderRepeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newKeyedService(t)
		id := ask(t, s, "sim/chat")
		for n, key := range []string{ourKey + "-ALPHA", ourKey + "-BETA"} {
			c, done := attempting(t, s, id, n+1)
			c.in <- responseHead(":status", "400", "content-type", "application/json")
			c.in <- responsePiece(`{"error":{"message":"tools are not supported for the key `+key+`","code":"unsupported_value"}}`, true)
			if err := wait(t, done); err != nil {
				t.Fatal(err)
			}
			out := c.replies()
			body := string(out[len(out)-1].GetImmediateResponse().GetBody())
			if strings.Contains(body, ourKey) {
				t.Errorf("attempt %d: the client reads %s", n+1, body)
			}
			if n == 1 && !strings.Contains(body, "tools are not supported") {
				t.Errorf("the verdict has lost the provider's words: %s", body)
			}
		}
	})
}

func TestAStreamThatBreaksHoldsNoKeyThatAProviderRepeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newKeyedService(t)
		c, done := attempting(t, s, ask(t, s, "sim/translated"), 1)
		c.in <- responseHead(":status", "200", "content-type", "text/event-stream")
		c.in <- responsePiece(firstChunk, false)
		c.in <- responsePiece(`data: {"error":{"message":"no credit for `+ourKey+`-ALPHA","code":"insufficient_quota"}}`+"\n\n", true)
		if err := wait(t, done); err != nil {
			t.Fatal(err)
		}
		var body strings.Builder
		for _, r := range c.replies() {
			body.Write(r.GetResponseBody().GetResponse().GetBodyMutation().GetBody())
		}
		if got := body.String(); strings.Contains(got, ourKey) || !strings.Contains(got, `"Hi"`) || !strings.Contains(got, "no credit for") {
			t.Errorf("the client reads %s", got)
		}
	})
}

func TestARefusedAttemptIsReadInTheClientsDialect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTestService(t)
		for path, want := range map[string]string{
			"/v1/chat/completions":                  `"type":"server_error"`,
			"/v1/messages":                          `{"type":"error","error":{"type":"overloaded_error"`,
			"/v1beta/models/m:generateContent?x=/y": `"status":"UNAVAILABLE"`,
			"/elsewhere":                            `"type":"server_error"`,
		} {
			c := newTalk(t.Context())
			c.in <- requestHead(true, ":path", path, "x-request-id", newExchangeID(time.Now()).text(), "x-envoy-attempt-count", "1")
			if err := s.attempt(c, "alpha"); err != nil {
				t.Fatal(err)
			}
			if body := string(c.replies()[0].GetImmediateResponse().GetBody()); !strings.Contains(body, want) {
				t.Errorf("%s: the client reads %s, want %s", path, body, want)
			}
		}
	})
}

func TestAMemberOfAnyNameIsReportedAsDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, name := range []string{"odd", "odd\\r\\nset-cookie: a", strings.Repeat("x", 5000)} {
			s := newKeyedService(t)
			c := newTalk(t.Context())
			c.in <- requestHead(false, ":method", "POST", ":authority", "127.0.0.1", ":path", "/v1/chat/completions", "content-type", "application/json", "content-length", "9")
			c.in <- requestPiece(`{"model":"sim/other","messages":[{"role":"user","content":"Hi"}],"`+name+`":1}`, true)
			close(c.in)
			if err := s.router(c); err != nil {
				t.Fatal(err)
			}
			facts := c.replies()[0].GetDynamicMetadata().AsMap()["dragoman"].(map[string]any)
			said, _ := facts["dropped"].(string)
			if said == "" || len(said) > 1010 || strings.ContainsAny(said, "\r\n") {
				t.Errorf("of a member %.20q: dropped %q", name, said)
			}
		}
	})
}
