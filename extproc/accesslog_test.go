package extproc

import (
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	alsv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/dragoman-gateway/dragoman/envoy"
)

func TestLogEntriesAreReadAsTheirProtoSaysThem(t *testing.T) {
	t.Parallel()
	wire, err := proto.Marshal(&alsv3.StreamAccessLogsMessage{
		Identifier: &alsv3.StreamAccessLogsMessage_Identifier{Node: &corev3.Node{Id: "node-1"}, LogName: envoy.EdgeLog},
		LogEntries: &alsv3.StreamAccessLogsMessage_HttpLogs{HttpLogs: &alsv3.StreamAccessLogsMessage_HTTPAccessLogEntries{
			LogEntry: []*accesslogv3.HTTPAccessLogEntry{
				{
					CommonProperties: &accesslogv3.AccessLogCommon{
						UpstreamCluster: "c", UpstreamRequestAttemptCount: 2, AccessLogType: accesslogv3.AccessLogType_DownstreamEnd,
						Duration: durationpb.New(1500 * time.Millisecond), ResponseFlags: &accesslogv3.ResponseFlags{DownstreamConnectionTermination: true},
						Metadata: &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{
							"other": {}, envoy.ExchangeNamespace: {Fields: map[string]*structpb.Value{
								envoy.FactExchange: structpb.NewStringValue("id-1"), envoy.FactModel: structpb.NewStringValue("m"), envoy.FactAttempt: structpb.NewStringValue("3"),
							}},
							envoy.UsageNamespace: {Fields: map[string]*structpb.Value{envoy.UsageRaw: structpb.NewStringValue(`{"prompt_tokens":1}`)}},
						}},
					},
					Response: &accesslogv3.HTTPResponseProperties{ResponseCode: wrapperspb.UInt32(200), ResponseBodyBytes: 4321},
				},
				{CommonProperties: &accesslogv3.AccessLogCommon{AccessLogType: accesslogv3.AccessLogType_DownstreamPeriodic}},
			},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var l logBatch
	for range 2 { // a batch is decoded into again and again
		if err := l.decode(cutBy(wire, 13)); err != nil {
			t.Fatal(err)
		}
	}
	if string(l.node) != "node-1" || string(l.name) != envoy.EdgeLog || len(l.entries) != 2 {
		t.Fatalf("node %q, name %q, %d entries", l.node, l.name, len(l.entries))
	}
	e := l.entries[0]
	if string(e.exchange) != "id-1" || string(e.cluster) != "c" || e.status != 200 || e.attempts != 2 || e.kind != logDownstreamEnd {
		t.Errorf("entry %+v", e)
	}
	if string(e.usage) != `{"prompt_tokens":1}` {
		t.Errorf("usage %q", e.usage)
	}
	if string(e.model) != "m" || e.attempt != 3 || e.bytes != 4321 || e.took != 1500*time.Millisecond || !e.aborted {
		t.Errorf("entry %+v", e)
	}
	if second := l.entries[1]; second.kind != logDownstreamPeriodic || len(second.usage) > 0 || second.bytes != 0 || second.aborted {
		t.Errorf("second entry %+v", second)
	}
}
