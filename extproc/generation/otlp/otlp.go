// Package otlp sends generations as traces to an OpenTelemetry collector over
// HTTP: one span an exchange, below it one an attempt. A trace's id is its
// generation's. Attributes follow OpenTelemetry's conventions for generative AI
// (gen_ai.*); what those have no words for is dragoman.*.
//
// Promises: an export has succeeded, or its error is returned; nothing is queued
// here and no goroutine stays. Refuses contents: what was said is never sent.
// The collector's headers may hold a secret and are never shown.
//
// Concurrency: an Exporter is used by one goroutine at a time, as
// generation.Writer does.
package otlp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/dragoman-gateway/dragoman/extproc/generation"
)

// Config says where traces go.
type Config struct {
	// Endpoint is a collector's URL; without a path it is completed with
	// /v1/traces, OTLP's own.
	Endpoint string
	// Headers are sent with every call, such as a collector's key.
	Headers map[string]string
	Version string // of this program
	Region  string // "" = unsaid
}

// Exporter sends spans.
type Exporter struct {
	client   sdktrace.SpanExporter
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	ended    *gathered
}

var _ generation.Exporter = (*Exporter)(nil)

// How long one call and its repetitions may take.
const (
	callTimeout  = 5 * time.Second
	retryTimeout = 8 * time.Second
)

// New makes an Exporter. It does not connect.
func New(ctx context.Context, c Config) (*Exporter, error) {
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the collector's address is not a URL such as https://collector:4318")
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/v1/traces"
	}
	client, err := otlptrace.New(ctx, otlptracehttp.NewClient(
		otlptracehttp.WithEndpointURL(u.String()), otlptracehttp.WithHeaders(c.Headers), otlptracehttp.WithTimeout(callTimeout),
		otlptracehttp.WithCompression(otlptracehttp.GzipCompression),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
			Enabled: true, InitialInterval: 200 * time.Millisecond, MaxInterval: 2 * time.Second, MaxElapsedTime: retryTimeout,
		}),
	))
	if err != nil {
		return nil, fmt.Errorf("the collector's client: %w", err)
	}
	e := &Exporter{client: client, ended: &gathered{}}
	about := []attribute.KeyValue{attribute.String("service.name", "dragoman"), attribute.String("service.version", c.Version)}
	if c.Region != "" {
		about = append(about, attribute.String("cloud.region", c.Region))
	}
	e.provider = sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.AlwaysSample()), sdktrace.WithSpanProcessor(e.ended),
		sdktrace.WithIDGenerator(ids{}), sdktrace.WithResource(resource.NewSchemaless(about...)))
	e.tracer = e.provider.Tracer("github.com/dragoman-gateway/dragoman/extproc/generation/otlp")
	return e, nil
}

// Export sends the spans of records in one call.
func (e *Exporter) Export(ctx context.Context, records []*generation.Record) error {
	e.ended.spans = nil
	for _, r := range records {
		e.trace(ctx, r)
	}
	spans := e.ended.spans
	e.ended.spans = nil
	if err := e.client.ExportSpans(ctx, spans); err != nil {
		return fmt.Errorf("the collector: %w", err)
	}
	return nil
}

// Close frees connections.
func (e *Exporter) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	return errors.Join(e.provider.Shutdown(ctx), e.client.Shutdown(ctx))
}

func (e *Exporter) trace(ctx context.Context, r *generation.Record) {
	ctx = context.WithValue(ctx, traceKey{}, trace.TraceID(r.ID))
	ctx, whole := e.tracer.Start(ctx, operation(r)+" "+r.Model, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer),
		trace.WithTimestamp(r.Started), trace.WithAttributes(exchangeAttributes(r)...))
	for i := range r.Attempts {
		a := &r.Attempts[i]
		began := r.Started.Add(a.Began)
		_, one := e.tracer.Start(ctx, operation(r)+" "+a.Model, trace.WithSpanKind(trace.SpanKindClient),
			trace.WithTimestamp(began), trace.WithAttributes(attemptAttributes(r, a)...))
		if a.Reason != "" {
			one.SetStatus(codes.Error, a.Reason)
		}
		one.End(trace.WithTimestamp(began.Add(a.Took)))
	}
	if r.Error != "" {
		whole.SetStatus(codes.Error, r.Error)
	}
	if r.FirstToken > 0 {
		whole.AddEvent("dragoman.first_token", trace.WithTimestamp(r.Started.Add(r.FirstToken)))
	}
	whole.End(trace.WithTimestamp(r.Started.Add(r.Took)))
}

type traceKey struct{}

// ids gives a trace the id of its generation. Spans have random ones.
type ids struct{}

func (i ids) NewIDs(ctx context.Context) (id trace.TraceID, span trace.SpanID) {
	if of, ok := ctx.Value(traceKey{}).(trace.TraceID); ok {
		id = of
	}
	return id, i.NewSpanID(ctx, id)
}

func (ids) NewSpanID(context.Context, trace.TraceID) (span trace.SpanID) {
	// Never fails on the platforms Go supports (crypto/rand's contract).
	_, _ = rand.Read(span[:])
	return span
}

// gathered keeps the spans that have ended until they are sent together.
type gathered struct{ spans []sdktrace.ReadOnlySpan }

func (g *gathered) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (g *gathered) OnEnd(s sdktrace.ReadOnlySpan)                   { g.spans = append(g.spans, s) }
func (g *gathered) Shutdown(context.Context) error                  { return nil }
func (g *gathered) ForceFlush(context.Context) error                { return nil }
