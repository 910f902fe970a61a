package extproc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

func TestAStreamWithoutContentFailsOverAtItsDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTestService(t)
		began := time.Now()
		c, done := attempting(t, s, ask(t, s, "sim/chat"), 1)
		c.in <- responseHead(":status", "200", "content-type", "text/event-stream")
		c.in <- responsePiece(": ping\n\n", false)
		synctest.Wait()
		if n := len(c.replies()); n != 1 {
			t.Fatalf("%d replies while the answer is held, want only the request", n)
		}
		<-time.After(time.Minute)
		synctest.Wait()
		out := c.replies()
		if im := out[len(out)-1].GetImmediateResponse(); im.GetStatus().GetCode() != 503 || !strings.Contains(string(im.GetBody()), "timeout_first_token") {
			t.Fatalf("after %s: %v", time.Since(began), out[len(out)-1])
		}
		close(c.in)
		if err := wait(t, done); err != nil {
			t.Fatal(err)
		}
	})
}

func TestContentAfterTheDeadlineIsNotSentBehindItsAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTestService(t)
		c, done := attempting(t, s, ask(t, s, "sim/translated"), 1)
		c.in <- responseHead(":status", "200", "content-type", "text/event-stream")
		synctest.Wait()
		<-time.After(2 * time.Minute)
		before := len(c.replies())
		c.in <- responsePiece(firstChunk, false)
		c.in <- responsePiece(firstChunk, false)
		if err := wait(t, done); err != nil {
			t.Fatal(err)
		}
		if out := c.replies(); len(out) != before {
			t.Errorf("after the deadline's answer: %v", out[before:])
		}
	})
}

func TestContentBeforeTheDeadlineIsPassedOnAndTheStageLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTestService(t)
		c, done := attempting(t, s, ask(t, s, "sim/chat"), 1)
		c.in <- responseHead(":status", "200", "content-type", "text/event-stream", "set-cookie", "a=b", "x-dragoman-model", "forged")
		c.in <- responsePiece(firstChunk, false)
		if err := wait(t, done); err != nil {
			t.Fatal(err)
		}
		out := c.replies()
		if len(out) != 2 || out[1].GetResponseHeaders() == nil {
			t.Fatalf("replies %v", out)
		}
		removed := strings.Join(out[1].GetResponseHeaders().GetResponse().GetHeaderMutation().GetRemoveHeaders(), " ")
		if !strings.Contains(removed, "set-cookie") || !strings.Contains(removed, "x-dragoman-model") {
			t.Errorf("removed %q", removed)
		}
		if _, held := s.Open(); held == 0 {
			t.Error("nothing is left for the next target while Envoy may hold all of the answer")
		}
		<-time.After(linger)
		s.sweep(s.now())
		if _, held := s.Open(); held != 0 {
			t.Errorf("%d bytes are held long after the answer was committed", held)
		}
	})
}

func TestATranslatedStreamThatBreaksAfterContentSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTestService(t)
		c, done := attempting(t, s, ask(t, s, "sim/translated"), 1)
		c.in <- responseHead(":status", "200", "content-type", "text/event-stream")
		c.in <- responsePiece(firstChunk, false)
		c.in <- responsePiece("", true)
		if err := wait(t, done); err != nil {
			t.Fatal(err)
		}
		out := c.replies()
		last := string(out[len(out)-1].GetResponseBody().GetResponse().GetBodyMutation().GetBody())
		if !strings.Contains(last, `"error"`) || strings.Contains(last, "[DONE]") {
			t.Errorf("the end of a broken stream is %q", last)
		}
	})
}

func TestTheLastFailureIsTheVerdict(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTestService(t)
		id := ask(t, s, "sim/chat")
		for n, want := range []string{"503", "429"} {
			c, done := attempting(t, s, id, n+1)
			c.in <- responseHead(":status", "429", "content-type", "application/json", "retry-after", "7")
			c.in <- responsePiece(`{"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded"}}`, true)
			if err := wait(t, done); err != nil {
				t.Fatal(err)
			}
			out := c.replies()
			im := out[len(out)-1].GetImmediateResponse()
			if got := fmt.Sprint(int(im.GetStatus().GetCode())); got != want {
				t.Errorf("attempt %d: status %s, want %s: %s", n+1, got, want, im.GetBody())
			}
			if n == 1 && (!strings.Contains(string(im.GetBody()), "alpha") || !strings.Contains(string(im.GetBody()), "beta")) {
				t.Errorf("the verdict names not every target: %s", im.GetBody())
			}
		}
	})
}

func TestAnUnknownExchangeNeverReachesAProvider(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTestService(t)
		for _, id := range []string{newExchangeID(time.Now()).text(), "client-made", ""} {
			c, done := attempting(t, s, id, 1)
			if err := wait(t, done); err != nil {
				t.Fatal(err)
			}
			if out := c.replies(); len(out) != 1 || out[0].GetImmediateResponse().GetStatus().GetCode() != 503 {
				t.Errorf("id %q: %v", id, out)
			}
		}
	})
}

func TestACommittedAnswerThatCannotBeTranslatedIsBroken(t *testing.T) {
	t.Parallel()
	w := &answerWatch{codec: nil, translate: true, committed: true, buf: make([]byte, maxAnswer)}
	if r := w.feed([]byte("x"), false); r.do != breakOff {
		t.Errorf("an answer over the limit: %v", r.do)
	}
	a := &attempt{watch: w}
	if done, err := a.rule(ruling{do: breakOff}); !done || !errors.Is(err, errBroken) {
		t.Errorf("done %v, err %v", done, err)
	}
}

func TestBodiesAndExchangesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTestService(t)
		ask(t, s, "sim/chat")
		ask(t, s, "sim/chat")
		for name, tt := range map[string]struct {
			head, body string
			want       int
		}{
			"more exchanges than the limit": {"", `{"model":"sim/chat","stream":true}`, 503},
			"a body over the limit":         {"", strings.Repeat(" ", 5000), 413},
			"a length over the limit":       {"5000", "", 413},
			"white space alone":             {"", strings.Repeat(" ", 4000), 400},
		} {
			c := newTalk(t.Context())
			hs := []string{":method", "POST", ":authority", "127.0.0.1", ":path", "/v1/chat/completions", "content-type", "application/json"}
			if tt.head != "" {
				hs = append(hs, "content-length", tt.head)
			}
			c.in <- requestHead(false, hs...)
			c.in <- requestPiece(tt.body, true)
			if err := s.router(c); err != nil {
				t.Fatal(err)
			}
			if out := c.replies(); int(out[0].GetImmediateResponse().GetStatus().GetCode()) != tt.want {
				t.Errorf("%s: %v", name, out)
			}
		}
		if n, held := s.Open(); n != 2 || held > 200 {
			t.Errorf("%d exchanges hold %d bytes after refusals", n, held)
		}
	})
}

func TestAClientThatLeavesAmidItsBodyLeavesNothingHeld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTestService(t)
		c := newTalk(t.Context())
		c.in <- requestHead(false, ":method", "POST", ":authority", "127.0.0.1", ":path", "/v1/chat/completions")
		c.in <- requestPiece(`{"model":"sim/chat",`, false)
		close(c.in)
		if err := s.router(c); err != nil {
			t.Fatal(err)
		}
		if n, held := s.Open(); n != 0 || held != 0 {
			t.Errorf("%d exchanges hold %d bytes", n, held)
		}
	})
}

func TestABodyThatDoesNotBeginIsAnsweredFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTestService(t)
		c := newTalk(t.Context())
		c.in <- requestHead(false, ":method", "POST", ":authority", "127.0.0.1", ":path", "/v1/chat/completions")
		done := make(chan error, 1)
		go func() { done <- s.router(c) }()
		<-time.After(firstByte - time.Millisecond)
		if out := c.replies(); len(out) != 0 {
			t.Fatalf("answered before its time: %v", out)
		}
		<-time.After(time.Second)
		if out := c.replies(); len(out) != 1 || out[0].GetImmediateResponse().GetStatus().GetCode() != 400 {
			t.Fatalf("after the limit: %v", out)
		}
		close(c.in)
		if err := wait(t, done); err != nil {
			t.Fatal(err)
		}
	})
}

func TestACredentialThatAProviderRepeatsIsTakenOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTestService(t)
		text := strings.Replace(testCatalog, `"http://127.0.0.1:9101/v1"`, `"http://127.0.0.1:9101/v1", credential: "env:KEY"`, 1)
		cat, err := catalog.Parse(catalog.Source{Name: "test", Data: []byte(text)})
		if err != nil {
			t.Fatal(err)
		}
		creds, err := credential.Build(cat, func(string) (string, bool) { return "sk-canary-123", true })
		if err != nil {
			t.Fatal(err)
		}
		s.UseCatalog(cat, creds, nil)
		c, done := attempting(t, s, ask(t, s, "sim/chat"), 1)
		c.in <- responseHead(":status", "400", "content-type", "application/json")
		c.in <- responsePiece(`{"error":{"message":"no such tool for sk-canary-123","type":"invalid_request_error"}}`, true)
		if err := wait(t, done); err != nil {
			t.Fatal(err)
		}
		out := c.replies()
		body := string(out[len(out)-1].GetImmediateResponse().GetBody())
		if strings.Contains(body, "canary") || !strings.Contains(body, "no such tool") {
			t.Errorf("the client reads %s", body)
		}
	})
}

func TestAnExchangeEndsOnce(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	id, ok := parseExchangeID([]byte(ask(t, s, "sim/chat")))
	if !ok {
		t.Fatal("the exchange's id is not one of ours")
	}
	var ended int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if s.table.remove(id) != nil {
				mu.Lock()
				defer mu.Unlock()
				ended++
			}
		})
	}
	all.Wait()
	if n, held := s.Open(); ended != 1 || n != 0 || held != 0 {
		t.Errorf("ended %d times; %d open with %d bytes", ended, n, held)
	}
}

func TestExchangesWithoutASignOfLifeEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTestService(t)
		ctx, cancel := context.WithCancel(t.Context())
		var sweeping sync.WaitGroup
		sweeping.Go(func() { s.Sweep(ctx) })
		id, _ := parseExchangeID([]byte(ask(t, s, "sim/chat")))
		<-time.After(silence - time.Second)
		s.table.get(id).touch(time.Now())
		<-time.After(silence - time.Second)
		if n, _ := s.Open(); n != 1 {
			t.Errorf("%d open exchanges after a sign of life", n)
		}
		<-time.After(silence)
		if n, _ := s.Open(); n != 0 {
			t.Errorf("%d open exchanges after silence", n)
		}
		cancel()
		sweeping.Wait()
	})
}
