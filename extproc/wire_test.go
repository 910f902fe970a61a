package extproc

import (
	"bytes"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	groupv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/router/cluster_specifiers/priority_group/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

func rawHeaders(pairs ...string) *corev3.HeaderMap {
	m := &corev3.HeaderMap{}
	for i := 0; i < len(pairs); i += 2 {
		m.Headers = append(m.Headers, &corev3.HeaderValue{Key: pairs[i], RawValue: []byte(pairs[i+1])})
	}
	return m
}

// cutBy cuts b into buffers of at most size bytes, as gRPC may receive it.
func cutBy(b []byte, size int) mem.BufferSlice {
	var s mem.BufferSlice
	for len(b) > size {
		s, b = append(s, mem.SliceBuffer(b[:size])), b[size:]
	}
	return append(s, mem.SliceBuffer(b))
}

func TestMessagesAreReadAsTheirProtoSaysThem(t *testing.T) {
	t.Parallel()
	hs := &extprocv3.HttpHeaders{Headers: rawHeaders(":method", "POST", "empty", "", "bytes", "\xff\x00"), EndOfStream: true}
	body := &extprocv3.HttpBody{Body: []byte("hello"), EndOfStream: true}
	meta := &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{"x": {}}}
	tests := []struct {
		name string
		in   *extprocv3.ProcessingRequest
		want message
	}{
		{"request headers", &extprocv3.ProcessingRequest{MetadataContext: meta, Request: &extprocv3.ProcessingRequest_RequestHeaders{RequestHeaders: hs}}, message{kind: requestHeaders, end: true}},
		{"response headers", &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseHeaders{ResponseHeaders: hs}}, message{kind: responseHeaders, end: true}},
		{"request body", &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestBody{RequestBody: body}}, message{kind: requestBody, body: []byte("hello"), end: true}},
		{"response body", &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseBody{ResponseBody: &extprocv3.HttpBody{Body: []byte("x")}}}, message{kind: responseBody, body: []byte("x")}},
		{"empty body", &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseBody{ResponseBody: &extprocv3.HttpBody{}}}, message{kind: responseBody}},
		{"request trailers", &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestTrailers{RequestTrailers: &extprocv3.HttpTrailers{}}}, message{kind: requestTrailers, end: true}},
		{"request trailers with names", &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestTrailers{RequestTrailers: &extprocv3.HttpTrailers{Trailers: hs.GetHeaders()}}}, message{kind: requestTrailers, end: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wire, err := proto.Marshal(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			for _, size := range []int{1, 7, 1 << 20} {
				var m message
				if err := m.decode(cutBy(wire, size)); err != nil {
					t.Fatal(err)
				}
				if m.kind != tt.want.kind || m.end != tt.want.end || !bytes.Equal(m.body, tt.want.body) {
					t.Errorf("cut by %d: got %d %v %q", size, m.kind, m.end, m.body)
				}
				if named := tt.name == "request trailers with names"; (named || m.kind <= responseHeaders) && string(m.headers[2].value) != "\xff\x00" {
					t.Errorf("cut by %d: headers %q", size, m.headers)
				}
				m.release()
			}
		})
	}
}

func TestBodiesPourIntoTheirSink(t *testing.T) {
	t.Parallel()
	for _, end := range []bool{false, true} {
		for _, n := range []int{0, 1, 100, 127, 128, 16 << 10, 100 << 10} {
			want := bytes.Repeat([]byte("b"), n)
			wire, err := proto.Marshal(&extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestBody{
				RequestBody: &extprocv3.HttpBody{Body: want, EndOfStream: end},
			}})
			if err != nil {
				t.Fatal(err)
			}
			for _, size := range []int{1, 2, 3, 5, 1000, len(wire) - 1, len(wire) + 1} {
				sink := intake{bytes: []byte("before"), claimed: -1}
				m := message{sink: &sink}
				if err := m.decode(cutBy(wire, max(1, size))); err != nil {
					t.Fatal(err)
				}
				if m.kind != requestBody || m.end != end || !bytes.Equal(m.body, want) || string(sink.bytes) != "before"+string(want) {
					t.Errorf("%d bytes, end %v, cut by %d: kind %d, end %v, %d bytes, sink %d", n, end, size, m.kind, m.end, len(m.body), len(sink.bytes))
				}
				m.release()
			}
		}
	}
}

func TestRepliesAreWhatTheirProtoSays(t *testing.T) {
	t.Parallel()
	option := func(k, v string) *corev3.HeaderValueOption {
		return &corev3.HeaderValueOption{
			Header:       &corev3.HeaderValue{Key: k, RawValue: []byte(v)},
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		}
	}
	mutation := &extprocv3.HeaderMutation{SetHeaders: []*corev3.HeaderValueOption{option("a", "1"), option("b", "")}, RemoveHeaders: []string{"c", "d"}}
	set, remove := []setHeader{{"a", []byte("1")}, {"b", []byte{}}}, [][]byte{[]byte("c"), []byte("d")}
	large := bytes.Repeat([]byte("x"), 100<<10)
	tests := []struct {
		name string
		in   reply
		want *extprocv3.ProcessingResponse
	}{
		{"keep", reply{part: toResponseBody}, &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseBody{
			ResponseBody: &extprocv3.BodyResponse{Response: &extprocv3.CommonResponse{}},
		}}},
		{
			"replace headers and body",
			reply{part: toRequestHeaders, set: set, remove: remove, op: replaceBody, body: large, reroute: true},
			&extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestHeaders{RequestHeaders: &extprocv3.HeadersResponse{Response: &extprocv3.CommonResponse{
				Status: extprocv3.CommonResponse_CONTINUE_AND_REPLACE, HeaderMutation: mutation, ClearRouteCache: true,
				BodyMutation: &extprocv3.BodyMutation{Mutation: &extprocv3.BodyMutation_Body{Body: large}},
			}}}},
		},
		{"replace a chunk by nothing", reply{part: toResponseBody, op: replaceBody}, &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseBody{
			ResponseBody: &extprocv3.BodyResponse{Response: &extprocv3.CommonResponse{BodyMutation: &extprocv3.BodyMutation{Mutation: &extprocv3.BodyMutation_Body{Body: []byte{}}}}},
		}}},
		{"a streamed piece", reply{part: toRequestBody, op: streamedBody, body: []byte("b"), end: true}, &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestBody{
			RequestBody: &extprocv3.BodyResponse{Response: &extprocv3.CommonResponse{BodyMutation: &extprocv3.BodyMutation{Mutation: &extprocv3.BodyMutation_StreamedResponse{
				StreamedResponse: &extprocv3.StreamedBodyResponse{Body: []byte("b"), EndOfStream: true},
			}}}},
		}}},
		{"trailers", reply{part: toRequestTrailers, remove: remove}, &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestTrailers{
			RequestTrailers: &extprocv3.TrailersResponse{HeaderMutation: &extprocv3.HeaderMutation{RemoveHeaders: []string{"c", "d"}}},
		}}},
		{"immediate", reply{part: immediate, status: 429, set: set, remove: remove, body: []byte("{}")}, &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ImmediateResponse{
			ImmediateResponse: &extprocv3.ImmediateResponse{Status: &typev3.HttpStatus{Code: typev3.StatusCode_TooManyRequests}, Headers: mutation, Body: []byte("{}"), Details: envoy.AnswerDetails},
		}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wire := tt.in.encode()
			defer wire.Free()
			got := &extprocv3.ProcessingResponse{}
			if err := proto.Unmarshal(wire.Materialize(), got); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got, protocmp.Transform()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestFactsAndChainsAreWhatTheirProtosSay(t *testing.T) {
	t.Parallel()
	p := &catalog.Provider{Name: "alpha"}
	q := &catalog.Provider{Name: "beta"}
	m := &catalog.Model{Name: "sim/chat"}
	r := reply{
		part:  toRequestHeaders,
		facts: appendFacts(nil, "ns", fact{"a", "1"}, fact{"empty", ""}, fact{"b", "2"}),
		chain: encodeChain([]chain.Target{{Model: m, Target: catalog.Target{Provider: p}}, {Model: m, Target: catalog.Target{Provider: q}}}, true),
	}
	wire := r.encode()
	defer wire.Free()
	got := &extprocv3.ProcessingResponse{}
	if err := proto.Unmarshal(wire.Materialize(), got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"ns": map[string]any{"a": "1", "b": "2"}}
	if d := cmp.Diff(want, got.GetDynamicMetadata().AsMap()); d != "" {
		t.Error(d)
	}
	override := &groupv3.PriorityGroupsOverride{}
	if err := got.GetTypedDynamicMetadata()[envoy.ChainNamespace].UnmarshalTo(override); err != nil {
		t.Fatal(err)
	}
	g := func(cluster string) *groupv3.PriorityGroup {
		return &groupv3.PriorityGroup{Name: cluster, Clusters: []*groupv3.ClusterWeight{{ClusterName: cluster, Weight: wrapperspb.UInt32(1)}}}
	}
	wantChain := &groupv3.PriorityGroupsOverride{PriorityGroups: []*groupv3.PriorityGroup{g(envoy.ExpressCluster("alpha")), g(envoy.AttemptCluster("beta"))}}
	if d := cmp.Diff(wantChain, override, protocmp.Transform()); d != "" {
		t.Error(d)
	}
}

func FuzzMessage(f *testing.F) {
	seed, err := proto.Marshal(&extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestHeaders{
		RequestHeaders: &extprocv3.HttpHeaders{Headers: rawHeaders("a", "b"), EndOfStream: true},
	}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed, 3)
	f.Fuzz(func(t *testing.T, wire []byte, size int) {
		var m, n message
		err := m.decode(cutBy(wire, 1<<20))
		if cut := n.decode(cutBy(wire, max(1, size%64))); (err == nil) != (cut == nil) {
			t.Fatalf("whole %v, cut %v", err, cut)
		}
		want := &extprocv3.ProcessingRequest{}
		if proto.Unmarshal(wire, want) != nil || err != nil {
			return
		}
		var sink intake
		s := message{sink: &sink}
		if s.decode(cutBy(wire, max(1, size%64))) == nil && s.kind == requestBody && m.kind == requestBody && !bytes.Equal(s.body, m.body) {
			t.Fatalf("poured %q, want %q", s.body, m.body)
		}
		if b := want.GetRequestBody(); b != nil && m.kind == requestBody && !bytes.Equal(b.GetBody(), m.body) {
			t.Fatalf("body %q, want %q", m.body, b.GetBody())
		}
	})
}
