package resource

import (
	"time"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	alsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/grpc/v3"

	"github.com/dragoman-gateway/dragoman/envoy"
)

// accessLog streams entries to ext_proc, which ends exchanges by them. Entries
// wait in small batches: each flush is one message.
func (b *builder) accessLog(name string) []*accesslogv3.AccessLog {
	flush := b.o.Flush
	if flush == 0 {
		flush = 200 * time.Millisecond
	}
	return []*accesslogv3.AccessLog{{
		Name: "envoy.access_loggers.http_grpc",
		ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: b.any(&alsv3.HttpGrpcAccessLogConfig{
			CommonConfig: &alsv3.CommonGrpcAccessLogConfig{
				LogName:             name,
				TransportApiVersion: corev3.ApiVersion_V3,
				GrpcService:         grpcService(envoy.ExtProcCluster),
				BufferFlushInterval: seconds(flush),
			},
		})},
	}}
}
