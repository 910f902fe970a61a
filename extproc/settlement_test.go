package extproc

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	alsv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/meter"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// logs is Envoy's side of an access log stream.
type logs struct {
	ctx   context.Context
	lines []*alsv3.StreamAccessLogsMessage
}

func (l *logs) Context() context.Context { return l.ctx }
func (l *logs) SendMsg(any) error        { return errors.New("nothing is sent to access log streams") }

func (l *logs) RecvMsg(m any) error {
	if len(l.lines) == 0 {
		return io.EOF
	}
	wire, err := proto.Marshal(l.lines[0])
	if err != nil {
		return err
	}
	l.lines = l.lines[1:]
	return m.(*logBatch).decode(cutBy(wire, 50))
}

func line(node, exchange string, kind accesslogv3.AccessLogType) *alsv3.StreamAccessLogsMessage {
	return &alsv3.StreamAccessLogsMessage{
		Identifier: &alsv3.StreamAccessLogsMessage_Identifier{Node: &corev3.Node{Id: node}, LogName: envoy.EdgeLog},
		LogEntries: &alsv3.StreamAccessLogsMessage_HttpLogs{HttpLogs: &alsv3.StreamAccessLogsMessage_HTTPAccessLogEntries{
			LogEntry: []*accesslogv3.HTTPAccessLogEntry{{CommonProperties: &accesslogv3.AccessLogCommon{
				AccessLogType: kind,
				Metadata: &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{envoy.ExchangeNamespace: {Fields: map[string]*structpb.Value{
					envoy.FactExchange: structpb.NewStringValue(exchange),
				}}}},
			}}},
		}},
	}
}

func TestAccessLogsEndExchangesAndPeriodicOnesDoNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTestService(t)
		id := ask(t, s, "sim/chat")
		steps := []struct {
			exchange string
			kind     accesslogv3.AccessLogType
			open     int
		}{
			{"garbled", accesslogv3.AccessLogType_DownstreamEnd, 1},
			{newExchangeID(time.Now()).text(), accesslogv3.AccessLogType_DownstreamEnd, 1},
			{id, accesslogv3.AccessLogType_DownstreamPeriodic, 1},
			{id, accesslogv3.AccessLogType_DownstreamEnd, 0},
			{id, accesslogv3.AccessLogType_DownstreamEnd, 0},
		}
		for _, st := range steps {
			if err := s.readLog(&logs{t.Context(), []*alsv3.StreamAccessLogsMessage{line("one", st.exchange, st.kind)}}); err != nil {
				t.Fatal(err)
			}
			if n, _ := s.Open(); n != st.open {
				t.Errorf("after %v of %s: %d open, want %d", st.kind, st.exchange, n, st.open)
			}
		}
	})
}

func TestASecondEnvoyIsRefused(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	from := func(node string) error {
		return s.readLog(&logs{t.Context(), []*alsv3.StreamAccessLogsMessage{line(node, "", accesslogv3.AccessLogType_DownstreamEnd)}})
	}
	for _, node := range []string{"one", "one"} {
		if err := from(node); err != nil {
			t.Fatal(err)
		}
	}
	if err := from("two"); status.Code(err) != codes.PermissionDenied {
		t.Errorf("a second Envoy got %v", err)
	}
}

func TestUsageInAPeriodicEntryIsCountedAtTheEndOnly(t *testing.T) {
	t.Parallel()
	c, err := catalog.Parse(catalog.Source{Name: "test", Data: []byte(testCatalog)})
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewPedanticRegistry()
	s := newTestService(t)
	if s.meter, err = meter.New(reg, c); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []accesslogv3.AccessLogType{
		accesslogv3.AccessLogType_DownstreamPeriodic, accesslogv3.AccessLogType_DownstreamPeriodic, accesslogv3.AccessLogType_DownstreamEnd,
	} {
		m := line("one", newExchangeID(time.Now()).text(), kind)
		common := m.GetHttpLogs().GetLogEntry()[0].GetCommonProperties()
		common.UpstreamCluster = envoy.ExpressCluster("alpha")
		common.Metadata.FilterMetadata[envoy.ExchangeNamespace].Fields[envoy.FactDialect] = structpb.NewStringValue("openai")
		common.Metadata.FilterMetadata[envoy.UsageNamespace] = &structpb.Struct{Fields: map[string]*structpb.Value{
			envoy.UsageRaw: structpb.NewStringValue(`{"prompt_tokens":7,"completion_tokens":0}`),
		}}
		if err := s.readLog(&logs{t.Context(), []*alsv3.StreamAccessLogsMessage{m}}); err != nil {
			t.Fatal(err)
		}
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var counted float64
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "dragoman_tokens_total" {
				counted += m.GetCounter().GetValue()
			}
		}
	}
	if counted != 7 {
		t.Errorf("%v tokens are counted, want 7", counted)
	}
}
