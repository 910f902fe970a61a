package xds

import (
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

func TestPublishRefusesAnInconsistentSet(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*Resources)
		want  []string
	}{
		{
			name:  "a cluster of a priority group is missing",
			spoil: func(r *Resources) { r.Clusters = without(r.Clusters, "to-a") },
			want:  []string{`route configuration "dragoman-edge" names cluster "to-a", which does not exist`},
		},
		{
			name:  "a cluster of an attempt listener's inline route is missing",
			spoil: func(r *Resources) { r.Clusters = without(r.Clusters, "api-b") },
			want:  []string{`listener "at-b" names cluster "api-b", which does not exist`},
		},
		{
			name:  "the listener behind a cluster is missing",
			spoil: func(r *Resources) { r.Listeners = without(r.Listeners, "at-a") },
			want:  []string{`cluster "to-a" names listener "at-a", which does not exist`},
		},
		{
			name:  "the edge's route configuration is missing",
			spoil: func(r *Resources) { r.Routes = nil },
			want:  []string{`listener "edge" names route configuration "dragoman-edge", which does not exist`},
		},
		{
			name: "all is named at once",
			spoil: func(r *Resources) {
				r.Clusters = without(r.Clusters, "to-a")
				r.Listeners = without(r.Listeners, "at-b")
			},
			want: []string{`names cluster "to-a"`, `names listener "at-b"`},
		},
		{
			name: "plain, weighted and mirrored clusters count",
			spoil: func(r *Resources) {
				r.Routes = append(r.Routes,
					routesCalled("plain", &routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: "x"}}),
					routesCalled("weighted", &routev3.RouteAction{
						ClusterSpecifier: &routev3.RouteAction_WeightedClusters{WeightedClusters: &routev3.WeightedCluster{
							Clusters: []*routev3.WeightedCluster_ClusterWeight{{Name: "api-a"}, {Name: "y"}},
						}},
						RequestMirrorPolicies: []*routev3.RouteAction_RequestMirrorPolicy{{Cluster: "z"}},
					}))
			},
			want: []string{`"plain" names cluster "x"`, `"weighted" names cluster "y"`, `"weighted" names cluster "z"`},
		},
		{
			name: "a secret that comes by ADS is missing",
			spoil: func(r *Resources) {
				r.Listeners[0].FilterChains[0].TransportSocket = downstreamTLS("certificate")
			},
			want: []string{`listener "at-a" names secret "certificate", which does not exist`},
		},
		{
			name:  "two of one name",
			spoil: func(r *Resources) { r.Clusters = append(r.Clusters, apiCluster("a", true)) },
			want:  []string{`two clusters are called "api-a"`},
		},
		{
			name:  "no name",
			spoil: func(r *Resources) { r.Listeners = append(r.Listeners, &listenerv3.Listener{}) },
			want:  []string{"listener 3 has no name"},
		},
		{
			name: "bytes that are not what they claim to be",
			spoil: func(r *Resources) {
				r.Clusters[0].TypedExtensionProtocolOptions = map[string]*anypb.Any{
					"x": {TypeUrl: "type.googleapis.com/envoy.config.cluster.v3.Cluster", Value: []byte{0xff}},
				}
			},
			want: []string{`cluster "to-a": type.googleapis.com/envoy.config.cluster.v3.Cluster does not decode`},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := New(Config{})
			if err != nil {
				t.Fatal(err)
			}
			r := gateway("a b")
			tt.spoil(&r)
			err = s.Publish(r)
			if err == nil {
				t.Fatal("it was published")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if s.takeInbox() != nil {
				t.Error("Run would publish it all the same")
			}
		})
	}
}

func TestPublishTakesWhatIsThere(t *testing.T) {
	s, err := New(Config{Static: []string{"dragoman-extproc"}})
	if err != nil {
		t.Fatal(err)
	}
	r := gateway("a")
	r.Routes = append(r.Routes, routesCalled("verdict", &routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: "dragoman-extproc"}}))
	r.Listeners[0].FilterChains[0].TransportSocket = downstreamTLS("certificate")
	r.Secrets = []*tlsv3.Secret{{Name: "certificate"}}
	// Another program's extension is none of our business.
	r.Clusters[0].TypedExtensionProtocolOptions = map[string]*anypb.Any{"x": {TypeUrl: "type.googleapis.com/unheard.of.Type", Value: []byte{0xff}}}
	if err := s.Publish(r); err != nil {
		t.Errorf("a consistent set was refused: %v", err)
	}
}

func without[M named](messages []M, name string) []M {
	var kept []M
	for _, m := range messages {
		if m.GetName() != name {
			kept = append(kept, m)
		}
	}
	return kept
}

func routesCalled(name string, action *routev3.RouteAction) *routev3.RouteConfiguration {
	r := routesTo(action)
	r.Name = name
	return r
}

func downstreamTLS(secret string) *corev3.TransportSocket {
	return &corev3.TransportSocket{
		Name: "envoy.transport_sockets.tls",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: packed(&tlsv3.DownstreamTlsContext{
			CommonTlsContext: &tlsv3.CommonTlsContext{TlsCertificateSdsSecretConfigs: []*tlsv3.SdsSecretConfig{{
				Name:      secret,
				SdsConfig: &corev3.ConfigSource{ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}}},
			}}},
		})},
	}
}
