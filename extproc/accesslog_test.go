package extproc

import (
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	aiv3 "github.com/envoyproxy/go-control-plane/envoy/data/ai/v3"
	alsv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/meter"
)

func TestLogEntriesAreReadAsTheirProtoSaysThem(t *testing.T) {
	t.Parallel()
	n := wrapperspb.UInt64
	usage, err := anypb.New(&aiv3.TokenUsage{
		Model: "m", InputTokens: n(10), OutputTokens: n(5), TotalTokens: n(15),
		InputTokenDetails:  &aiv3.InputTokenDetails{CachedTokens: n(4), CacheCreationTokens: n(2)},
		OutputTokenDetails: &aiv3.OutputTokenDetails{ReasoningTokens: n(3)},
	})
	if err != nil {
		t.Fatal(err)
	}
	wire, err := proto.Marshal(&alsv3.StreamAccessLogsMessage{
		Identifier: &alsv3.StreamAccessLogsMessage_Identifier{Node: &corev3.Node{Id: "node-1"}, LogName: envoy.EdgeLog},
		LogEntries: &alsv3.StreamAccessLogsMessage_HttpLogs{HttpLogs: &alsv3.StreamAccessLogsMessage_HTTPAccessLogEntries{
			LogEntry: []*accesslogv3.HTTPAccessLogEntry{
				{
					CommonProperties: &accesslogv3.AccessLogCommon{
						UpstreamCluster: "c", UpstreamRequestAttemptCount: 2, AccessLogType: accesslogv3.AccessLogType_DownstreamEnd,
						Metadata: &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{
							"other": {}, envoy.ExchangeNamespace: {Fields: map[string]*structpb.Value{
								envoy.FactExchange: structpb.NewStringValue("id-1"), envoy.FactModel: structpb.NewStringValue("m"),
							}},
						}, TypedFilterMetadata: map[string]*anypb.Any{envoy.UsageNamespace: usage, "other": usage}},
					},
					Response: &accesslogv3.HTTPResponseProperties{ResponseCode: wrapperspb.UInt32(200)},
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
		if err := l.decode(slices(wire, 13)); err != nil {
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
	want := meter.Usage{Input: 10, Output: 5, CacheRead: 4, CacheWrite: 2, Reasoning: 3}
	if !e.usage.seen || e.usage.tokens != want {
		t.Errorf("usage %+v, want %+v", e.usage, want)
	}
	if second := l.entries[1]; second.kind != logDownstreamPeriodic || second.usage.seen {
		t.Errorf("second entry %+v", second)
	}
}
