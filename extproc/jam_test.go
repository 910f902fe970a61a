package extproc

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota/journal"
)

func TestAJournalThatCannotBeWrittenIsToldOfAsWhatItIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, "open: true"+shopModels).open(t)
		<-time.After(time.Second)
		if why := h.Unready(); why != "" {
			t.Fatal(why)
		}
		if err := h.books.Journal.Close(); err != nil {
			t.Fatal(err)
		}
		v := h.send("/v1/chat/completions", chat("sim/chat"))
		if v.status != 503 || !strings.Contains(v.body, "cannot write its journal") || !strings.Contains(v.body, `"journal_unwritable"`) || v.headers["retry-after"] != "5" {
			t.Errorf("%d %v %s", v.status, v.headers, v.body)
		}
		if why := h.Unready(); why != "the journal cannot be written" {
			t.Errorf("it is ready but for %q", why)
		}
	})
}

func TestAJamIsLoggedNowAndThenAndEndsWhenThereIsRoom(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil))
	var j jam
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	lacking := errors.New("no space left on device")
	asked := 0
	room := func() error { asked++; return lacking }
	if why := j.why(now, log, room); why != "" || asked != 0 {
		t.Errorf("before anything: %q, asked %d times", why, asked)
	}
	for range 10_000 { // in ten seconds
		j.refuse(lacking, now, log)
		now = now.Add(time.Millisecond)
	}
	if n := strings.Count(text.String(), "level=ERROR"); n != 2 || !strings.Contains(text.String(), "refused=1 ") || !strings.Contains(text.String(), "refused=5000 ") || !strings.Contains(text.String(), "no space left") {
		t.Errorf("%d lines:\n%s", n, &text)
	}
	for range 3 {
		if why := j.why(now, log, room); why != "the journal cannot be written" || asked != 0 {
			t.Errorf("right after a refusal: %q, asked %d times", why, asked)
		}
	}
	for range 100 { // in ten seconds
		now = now.Add(100 * time.Millisecond)
		if why := j.why(now, log, room); why == "" {
			t.Fatal("it is over")
		}
	}
	if asked != 10 {
		t.Errorf("it was asked %d times in ten seconds", asked)
	}
	lacking = journal.ErrFull
	now = now.Add(time.Second)
	if why := j.why(now, log, room); why != "the journal is full of what waits for the store" {
		t.Error(why)
	}
	lacking = nil
	now = now.Add(time.Second)
	if why := j.why(now, log, room); why != "" || !strings.Contains(text.String(), `msg="the journal takes exchanges again" refused=10000`) {
		t.Errorf("%q\n%s", why, &text)
	}
	before := asked
	if why := j.why(now.Add(time.Hour), log, room); why != "" || asked != before {
		t.Errorf("it is asked on: %q", why)
	}
}

func TestAServiceThatDrainsSaysSoAndServesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, "open: true"+shopModels).open(t)
		<-time.After(time.Second)
		h.Drain()
		if v := h.send("/readyz", ""); v.status != 503 || !strings.Contains(v.body, "draining") {
			t.Errorf("%d %s", v.status, v.body)
		}
		if v := h.send("/healthz", ""); v.status != 200 {
			t.Errorf("%d %s", v.status, v.body)
		}
		if v := h.send("/v1/chat/completions", chat("sim/chat")); v.status != 0 {
			t.Errorf("%d %s", v.status, v.body)
		}
		<-time.After(silence + time.Minute)
		h.freed()
	})
}
