package extproc

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/meter"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/settlement"
)

// metered gives the service metrics, and what they have counted of attempts, by
// provider and reason, and of requests, by outcome. Zeros are left out.
func metered(t *testing.T, s *Service) func() map[string]float64 {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	m, err := meter.New(reg, s.view.Load().catalog)
	if err != nil {
		t.Fatal(err)
	}
	s.meter = m
	return func() map[string]float64 {
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		out := make(map[string]float64)
		for _, f := range families {
			for _, m := range f.GetMetric() {
				labels := make(map[string]string)
				for _, l := range m.GetLabel() {
					labels[l.GetName()] = l.GetValue()
				}
				n := m.GetCounter().GetValue()
				switch {
				case n == 0:
				case f.GetName() == "dragoman_attempts_total":
					out[labels["provider"]+" "+labels["reason"]] = n
				case f.GetName() == "dragoman_requests_total":
					out[labels["outcome"]] = n
				}
			}
		}
		return out
	}
}

// streaming opens an exchange, the first attempt of which is committed.
func (h *shop) streaming(t *testing.T, model string) exchangeID {
	t.Helper()
	v := h.send("/v1/chat/completions", chat(model))
	h.attempted(t, v.id, 1, responsePiece(firstChunk, false))
	return v.id
}

func TestABrokenStreamIsSeenByWhateverTellsOfIt(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		edge     func(*logEntry)
		listener func(*logEntry) // nil: its entry is lost
		reason   string          // "" = none
		outcome  string
	}{
		"nothing is wrong":           {func(*logEntry) {}, func(e *logEntry) { e.usage = []byte(usageSaid) }, "", "2xx"},
		"the guard saw a cut":        {func(*logEntry) {}, func(e *logEntry) { e.broken = []byte(envoy.BrokenCut) }, "broken_end", "broken"},
		"the guard saw an error":     {func(*logEntry) {}, func(e *logEntry) { e.broken = []byte(envoy.BrokenError) }, "broken_error", "broken"},
		"silence":                    {func(e *logEntry) { e.flags = flagRemoteReset }, func(e *logEntry) { e.flags = flagIdleTimeout }, "broken_idle", "broken"},
		"a time limit":               {func(e *logEntry) { e.flags = flagRemoteReset }, func(e *logEntry) { e.flags = flagRequestTimeout }, "broken_timeout", "broken"},
		"only the edge tells":        {func(e *logEntry) { e.flags = flagRemoteReset }, nil, "broken_reset", "broken"},
		"the client left":            {func(e *logEntry) { e.aborted = true }, nil, "", "2xx"},
		"the client left, at a loss": {func(e *logEntry) { e.aborted = true }, func(e *logEntry) { e.flags = flagConnectionTermination }, "", "2xx"},
	} {
		for _, late := range []bool{false, true} { // which of the two comes first
			synctest.Test(t, func(t *testing.T) {
				h := newPremises(t, "open: true"+shopModels+shopBudgets).open(t)
				counted := metered(t, h.Service)
				id := h.streaming(t, "sim/leave")
				edge, listener := ended(id, 1000), told(id, "")
				tt.edge(edge)
				if late {
					h.edge(edge)
				}
				if tt.listener != nil {
					tt.listener(listener)
					h.listener(listener)
				}
				if !late {
					h.edge(edge)
				}
				<-time.After(2 * grace)
				r, problem, reason := h.kept(id), generation.Broken, tt.reason
				if tt.reason == "" {
					problem, reason = "", "none"
				}
				if r.Error != problem || r.Attempts[0].Reason != tt.reason || r.Attempts[0].Status != 200 || r.Estimated == (name == "nothing is wrong") {
					t.Errorf("%s, edge first %t: %+v", name, late, r)
				}
				if diff := cmp.Diff(map[string]float64{"alpha " + reason: 1, tt.outcome: 1}, counted()); diff != "" {
					t.Errorf("%s, edge first %t: counted (-want +got):\n%s", name, late, diff)
				}
				h.freed()
			})
		}
	}
}

// attempted runs an attempt of an exchange on pieces of a stream.
func (h *shop) attempted(t *testing.T, id exchangeID, number int, pieces ...any) {
	t.Helper()
	c, done := attempting(t, h.Service, id.text(), number)
	c.in <- responseHead(":status", "200", "content-type", "text/event-stream")
	for _, p := range pieces {
		switch p := p.(type) {
		case string:
			c.in <- responsePiece(p, false)
		default:
			c.in <- responsePiece(firstChunk, false)
		}
	}
	close(c.in)
	if err := wait(t, done); err != nil {
		t.Fatal(err)
	}
}

func TestWhatTheStageOfABrokenAnswerKnowsIsKept(t *testing.T) {
	t.Parallel()
	const failed = `data: {"error":{"message":"overloaded","type":"server_error"}}` + "\n\n"
	for name, tt := range map[string]struct {
		pieces []string
		end    bool // the provider ended its answer
		reason string
	}{
		"an error":               {[]string{firstChunk, failed}, true, "broken_error"},
		"an error and no end":    {[]string{firstChunk, failed}, false, "broken_error"},
		"bytes that are no JSON": {[]string{firstChunk, "data: {]\n\n", `data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":` + usageSaid + "}\n\n"}, true, "broken_error"},
		"an end":                 {[]string{firstChunk}, true, "broken_end"},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := newPremises(t, "open: true"+strings.ReplaceAll(shopModels, "lane: leave", "lane: translate")+shopBudgets).open(t)
			counted := metered(t, h.Service)
			v := h.send("/v1/chat/completions", chat("sim/leave"))
			c, done := attempting(t, h.Service, v.id.text(), 1)
			c.in <- responseHead(":status", "200", "content-type", "text/event-stream")
			for i, p := range tt.pieces {
				c.in <- responsePiece(p, tt.end && i == len(tt.pieces)-1)
			}
			if !tt.end {
				close(c.in)
			}
			if err := wait(t, done); err != nil {
				t.Fatal(err)
			}
			h.edge(ended(v.id, 1000))
			<-time.After(2 * grace)
			r := h.kept(v.id)
			if r.Error != generation.Broken || r.Attempts[0].Reason != tt.reason || !r.Estimated {
				t.Errorf("%s: %+v", name, r)
			}
			if diff := cmp.Diff(map[string]float64{"alpha " + tt.reason: 1, "broken": 1}, counted()); diff != "" {
				t.Errorf("%s: counted (-want +got):\n%s", name, diff)
			}
		})
	}
}

func TestAttemptsThatNobodyReportedAreCountedWhenEnvoyWentOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, "open: true"+shopModels+shopBudgets).open(t)
		counted := metered(t, h.Service)
		v := h.send("/v1/chat/completions", chat("sim/leave"))
		h.attempted(t, v.id, 1, ": held\n\n") // reset while nothing of it was out
		h.attempted(t, v.id, 2, firstChunk)
		e := ended(v.id, 1000)
		e.attempts, e.cluster = 2, []byte(envoy.AttemptCluster("beta"))
		h.edge(e)
		<-time.After(2 * grace)
		r := h.kept(v.id)
		if len(r.Attempts) != 2 || r.Attempts[0].Reason != "reset" || r.Attempts[1].Reason != "" || r.Error != "" {
			t.Errorf("%+v", r)
		}
		if diff := cmp.Diff(map[string]float64{"alpha reset": 1, "beta none": 1, "2xx": 1}, counted()); diff != "" {
			t.Errorf("counted (-want +got):\n%s", diff)
		}
	})
}

func TestAnExpressAttemptIsCountedByWhatTheEdgeSays(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{200: "none", 400: "invalid_request", 413: "invalid_request", 503: "connect_failure", 0: "aborted"} {
		synctest.Test(t, func(t *testing.T) {
			h := newPremises(t, "open: true"+shopModels+shopBudgets).open(t)
			counted := metered(t, h.Service)
			v := h.send("/v1/chat/completions", strings.Replace(chat("sim/chat"), `"stream":true,`, "", 1))
			if x := h.table.get(v.id); x == nil || !x.express {
				t.Fatal("the request is not express")
			}
			e := ended(v.id, 1000)
			e.status, e.aborted, e.cluster = status, status == 0, []byte(envoy.ExpressCluster("alpha"))
			e.sent, e.heard = time.Millisecond, 301*time.Millisecond
			h.edge(e)
			h.edge(e)
			<-time.After(2 * grace)
			r := h.kept(v.id)
			if reason := map[bool]string{true: "", false: want}[status == 200]; r.Attempts[0].Reason != reason || status != 503 && r.Attempts[0].Status != status {
				t.Errorf("%d: %+v", status, r)
			}
			got := counted()
			maps.DeleteFunc(got, func(k string, _ float64) bool { return !strings.HasPrefix(k, "alpha ") })
			if diff := cmp.Diff(map[string]float64{"alpha " + want: 1}, got); diff != "" {
				t.Errorf("%d: counted (-want +got):\n%s", status, diff)
			}
		})
	}
}

func TestAnExchangeWhoseEndIsLostCountsItsAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, "open: true"+shopModels+shopBudgets).open(t)
		counted := metered(t, h.Service)
		h.streaming(t, "sim/leave")
		h.send("/v1/chat/completions", chat("sim/leave")) // and one that nobody answered
		<-time.After(silence + 10*time.Second)
		if diff := cmp.Diff(map[string]float64{"alpha none": 1}, counted()); diff != "" {
			t.Errorf("counted (-want +got):\n%s", diff)
		}
	})
}

func TestTheBeginningOfAStreamIsAskedForItsInput(t *testing.T) {
	t.Parallel()
	const claude = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"content\":[],\"usage\":{\"input_tokens\":25,\"output_tokens\":1}}}\n\n" +
		"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n"
	const gemini = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]}}],\"usageMetadata\":{\"promptTokenCount\":25}}\r\n\r\n"
	for d, text := range map[llm.Dialect]string{llm.Anthropic: claude, llm.Gemini: gemini, llm.OpenAI: firstChunk} {
		for _, size := range []int{1, 7, 100, 1000} {
			codec := table.Codec(d)
			w := &leaveWatch{probe: codec.NewProbe(), codec: codec}
			var last action
			for rest := text; rest != "" && last == keepHolding; {
				n := min(size, len(rest))
				last = w.feed([]byte(rest[:n]), false).do
				rest = rest[n:]
			}
			if last != leaveIt {
				t.Fatalf("%s by %d: %v", d, size, last)
			}
			if d == llm.OpenAI {
				if w.said != nil || w.head != nil {
					t.Errorf("%s by %d: %v, %d bytes kept", d, size, w.said, len(w.head))
				}
			} else if w.said == nil || w.said.Input.Or(0) != 25 {
				t.Errorf("%s by %d: %v", d, size, w.said)
			}
		}
	}
}

func TestWhatABrokenAnswerUsedIsWhatWasSaidOrWhatBytesMake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, "open: true"+shopModels+shopBudgets).open(t)
		for i, tt := range []struct {
			said          string // by the guard; "" = nothing
			bytes         int64
			heard         settlement.Heard
			input, output llm.Tokens // 0 = the estimate
		}{
			{`{"prompt_tokens":9,"completion_tokens":1}`, 3200, settlement.Heard{}, 9, 21},
			{`{"prompt_tokens":9,"completion_tokens":50}`, 3200, settlement.Heard{}, 9, 50},
			{`{"prompt_tokens":9,"completion_tokens":1}`, 160, settlement.Heard{Dialect: llm.Anthropic, Bytes: 3000}, 9, 31},
			{"", 3200, settlement.Heard{}, 0, 21},
		} {
			id := h.streaming(t, "sim/leave")
			x := h.table.get(id)
			estimate := llm.Tokens(reservedBy(h, id)[quota.Input])
			h.reports(x, 1, &x.chain.Targets[0], settlement.Report{Answered: true, Heard: tt.heard})
			e := told(id, tt.said)
			e.broken, e.bytes = []byte(envoy.BrokenCut), tt.bytes
			h.listener(e)
			h.edge(ended(id, tt.bytes))
			<-time.After(2 * grace)
			r := h.kept(id)
			if tt.input == 0 {
				tt.input = estimate
			}
			if got := fmt.Sprint(r.Usage.Input.Or(0), r.Usage.Output.Or(0), r.Estimated); got != fmt.Sprint(tt.input, tt.output, true) {
				t.Errorf("%d: used %s, want %d and %d, estimated", i, got, tt.input, tt.output)
			}
		}
	})
}
