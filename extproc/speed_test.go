package extproc

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// reel replays one conversation's messages and encodes what is answered, as
// gRPC does, without keeping it.
type reel struct {
	ctx  context.Context
	wire []mem.BufferSlice
	next int
}

func (r *reel) Context() context.Context { return r.ctx }

func (r *reel) RecvMsg(m any) error {
	if r.next == len(r.wire) {
		return io.EOF
	}
	r.next++
	return m.(*message).decode(r.wire[r.next-1]) // what stages receive
}

func (r *reel) SendMsg(m any) error {
	wire := m.(*reply).encode() // what stages send
	wire.Free()
	return nil
}

func newReel(tb testing.TB, messages ...*extprocv3.ProcessingRequest) *reel {
	tb.Helper()
	r := &reel{ctx: context.Background()}
	for _, m := range messages {
		b, err := proto.Marshal(m)
		if err != nil {
			tb.Fatal(err)
		}
		r.wire = append(r.wire, mem.BufferSlice{mem.SliceBuffer(b)})
	}
	return r
}

// browserHeaders are what an SDK's request carries by the time ext_proc sees
// it.
var browserHeaders = []string{
	":method", "POST", ":path", "/v1/chat/completions", ":authority", "127.0.0.1:10000", ":scheme", "http",
	"authorization", "Bearer dgm_0123456789012345678901234567890123456789012", "content-type", "application/json",
	"accept", "application/json", "user-agent", "OpenAI/JS 7.57.0", "x-stainless-lang", "js", "x-stainless-os", "Linux",
	"x-stainless-arch", "x64", "x-stainless-retry-count", "0", "content-length", "1000", "x-forwarded-proto", "http",
	"x-request-id", "8e2a8a64-9a5b-4a53-9d1d-3a5a7f6b3a6e",
}

func speedService(tb testing.TB) *Service {
	tb.Helper()
	text := strings.Replace(testCatalog, "exchanges: 2", "exchanges: 1000", 1)
	c, err := catalog.Parse(catalog.Source{Name: "test", Data: []byte(text)})
	if err != nil {
		tb.Fatal(err)
	}
	s := New(Config{Logger: slog.New(slog.DiscardHandler), MaxExchanges: 1000, MaxHeld: 1 << 30})
	creds, err := credential.Build(c, func(string) (string, bool) { return "", false })
	if err != nil {
		tb.Fatal(err)
	}
	s.UseCatalog(c, creds, nil)
	s.UseOrder(chain.CatalogOrder(c))
	return s
}

func kilobyte(extra string) string {
	return `{"model":"sim/chat",` + extra + `"messages":[{"role":"user","content":"` + strings.Repeat("word ", 190) + `"}]}`
}

var farFuture = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

// routedBy runs one router stage at each call and ends its exchange.
func routedBy(tb testing.TB, s *Service, r *reel) func() {
	tb.Helper()
	return func() {
		r.next = 0
		if err := s.router(r); err != nil {
			tb.Fatal(err)
		}
		for i := range s.table.shards {
			for id := range s.table.shards[i].m {
				s.table.remove(id)
			}
		}
	}
}

func TestTheRouterStageStaysWithinItsAllocations(t *testing.T) {
	s := speedService(t)
	for _, tt := range []struct {
		name, extra string
		most        float64
	}{
		{"express", "", 40},
		{"stream", `"stream":true,`, 40},
	} {
		r := newReel(t, requestHead(false, browserHeaders...), requestPiece(kilobyte(tt.extra), true))
		got := testing.AllocsPerRun(200, routedBy(t, s, r))
		t.Logf("%s: %.0f allocations", tt.name, got)
		if got > tt.most {
			t.Errorf("%s: %.0f allocations, at most %.0f", tt.name, got, tt.most)
		}
	}
}

func TestTheAttemptStageStaysWithinItsAllocations(t *testing.T) {
	s := speedService(t)
	r := newReel(t, requestHead(false, browserHeaders...), requestPiece(kilobyte(`"stream":true,`), true))
	if err := s.router(r); err != nil {
		t.Fatal(err)
	}
	x := s.table.stale(farFuture)[0]
	body := x.body
	if body == nil {
		body = []byte(kilobyte(`"stream":true,`))
	}
	a := newReel(t, requestHead(true, "x-request-id", x.id.text(), "x-envoy-attempt-count", "1"),
		responseHead(":status", "200", "content-type", "text/event-stream", "date", "now", "server", "x", "x-request-id", "y"),
		responsePiece(firstChunk, false))
	got := testing.AllocsPerRun(200, func() {
		x.body = body
		s.table.hold(len(body))
		if !s.table.add(x) {
			t.Fatal("full")
		}
		a.next = 0
		if err := s.attempt(a, "alpha"); err != nil {
			t.Fatal(err)
		}
		s.table.remove(x.id)
	})
	t.Logf("leave: %.0f allocations", got)
	if got > 40 {
		t.Errorf("%.0f allocations", got)
	}
}

func BenchmarkRouterStage(b *testing.B) {
	s := speedService(b)
	for name, extra := range map[string]string{"express": "", "stream": `"stream":true,`} {
		b.Run(name, func(b *testing.B) {
			r := newReel(b, requestHead(false, browserHeaders...), requestPiece(kilobyte(extra), true))
			route := routedBy(b, s, r)
			b.ReportAllocs()
			for b.Loop() {
				route()
			}
		})
	}
}
