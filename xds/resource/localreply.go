package resource

import (
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/dragoman-gateway/dragoman/envoy"
)

// edgeReplies gives Envoy's own answers (ext_proc away, time limits, malformed
// requests) the shape clients read. %RESPONSE_CODE_DETAILS% would leak socket
// paths and stays in logs.
func edgeReplies() *hcmv3.LocalReplyConfig {
	return &hcmv3.LocalReplyConfig{}
}

// attemptReplies marks what Envoy answered in a provider's stead, so that the
// attempt stage can tell a refused connection from a provider's own 503.
func attemptReplies() *hcmv3.LocalReplyConfig {
	return &hcmv3.LocalReplyConfig{Mappers: []*hcmv3.ResponseMapper{{
		Filter: &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_NotHealthCheckFilter{
			NotHealthCheckFilter: &accesslogv3.NotHealthCheckFilter{}}},
		HeadersToAdd: []*corev3.HeaderValueOption{setHeader(envoy.LocalReplyHeader, "%RESPONSE_FLAGS%")},
	}}}
}

func jsonFormat(fields *structpb.Struct) *corev3.SubstitutionFormatString {
	return &corev3.SubstitutionFormatString{
		Format:      &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: fields},
		ContentType: "application/json",
	}
}
