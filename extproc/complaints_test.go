package extproc

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func TestFailuresAreToldAtOnceAndThenOnceAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTestService(t)
		var log bytes.Buffer
		s.log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == slog.MessageKey {
				return slog.Attr{}
			}
			return a
		}}))
		fails := func(n int, f chain.Failure) {
			f.Provider, f.Model, f.Problem = "alpha", "sim/chat", &llm.Problem{Message: "sk-secret words"}
			for range n {
				s.failed(chain.Target{}, f)
			}
		}
		passes := func(d time.Duration) {
			<-time.After(d)
			s.sweep(s.now())
		}
		fails(100, chain.Failure{Reason: chain.Auth, Status: 401})
		fails(1, chain.Failure{Reason: chain.Reset})
		passes(59 * time.Second)
		fails(1, chain.Failure{Reason: chain.Auth, Status: 403})
		passes(time.Second)
		passes(time.Minute) // nothing more has come
		passes(time.Minute)
		fails(2, chain.Failure{Reason: chain.Auth, Status: 401})
		s.complain(&chain.Target{}, chain.Failure{Provider: "beta", Model: "sim/chat", Reason: chain.Auth, Status: 401})
		own := chain.Target{}
		own.Own = true
		s.complain(&own, chain.Failure{Provider: "beta", Model: "sim/chat", Reason: chain.Auth, Status: 401})
		want := []string{
			"level=WARN provider=alpha model=sim/chat reason=auth status=401 count=1",
			"level=INFO provider=alpha model=sim/chat reason=reset status=0 count=1",
			"level=WARN provider=alpha model=sim/chat reason=auth status=403 count=100",
			"level=WARN provider=alpha model=sim/chat reason=auth status=401 count=1",
			"level=WARN provider=beta model=sim/chat reason=auth status=401 count=1",
			"level=INFO provider=beta model=sim/chat reason=auth status=401 count=1",
		}
		if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(log.String()), "\n")); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if n := len(s.complaints.open); n != 3 {
			t.Errorf("%d kinds of failures are remembered, want those of the last minute", n)
		}
	})
}
