package extproc

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/protobuf/proto"

	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// talk is Envoy's side of a stage: messages in, replies out.
type talk struct {
	ctx context.Context
	in  chan *extprocv3.ProcessingRequest

	mu  sync.Mutex
	out []*extprocv3.ProcessingResponse // guarded by mu
}

func newTalk(ctx context.Context) *talk {
	return &talk{ctx: ctx, in: make(chan *extprocv3.ProcessingRequest, 16)}
}

func (c *talk) Context() context.Context { return c.ctx }

func (c *talk) RecvMsg(m any) error {
	select {
	case rq, ok := <-c.in:
		if !ok {
			return io.EOF
		}
		wire, err := proto.Marshal(rq)
		if err != nil {
			return err
		}
		return m.(*message).decode(cutBy(wire, 1<<20)) // what stages receive
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}

func (c *talk) SendMsg(m any) error {
	r := &extprocv3.ProcessingResponse{}
	wire := m.(*reply).encode() // what stages send
	defer wire.Free()
	if err := proto.Unmarshal(wire.Materialize(), r); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = append(c.out, r)
	return nil
}

func (c *talk) replies() []*extprocv3.ProcessingResponse {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*extprocv3.ProcessingResponse(nil), c.out...)
}

func requestHead(end bool, pairs ...string) *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestHeaders{
		RequestHeaders: &extprocv3.HttpHeaders{Headers: rawHeaders(pairs...), EndOfStream: end},
	}}
}

func requestPiece(body string, end bool) *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestBody{
		RequestBody: &extprocv3.HttpBody{Body: []byte(body), EndOfStream: end},
	}}
}

func responseHead(pairs ...string) *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseHeaders{
		ResponseHeaders: &extprocv3.HttpHeaders{Headers: rawHeaders(pairs...)},
	}}
}

func responsePiece(body string, end bool) *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseBody{
		ResponseBody: &extprocv3.HttpBody{Body: []byte(body), EndOfStream: end},
	}}
}

const testCatalog = `
open: true
providers:
  alpha: {dialect: openai, base_url: "http://127.0.0.1:9101/v1"}
  beta: {dialect: openai, base_url: "http://127.0.0.1:9102/v1"}
models:
  sim/chat: {targets: [alpha, beta]}
  sim/translated: {targets: [alpha, beta], lane: translate}
limits: {body: 4KiB, held: 8KiB, exchanges: 2}
`

func newTestService(t *testing.T) *Service {
	t.Helper()
	c, err := catalog.Parse(catalog.Source{Name: "test", Data: []byte(testCatalog)})
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Logger: slog.New(slog.DiscardHandler), MaxExchanges: c.Limits.Exchanges, MaxHeld: c.Limits.Held})
	creds, err := credential.Build(c, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	s.UseCatalog(c, creds, nil)
	s.UseOrder(chain.CatalogOrder(c))
	return s
}

// ask runs the router stage over a streamed chat request and returns the
// exchange's id.
func ask(t *testing.T, s *Service, model string) string {
	t.Helper()
	c := newTalk(t.Context())
	c.in <- requestHead(false, ":method", "POST", ":authority", "127.0.0.1", ":path", "/v1/chat/completions", "content-type", "application/json")
	c.in <- requestPiece(`{"model":"`+model+`","stream":true,`, false)
	c.in <- requestPiece(`"messages":[]}`, true)
	if err := s.router(c); err != nil {
		t.Fatal(err)
	}
	out := c.replies()
	if len(out) != 2 || out[0].GetRequestHeaders() == nil {
		t.Fatalf("router stage answered %v", out)
	}
	return out[0].GetDynamicMetadata().AsMap()["dragoman"].(map[string]any)["exchange"].(string) // as the design says
}

// attempting starts an attempt stage for that exchange.
func attempting(t *testing.T, s *Service, id string, number int) (c *talk, done <-chan error) {
	t.Helper()
	c = newTalk(t.Context())
	c.in <- requestHead(true, "x-request-id", id, "x-envoy-attempt-count", fmt.Sprint(number))
	ended := make(chan error, 1)
	go func() { ended <- s.attempt(c, []string{"alpha", "beta"}[number-1]) }()
	return c, ended
}

func wait(t *testing.T, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(time.Hour): // virtual
		t.Fatal("the stage does not end")
		return nil
	}
}

const firstChunk = `data: {"choices":[{"delta":{"content":"Hi"}}]}` + "\n\n"
