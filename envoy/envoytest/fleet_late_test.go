package envoytest

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	alsv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// slowAnswers are answers of 25 events within 2.5 s, which may have four times
// as many tokens, each way through.
const (
	slowEvents, slowMost = 25, 100
	slowLeast            = llm.NanoUSD(slowMost * outputPrice)
)

var slowModels = []string{"sim/chat", "sim/leave", "sim/translated"}

// askSlowly asks each replica n times for a stream or for an answer in one
// piece, by turns. ended is closed when all have ended.
func (f *fleet) askSlowly(t *testing.T, model string, n int) (ended <-chan struct{}) {
	t.Helper()
	var all sync.WaitGroup
	for _, r := range f.replicas {
		for i := range n {
			stream := i%2 == 0
			script := fmt.Sprintf(`{"*":{"events":%d,"pause":"100ms"}}`, slowEvents)
			if !stream {
				script = fmt.Sprintf(`{"*":{"events":%d,"first":"2500ms"}}`, slowEvents)
			}
			body := fmt.Sprintf(`{"model":%q,"stream":%t,"max_tokens":%d,"messages":[{"role":"user","content":"Slowly."}],"sim":%s}`, model, stream, slowMost, script)
			all.Go(func() {
				f.asked.Add(1)
				a, err := r.Post(t.Context(), body)
				if err != nil || a.Err != nil || a.Status != http.StatusOK {
					f.failed.Add(1)
					return
				}
				f.answered.Add(1)
				f.note(a.Header.Get("X-Dragoman-Generation"))
			})
		}
	}
	done := make(chan struct{})
	go func() { defer close(done); all.Wait() }()
	return done
}

// unobserved waits until n exchanges stand as what was reserved, by the records
// and the store.
func (f *fleet) unobserved(t *testing.T, n int) (b *books) {
	t.Helper()
	Eventually(t, 10*time.Second, fmt.Sprintf("%d exchanges are unobserved", n), func() error {
		if b = f.add(t); b.unobserved != n {
			return fmt.Errorf("%d of %d are", b.unobserved, len(b.records))
		}
		return b.agree()
	})
	for id, r := range b.records {
		if r.Cost < slowLeast {
			t.Errorf("the exchange %s stands at $%s, less than was reserved for its output alone", id, r.Cost)
		}
	}
	return b
}

// TestALateEntryCorrectsAnUnobservedExchangeOnce has answers that take longer
// than an exchange may be silent: Envoy's own entries come late.
func TestALateEntryCorrectsAnUnobservedExchangeOnce(t *testing.T) {
	t.Parallel()
	f := startFleet(t, fleetPlan{replicas: 1, budget: `per: total, money: "$1"`, silence: 500 * time.Millisecond})
	var all sync.WaitGroup
	for _, m := range slowModels {
		ended := f.askSlowly(t, m, 2)
		all.Go(func() { <-ended })
	}
	n := 2 * len(slowModels)
	f.unobserved(t, n)
	all.Wait()
	var b *books
	Eventually(t, 5*time.Second, "late entries correct what was unobserved", func() error {
		if b = f.add(t); b.corrections != n {
			return fmt.Errorf("%d of %d are corrected", b.corrections, n)
		}
		return b.agree()
	})
	for id := range b.records {
		f.replicas[0].late(t, &lateEntry{id: id, input: 9999, output: 9999}) // it says something else now
	}
	b = f.closeBooks(t)
	b.exact(t)
}

// TestAReplicaThatWasFrozenSettlesWhatItMissed lets entries wait for longer than
// exchanges may be silent: when the process goes on, their end and the end of
// its patience come at once, in any order.
func TestAReplicaThatWasFrozenSettlesWhatItMissed(t *testing.T) {
	t.Parallel()
	f := startFleet(t, fleetPlan{replicas: 2, budget: `per: total, money: "$10"`, silence: 2 * time.Second})
	var all sync.WaitGroup
	for _, m := range slowModels {
		ended := f.askSlowly(t, m, 20)
		all.Go(func() { <-ended })
	}
	<-time.After(time.Second)
	for _, r := range f.replicas {
		r.Child.Freeze()
	}
	<-time.After(2500 * time.Millisecond)
	for _, r := range f.replicas {
		r.Child.Thaw()
	}
	all.Wait()
	Eventually(t, 5*time.Second, "all is known in the end", func() error {
		if b := f.add(t); b.estimated > 0 || b.cost != b.billed {
			return fmt.Errorf("%d of %d are estimates, the providers billed $%s, $%s are settled", b.estimated, len(b.records), b.billed, b.cost)
		}
		return nil
	})
	b := f.closeBooks(t)
	b.exact(t)
	if f.failed.Load() > 0 {
		t.Errorf("%d requests failed", f.failed.Load())
	}
	t.Logf("%d of %d were settled by estimate and corrected", b.corrections, len(b.records))
}

// lateEntry is an entry of an attempt listener's access log.
type lateEntry struct {
	id            generation.ID
	input, output int
}

// late sends entries to ext_proc as Envoy does.
func (g *Gateway) late(t *testing.T, entries ...*lateEntry) {
	t.Helper()
	conn, err := grpc.NewClient("unix:"+g.socket("extproc"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // nothing follows
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	st, err := alsv3.NewAccessLogServiceClient(conn).StreamAccessLogs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var logs []*accesslogv3.HTTPAccessLogEntry
	for _, e := range entries {
		logs = append(logs, e.entry())
	}
	if err := st.Send(&alsv3.StreamAccessLogsMessage{
		Identifier: &alsv3.StreamAccessLogsMessage_Identifier{Node: &corev3.Node{Id: "test"}, LogName: envoy.AttemptLog},
		LogEntries: &alsv3.StreamAccessLogsMessage_HttpLogs{HttpLogs: &alsv3.StreamAccessLogsMessage_HTTPAccessLogEntries{LogEntry: logs}},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := st.CloseAndRecv(); err != nil && ctx.Err() != nil {
		t.Fatal(err) // it has not read them
	}
}

func (e *lateEntry) entry() *accesslogv3.HTTPAccessLogEntry {
	text := func(pairs ...string) *structpb.Struct {
		s := &structpb.Struct{Fields: make(map[string]*structpb.Value)}
		for i := 0; i < len(pairs); i += 2 {
			s.Fields[pairs[i]] = structpb.NewStringValue(pairs[i+1])
		}
		return s
	}
	return &accesslogv3.HTTPAccessLogEntry{
		CommonProperties: &accesslogv3.AccessLogCommon{
			UpstreamCluster: envoy.ProviderCluster("alpha"), AccessLogType: accesslogv3.AccessLogType_DownstreamEnd,
			Metadata: &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{
				envoy.ExchangeNamespace: text(envoy.FactExchange, e.id.String(), envoy.FactAttempt, "1", envoy.FactDialect, "openai"),
				envoy.UsageNamespace:    text(envoy.UsageRaw, fmt.Sprintf(`{"prompt_tokens":%d,"completion_tokens":%d}`, e.input, e.output)),
			}},
		},
		Response: &accesslogv3.HTTPResponseProperties{ResponseCode: wrapperspb.UInt32(200)},
	}
}

// TestWhatAKilledReplicaLeftUnobservedIsCorrectedOnce kills a replica and starts
// it after its answers have ended: nobody saw how.
func TestWhatAKilledReplicaLeftUnobservedIsCorrectedOnce(t *testing.T) {
	t.Parallel()
	f := startFleet(t, fleetPlan{replicas: 2, budget: `per: total, money: "$1"`, silence: time.Second})
	ended := f.askSlowly(t, "sim/leave", 2)
	<-time.After(500 * time.Millisecond)
	for _, r := range f.replicas {
		r.Child.Kill()
	}
	<-ended
	<-time.After(500 * time.Millisecond) // for Envoy's logs, which find nobody
	for _, r := range f.replicas {
		r.Child.Start()
	}
	b := f.unobserved(t, 2*len(f.replicas))
	var billed llm.NanoUSD
	const input, output = 30, 20
	for range 2 { // the second time says nothing new
		for _, r := range f.replicas {
			var entries []*lateEntry
			for _, of := range r.allGenerations(t) {
				entries = append(entries, &lateEntry{id: of.ID, input: input, output: output})
			}
			r.late(t, entries...)
		}
	}
	for range b.records {
		billed += input*inputPrice + output*outputPrice
	}
	Eventually(t, 5*time.Second, "all are corrected", func() error {
		if b = f.add(t); b.unobserved > 0 || b.cost != billed {
			return fmt.Errorf("%d are unobserved, all stand at $%s, $%s would be right", b.unobserved, b.cost, billed)
		}
		return b.agree()
	})
	if b.corrections != len(b.records) || b.recovered != len(b.records) {
		t.Errorf("of %d records %d are corrected and %d recovered", len(b.records), b.corrections, b.recovered)
	}
}
