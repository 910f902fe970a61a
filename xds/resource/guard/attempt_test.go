package guard

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"
)

// holder is the attempt stage at its least: it gives the guard its orders,
// holds the headers until a body chunk, and leaves.
type holder struct {
	extprocv3.UnimplementedExternalProcessorServer
	removed []string
}

func (h *holder) Process(stream extprocv3.ExternalProcessor_ProcessServer) error {
	headers := &extprocv3.CommonResponse{HeaderMutation: &extprocv3.HeaderMutation{RemoveHeaders: h.removed}}
	for {
		req, err := stream.Recv()
		if err != nil {
			return nil //nolint:nilerr // Envoy ended the stream
		}
		switch req.Request.(type) {
		case *extprocv3.ProcessingRequest_RequestHeaders:
			order, err := structpb.NewStruct(map[string]any{"dragoman.guard": map[string]any{"usage": "drop", "tail": "openai"}})
			if err != nil {
				return err
			}
			err = stream.Send(&extprocv3.ProcessingResponse{DynamicMetadata: order, Response: &extprocv3.ProcessingResponse_RequestHeaders{
				RequestHeaders: &extprocv3.HeadersResponse{Response: &extprocv3.CommonResponse{}},
			}})
			if err != nil {
				return err
			}
		case *extprocv3.ProcessingRequest_ResponseBody:
			err := stream.Send(&extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseHeaders{
				ResponseHeaders: &extprocv3.HeadersResponse{Response: headers},
			}})
			if err != nil {
				return err
			}
			return stream.Send(&extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseBody{
				ResponseBody: &extprocv3.BodyResponse{},
			}})
		}
	}
}

func (h *holder) start(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	extprocv3.RegisterExternalProcessorServer(s, h)
	stopped := make(chan error, 1)
	go func() { stopped <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// attemptConfig is an edge before an attempt listener, as in production.
func attemptConfig(p *provider, extproc string) string {
	script, _ := json.Marshal(Stream())
	return fmt.Sprintf(`
static_resources:
  listeners:
  - name: attempt
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: edge
          route_config: {virtual_hosts: [{name: all, domains: ['*'], routes: [{match: {prefix: /}, route: {cluster: inner, timeout: 0s}}]}]}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  - name: inner
    internal_listener: {}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: attempt
          codec_type: HTTP2
          route_config: {virtual_hosts: [{name: all, domains: ['*'], routes: [{match: {prefix: /}, route: {cluster_header: x-cluster, timeout: 0s}}]}]}
          http_filters:
          - name: extproc
            typed_config:
              '@type': type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor
              grpc_service: {envoy_grpc: {cluster_name: extproc}, timeout: 3600s}
              processing_mode: {request_header_mode: SEND, response_header_mode: SEND, response_body_mode: STREAMED}
              send_body_without_waiting_for_header_response: true
              metadata_options: {receiving_namespaces: {untyped: [dragoman.guard]}}
          - name: guard
            typed_config:
              '@type': type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
              default_source_code: {inline_string: %s}
          - name: envoy.filters.http.router
            typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: h1
    load_assignment: {cluster_name: h1, endpoints: [{lb_endpoints: [%s]}]}
  - name: h2
    load_assignment: {cluster_name: h2, endpoints: [{lb_endpoints: [%s]}]}
    typed_extension_protocol_options: &http2
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
  - name: extproc
    load_assignment: {cluster_name: extproc, endpoints: [{lb_endpoints: [%s]}]}
    typed_extension_protocol_options: *http2
  - name: inner
    load_assignment: {cluster_name: inner, endpoints: [{lb_endpoints: [{endpoint: {address: {envoy_internal_address: {server_listener_name: inner}}}}]}]}
    typed_extension_protocol_options: *http2
    transport_socket:
      name: envoy.transport_sockets.internal_upstream
      typed_config:
        '@type': type.googleapis.com/envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport
        transport_socket:
          name: envoy.transport_sockets.raw_buffer
          typed_config: {'@type': type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer}
`, script, endpoint(p.h1), endpoint(p.h2), endpoint(extproc))
}

func startAttemptRig(t *testing.T, h *holder) *rig {
	t.Helper()
	p := startProvider(t)
	return &rig{provider: p, envoyProcess: startEnvoy(t, attemptConfig(p, h.start(t))), client: newClient(t)}
}

func TestGuardObeysExtProcThatHoldsThenLeaves(t *testing.T) {
	r := startAttemptRig(t, &holder{removed: []string{"content-length"}})
	tests := map[string]struct {
		writes []string
		want   string
	}{
		"usage while the headers are held": {[]string{usage + role, content, finish, done}, role + content + finish + done},
		"usage at the end":                 {[]string{role, content, finish, usage, done}, role + content + finish + done},
		"all at once":                      {[]string{whole}, role + content + finish + done},
		"no end marker":                    {[]string{role, content, finish}, role + content + finish + done},
		"broken":                           {[]string{role, content}, role + content + broken},
		"long":                             {each(strings.Repeat(content, 5000)+finish+done, 3000), strings.Repeat(content, 5000) + finish + done},
	}
	for name, tt := range tests {
		for _, cluster := range []string{"h1", "h2"} {
			for e := endEmpty; e <= endWithData; e++ {
				if got := r.fetch(t, cluster, reply{writes: tt.writes, end: e}, orders{}); got != tt.want {
					t.Errorf("%s over %s, end %d: got %q", name, cluster, e, abbreviate(got))
				}
			}
		}
	}
	r.noScriptErrors(t)
}

// TestHeldHeadersNeedTheirLengthRemoved pins why ext_proc must remove
// content-length: without that the client takes the first chunk for all.
func TestHeldHeadersNeedTheirLengthRemoved(t *testing.T) {
	gate := make(chan struct{}, 1)
	r := startAttemptRig(t, &holder{})
	gate <- struct{}{}
	resp := r.open(t, "h2", reply{writes: []string{usage + role, content, finish, done}, gate: gate}, orders{})
	if got, want := resp.ContentLength, int64(len(role)); got != want {
		t.Errorf("content-length %d, want %d: if Envoy no longer sets it, ext_proc need not remove it", got, want)
	}
	got, err := io.ReadAll(resp.Body)
	if err != nil || string(got) != role {
		t.Errorf("got %q, %v, want the first chunk only", got, err)
	}
}
