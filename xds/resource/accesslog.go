package resource

import (
	"time"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	alsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/grpc/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/dragoman-gateway/dragoman/envoy"
)

// accessLog streams entries to ext_proc, which ends exchanges by them. Entries
// wait in small batches: each flush is one message. Where a budget counts
// requests under way, the end of one must not wait: the next would be refused.
func (b *builder) accessLog(name string, filter *accesslogv3.AccessLogFilter) []*accesslogv3.AccessLog {
	flush := b.o.Flush
	if flush == 0 {
		flush = 200 * time.Millisecond
	}
	return []*accesslogv3.AccessLog{{
		Name:   "envoy.access_loggers.http_grpc",
		Filter: filter,
		ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: b.any(&alsv3.HttpGrpcAccessLogConfig{
			CommonConfig: &alsv3.CommonGrpcAccessLogConfig{
				LogName:             name,
				TransportApiVersion: corev3.ApiVersion_V3,
				GrpcService:         grpcService(envoy.ExtProcCluster),
				BufferFlushInterval: seconds(flush),
				BufferSizeBytes:     b.logBuffer(),
			},
		})},
	}}
}

// logBuffer is how many bytes of entries wait at most; nil is Envoy's default.
func (b *builder) logBuffer() *wrapperspb.UInt32Value {
	for i := range b.c.Budgets {
		for _, l := range b.c.Budgets[i].Limits {
			if l.Unit == "concurrent" {
				return u32(0) // none
			}
		}
	}
	return nil
}

// tells lets an attempt's entry through only if it says what the attempt stage
// cannot know: the usage of a stream that it left, or how an answer broke off. An
// attempt that failed before its answer began has some of the flags, too.
func tells() *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_OrFilter{OrFilter: &accesslogv3.OrFilter{
		Filters: []*accesslogv3.AccessLogFilter{
			guardSaid(envoy.UsageRaw),
			guardSaid(envoy.UsageBroken),
			{FilterSpecifier: &accesslogv3.AccessLogFilter_ResponseFlagFilter{
				ResponseFlagFilter: &accesslogv3.ResponseFlagFilter{Flags: []string{"UC", "UR", "LR", "UPE", "SI", "UT", "DT", "UMSDR"}},
			}},
		},
	}}}
}

// guardSaid lets through an entry in which a guard left this.
func guardSaid(key string) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_MetadataFilter{
		MetadataFilter: &accesslogv3.MetadataFilter{
			Matcher: &matcherv3.MetadataMatcher{
				Filter: envoy.UsageNamespace,
				Path: []*matcherv3.MetadataMatcher_PathSegment{{
					Segment: &matcherv3.MetadataMatcher_PathSegment_Key{Key: key},
				}},
				Value: &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_PresentMatch{PresentMatch: true}},
			},
			MatchIfKeyNotFound: wrapperspb.Bool(false),
		},
	}}
}
