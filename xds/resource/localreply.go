package resource

import (
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	celv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/filters/cel/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// notOurs is true for answers that Envoy makes itself. Those of ext_proc pass
// here too, and carry the body they should have.
const notOurs = `response.code_details != "` + envoy.AnswerDetails + `"`

// edgeReply is what a client reads in place of Envoy's plain text.
type edgeReply struct {
	when                string // CEL
	message, kind, code string
	retryAfter          string // seconds; "" = unsaid
	status              uint32 // in place of Envoy's; 0 = Envoy's
}

// edgeReplies are looked through in order; the last takes the rest.
// %RESPONSE_CODE_DETAILS% would leak socket paths and stays in logs.
var edgeReplies = []edgeReply{
	{
		`response.code == 503`,
		"The gateway cannot serve this request right now; try again in a moment.", "server_error", "gateway_unavailable", "1", 0,
	},
	{`response.code == 504 || response.code == 408`, "The request took longer than the gateway waits.", "server_error", "gateway_timeout", "", 0},
	{`response.code == 413`, "The request is larger than the gateway accepts.", "invalid_request_error", "request_too_large", "", 0},
	{`response.code == 431`, "The request headers are larger than the gateway accepts.", "invalid_request_error", "headers_too_large", "", 0},
	{`response.code == 404`, "Unknown path.", "invalid_request_error", "unknown_url", "", 0},
	{`response.code == 426`, "The gateway needs HTTP/1.1 or later.", "invalid_request_error", "unsupported_http_version", "", 0},
	{
		`response.code == 403`,
		"The gateway does not serve WebSocket or other upgrades, nor CONNECT.", "invalid_request_error", "unsupported_upgrade", "", notImplemented,
	},
	{`response.code < 500`, "The request is not valid HTTP for this gateway.", "invalid_request_error", "bad_request", "", 0},
	{`true`, "The gateway failed to serve this request.", "server_error", "gateway_error", "", 0},
}

// notImplemented is what all that is not served answers with, as ext_proc does
// for paths that it knows.
const notImplemented = 501

// edgeShape is how clients of a dialect read errors.
type edgeShape struct {
	surface llm.Dialect // of the exchange, as ext_proc says
	path    string      // CEL over the path, before it has said anything
	format  func(r *edgeReply) *structpb.Struct
}

// when is the CEL by which a shape is chosen. The path alone would lie where it
// is a provider's already.
func (s *edgeShape) when() string {
	const facts = `metadata.filter_metadata["` + envoy.ExchangeNamespace + `"]`
	const said = `("` + envoy.ExchangeNamespace + `" in metadata.filter_metadata && "` + envoy.FactSurface + `" in ` + facts + `)`
	if s.surface == "" {
		return `true`
	}
	return `(` + said + ` ? ` + facts + `["` + envoy.FactSurface + `"] == "` + string(s.surface) + `" : ` + s.path + `)`
}

// geminiVerb is true for paths of Gemini's API in the version that has its
// prefix in common with OpenAI's.
const geminiVerb = `(request.url_path.startsWith("/v1/models/") && (request.url_path.endsWith("enerateContent") || request.url_path.endsWith(":countTokens")))`

// edgeShapes are looked through in order; the last takes the rest. Sources: the
// error pages of Anthropic's, Google's and OpenAI's API references.
var edgeShapes = []edgeShape{
	{llm.Anthropic, `request.url_path.startsWith("/v1/messages")`, (*edgeReply).anthropic},
	{llm.Gemini, `(request.url_path.startsWith("/v1beta/") || ` + geminiVerb + `)`, (*edgeReply).gemini},
	{"", "", (*edgeReply).openAI},
}

// edgeReplyConfig gives Envoy's own answers (ext_proc away, time limits,
// malformed requests) the JSON that clients read.
func (b *builder) edgeReplyConfig() *hcmv3.LocalReplyConfig {
	c := &hcmv3.LocalReplyConfig{}
	for _, shape := range edgeShapes {
		for i := range edgeReplies {
			r := &edgeReplies[i]
			m := &hcmv3.ResponseMapper{
				Filter:             b.cel(notOurs + " && (" + r.when + ") && " + shape.when()),
				BodyFormatOverride: jsonFormat(shape.format(r)),
				HeadersToAdd: []*corev3.HeaderValueOption{
					setHeader("x-request-id", "%REQ(X-REQUEST-ID)%"), setHeader("request-id", "%REQ(X-REQUEST-ID)%"),
				},
			}
			if r.status != 0 {
				m.StatusCode = wrapperspb.UInt32(r.status)
			}
			if r.retryAfter != "" {
				m.HeadersToAdd = append(m.HeadersToAdd, setHeader("retry-after", r.retryAfter))
			}
			c.Mappers = append(c.Mappers, m)
		}
	}
	return c
}

func jsonFormat(s *structpb.Struct) *corev3.SubstitutionFormatString {
	return &corev3.SubstitutionFormatString{
		Format:      &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: s},
		ContentType: "application/json",
	}
}

func object(members map[string]*structpb.Value) *structpb.Value {
	return structpb.NewStructValue(&structpb.Struct{Fields: members})
}

func (r *edgeReply) openAI() *structpb.Struct {
	text := structpb.NewStringValue
	return &structpb.Struct{Fields: map[string]*structpb.Value{"error": object(map[string]*structpb.Value{
		"message": text(r.message), "type": text(r.kind), "code": text(r.code), "param": structpb.NewNullValue(),
	})}}
}

func (r *edgeReply) anthropic() *structpb.Struct {
	text, kind := structpb.NewStringValue, r.kind
	switch {
	case r.retryAfter != "":
		kind = "overloaded_error"
	case kind == "server_error":
		kind = "api_error"
	}
	return &structpb.Struct{Fields: map[string]*structpb.Value{
		"type":  text("error"),
		"error": object(map[string]*structpb.Value{"type": text(kind), "message": text(r.message)}),
	}}
}

func (r *edgeReply) gemini() *structpb.Struct {
	status := "INVALID_ARGUMENT"
	switch {
	case r.retryAfter != "":
		status = "UNAVAILABLE"
	case r.code == "gateway_timeout":
		status = "DEADLINE_EXCEEDED"
	case r.kind == "server_error":
		status = "INTERNAL"
	}
	return &structpb.Struct{Fields: map[string]*structpb.Value{"error": object(map[string]*structpb.Value{
		"code": structpb.NewStringValue("%RESPONSE_CODE%"), "message": structpb.NewStringValue(r.message), "status": structpb.NewStringValue(status),
	})}}
}

// attemptReplies marks what Envoy answered in a provider's stead, so that the
// attempt stage can tell a refused connection from a provider's own 503. The
// client reads the body only where that stage is away itself: at the edge it
// is an answer like any other.
func (b *builder) attemptReplies() *hcmv3.LocalReplyConfig {
	away, c := &edgeReplies[0], &hcmv3.LocalReplyConfig{}
	for _, shape := range edgeShapes { // while that stage is away, the path is the client's own, but after an express attempt
		c.Mappers = append(c.Mappers, &hcmv3.ResponseMapper{
			Filter:             b.cel(notOurs + " && " + shape.when()),
			BodyFormatOverride: jsonFormat(shape.format(away)),
			HeadersToAdd: []*corev3.HeaderValueOption{
				setHeader(envoy.LocalReplyHeader, "%RESPONSE_FLAGS%"), setHeader("retry-after", away.retryAfter),
			},
		})
	}
	return c
}

func (b *builder) cel(expression string) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_ExtensionFilter{
		ExtensionFilter: &accesslogv3.ExtensionFilter{
			Name:       "envoy.access_loggers.extension_filters.cel",
			ConfigType: &accesslogv3.ExtensionFilter_TypedConfig{TypedConfig: b.any(&celv3.ExpressionFilter{Expression: expression})},
		},
	}}
}
