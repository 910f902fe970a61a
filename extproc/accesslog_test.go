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
	"github.com/dragoman-gateway/dragoman/extproc/chain"
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

func TestFlagsTellHowAnAnswerBrokeOff(t *testing.T) {
	t.Parallel()
	type flag = accesslogv3.ResponseFlags
	for name, tt := range map[string]struct {
		flags  *flag
		broken string // as a guard says
		want   chain.Reason
		whole  bool // the usage
	}{
		"none":                           {nil, "", chain.None, true},
		"others":                         {&flag{FailedLocalHealthcheck: true, UpstreamOverflow: true, UnauthorizedDetails: &accesslogv3.ResponseFlags_Unauthorized{}}, "", chain.None, true},
		"a reset":                        {&flag{UpstreamRemoteReset: true}, "", chain.BrokenReset, false},
		"a connection's end":             {&flag{UpstreamConnectionTermination: true}, "", chain.BrokenReset, false},
		"a reset of Envoy's":             {&flag{LocalReset: true}, "", chain.BrokenReset, false},
		"silence":                        {&flag{StreamIdleTimeout: true, UpstreamRemoteReset: true}, "", chain.BrokenIdle, false},
		"the time limit":                 {&flag{UpstreamRequestTimeout: true}, "", chain.BrokenTimeout, false},
		"the limit of a stream":          {&flag{UpstreamMaxStreamDurationReached: true}, "", chain.BrokenTimeout, false},
		"the limit of a request":         {&flag{DurationTimeout: true}, "", chain.BrokenTimeout, false},
		"no HTTP":                        {&flag{UpstreamProtocolError: true}, "", chain.BrokenReset, false},
		"a client that left":             {&flag{DownstreamConnectionTermination: true, UpstreamRemoteReset: true}, "", chain.None, false},
		"a client that cancelled":        {&flag{DownstreamRemoteReset: true}, "", chain.None, false},
		"a cut that the guard saw":       {nil, envoy.BrokenCut, chain.BrokenEnd, false},
		"an error that the guard saw":    {nil, envoy.BrokenError, chain.BrokenError, false},
		"a failure with its usage":       {nil, envoy.BrokenFailed, chain.BrokenError, true},
		"a cut whose client has left":    {&flag{DownstreamConnectionTermination: true}, envoy.BrokenCut, chain.None, false},
		"a cut that is also a reset":     {&flag{UpstreamRemoteReset: true}, envoy.BrokenCut, chain.BrokenEnd, false},
		"what a later guard might say":   {nil, "otherwise", chain.BrokenError, false},
		"a provider that nobody reached": {&flag{UpstreamConnectionFailure: true}, "", chain.None, true},
	} {
		common := &accesslogv3.AccessLogCommon{
			ResponseFlags: tt.flags, TimeToFirstUpstreamTxByte: durationpb.New(time.Millisecond), TimeToLastUpstreamRxByte: durationpb.New(2 * time.Second),
			Metadata: &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{
				envoy.UsageNamespace: {Fields: map[string]*structpb.Value{envoy.UsageBroken: structpb.NewStringValue(tt.broken)}},
			}},
		}
		wire, err := proto.Marshal(&accesslogv3.HTTPAccessLogEntry{CommonProperties: common})
		if err != nil {
			t.Fatal(err)
		}
		var e logEntry
		if err := e.decode(wire); err != nil || e.broke() != tt.want || e.whole() != tt.whole {
			t.Errorf("%s: %v, usage whole %t, %v", name, e.broke(), e.whole(), err)
		}
		if e.sent != time.Millisecond || e.heard != 2*time.Second {
			t.Errorf("%s: from %s to %s", name, e.sent, e.heard)
		}
	}
}
