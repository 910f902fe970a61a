package otlp_test

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/generation/generationtest"
	"github.com/dragoman-gateway/dragoman/extproc/generation/otlp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver is a collector that keeps what it gets.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	calls  []*collector.ExportTraceServiceRequest // guarded by mu
	bodies []string                               // guarded by mu: as sent, unpacked
	header http.Header                            // guarded by mu: of the last call
	path   string                                 // guarded by mu
	status int                                    // guarded by mu
}

func newReceiver(t *testing.T, status int) *receiver {
	t.Helper()
	r := &receiver{status: status}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.header, r.path = req.Header.Clone(), req.URL.Path
	body := io.Reader(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(req.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = unpacked
	}
	text, err := io.ReadAll(body)
	call := &collector.ExportTraceServiceRequest{}
	if err != nil || proto.Unmarshal(text, call) != nil {
		http.Error(w, "not OTLP", http.StatusBadRequest)
		return
	}
	r.calls, r.bodies = append(r.calls, call), append(r.bodies, string(text))
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.WriteHeader(r.status)
}

func exporter(t *testing.T, endpoint string) *otlp.Exporter {
	t.Helper()
	e, err := otlp.New(t.Context(), otlp.Config{Endpoint: endpoint, Headers: map[string]string{"x-collector-key": "canary"}, Version: "1.2.3", Region: "eu"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func plain(list []*common.KeyValue) map[string]any {
	m := map[string]any{}
	for _, kv := range list {
		switch v := kv.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			m[kv.GetKey()] = v.StringValue
		case *common.AnyValue_IntValue:
			m[kv.GetKey()] = v.IntValue
		case *common.AnyValue_BoolValue:
			m[kv.GetKey()] = v.BoolValue
		case *common.AnyValue_DoubleValue:
			m[kv.GetKey()] = v.DoubleValue
		case *common.AnyValue_ArrayValue:
			var all []string
			for _, one := range v.ArrayValue.GetValues() {
				all = append(all, one.GetStringValue())
			}
			m[kv.GetKey()] = strings.Join(all, "|")
		}
	}
	return m
}

// spans gives the one call's spans by name, the exchange's first.
func (r *receiver) spans(t *testing.T) (resource map[string]any, whole *tracepb.Span, attempts []*tracepb.Span) {
	t.Helper()
	if len(r.calls) != 1 || len(r.calls[0].GetResourceSpans()) != 1 || len(r.calls[0].GetResourceSpans()[0].GetScopeSpans()) != 1 {
		t.Fatalf("%d calls: %v", len(r.calls), r.calls)
	}
	of := r.calls[0].GetResourceSpans()[0]
	for _, s := range of.GetScopeSpans()[0].GetSpans() {
		if len(s.GetParentSpanId()) == 0 {
			whole = s
		} else {
			attempts = append(attempts, s)
		}
	}
	return plain(of.GetResource().GetAttributes()), whole, attempts
}

func TestAnExchangeIsATraceOfItsAttempts(t *testing.T) {
	r := newReceiver(t, http.StatusOK)
	record := generationtest.Full()
	if err := exporter(t, r.URL).Export(t.Context(), []*generation.Record{record}); err != nil {
		t.Fatal(err)
	}
	resource, whole, attempts := r.spans(t)
	if r.path != "/v1/traces" || r.header.Get("X-Collector-Key") != "canary" {
		t.Errorf("path %s, header %v", r.path, r.header)
	}
	if diff := cmp.Diff(map[string]any{"service.name": "dragoman", "service.version": "1.2.3", "cloud.region": "eu"}, resource); diff != "" {
		t.Error(diff)
	}
	if got := hex.EncodeToString(whole.GetTraceId()); got != record.ID.String() {
		t.Errorf("trace %s, want %s", got, record.ID)
	}
	if whole.GetName() != "chat anthropic/claude-sonnet-4.5" || whole.GetKind() != tracepb.Span_SPAN_KIND_SERVER ||
		whole.GetStatus().GetCode() != tracepb.Status_STATUS_CODE_ERROR || whole.GetStatus().GetMessage() != "overloaded" {
		t.Errorf("%v", whole)
	}
	checkTimes(t, whole, record.Started, record.Took)
	if diff := cmp.Diff(map[string]any{
		"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai-eu", "gen_ai.request.model": "anthropic/claude-sonnet-4.5",
		"gen_ai.request.stream": true, "gen_ai.response.model": "openai/gpt-5", "gen_ai.response.finish_reasons": "stop",
		"gen_ai.response.time_to_first_chunk": 0.2, "gen_ai.usage.input_tokens": int64(1200), "gen_ai.usage.output_tokens": int64(90),
		"gen_ai.usage.cache_read.input_tokens": int64(1000), "gen_ai.usage.cache_creation.input_tokens": int64(0),
		"gen_ai.usage.reasoning.output_tokens": int64(40), "error.type": "overloaded", "http.response.status_code": int64(200),
		"dragoman.cost": "0.123456789", "dragoman.cost_nano_usd": int64(123456789), "dragoman.market_cost": "0.223456789",
		"dragoman.market_cost_nano_usd": int64(223456789), "dragoman.generation": record.ID.String(), "dragoman.key": "ci", "dragoman.tenant": "acme",
		"dragoman.tags": `env:prod|team "x"`, "dragoman.user": record.User, "dragoman.surface": "openai", "dragoman.lane": "translate",
		"dragoman.attempts": int64(2), "dragoman.priced": true, "dragoman.estimated": true, "dragoman.unobserved": true,
		"dragoman.aborted": true, "dragoman.corrected": true, "dragoman.recovered": true,
	}, plain(whole.GetAttributes())); diff != "" {
		t.Error(diff)
	}
	if len(attempts) != 2 {
		t.Fatalf("%d attempts", len(attempts))
	}
	for i, s := range attempts {
		a := record.Attempts[i]
		got := plain(s.GetAttributes())
		if !bytes.Equal(s.GetParentSpanId(), whole.GetSpanId()) || s.GetKind() != tracepb.Span_SPAN_KIND_CLIENT ||
			got["gen_ai.provider.name"] != a.Provider || (got["dragoman.byok"] == true) != a.Own || s.GetStatus().GetMessage() != a.Reason {
			t.Errorf("attempt %d: %v", i, s)
		}
		checkTimes(t, s, record.Started.Add(a.Began), a.Took)
	}
	if strings.Contains(r.bodies[0], record.Contents.Request) || strings.Contains(r.bodies[0], "canary") {
		t.Error("contents or a header stand in a span")
	}
}

func checkTimes(t *testing.T, s *tracepb.Span, began time.Time, took time.Duration) {
	t.Helper()
	if got := time.Unix(0, int64(s.GetStartTimeUnixNano())); !got.Equal(began) {
		t.Errorf("%s began %s, want %s", s.GetName(), got, began)
	}
	if got := time.Duration(s.GetEndTimeUnixNano() - s.GetStartTimeUnixNano()); got != took {
		t.Errorf("%s took %s, want %s", s.GetName(), got, took)
	}
}

func TestABatchIsOneCall(t *testing.T) {
	r := newReceiver(t, http.StatusOK)
	e := exporter(t, r.URL+"/own/path")
	if err := e.Export(t.Context(), generationtest.Some(1, 500)); err != nil {
		t.Fatal(err)
	}
	spans := r.calls[0].GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()
	if len(r.calls) != 1 || len(spans) != 1000 || r.path != "/own/path" {
		t.Errorf("%d calls, %d spans at %s", len(r.calls), len(spans), r.path)
	}
}

func TestWhatACollectorRefusesIsAnErrorAndIsNotSentAgain(t *testing.T) {
	r := newReceiver(t, http.StatusForbidden)
	e := exporter(t, r.URL)
	err := e.Export(t.Context(), generationtest.Some(1, 1))
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
	r.mu.Lock()
	r.status, r.calls = http.StatusOK, nil
	r.mu.Unlock()
	if err := e.Export(t.Context(), generationtest.Some(2, 1)); err != nil {
		t.Fatal(err)
	}
	if _, whole, attempts := r.spans(t); whole == nil || len(attempts) != 1 {
		t.Errorf("%v, %v", whole, attempts)
	}
}

func TestACollectorsAddressIsAURL(t *testing.T) {
	for _, endpoint := range []string{"", "collector:4318", "ftp://x", "http://", "https://user:canary@\x7f"} {
		if _, err := otlp.New(t.Context(), otlp.Config{Endpoint: endpoint}); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}
