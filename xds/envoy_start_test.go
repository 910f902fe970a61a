package xds

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	internalbootv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/bootstrap/internal_listener/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/dragoman-gateway/dragoman/envoy/binary"
)

func serveLoopback(t *testing.T, registry *prometheus.Registry) (*Server, *net.TCPAddr) {
	t.Helper()
	s, err := New(Config{RemoveAfter: 2 * time.Second, Registerer: registry})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	s.Register(g)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := g.Serve(listener); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); g.Stop(); running.Wait() })
	return s, listener.Addr().(*net.TCPAddr)
}

// reaching lets the providers' clusters lead to a real server, and the edge
// listen on a port of the kernel's choice. The provider called bad is given
// something that no Envoy has.
func reaching(r Resources, provider net.Addr) Resources {
	for i, c := range r.Clusters {
		if strings.HasPrefix(c.GetName(), "api-") {
			r.Clusters[i] = staticCluster(c.GetName(), c.GetAltStatName() != "", loopback(uint32(provider.(*net.TCPAddr).Port)))
		}
		if c.GetName() == "api-bad" {
			r.Clusters[i].TransportSocket = &corev3.TransportSocket{Name: "no.such.socket"}
		}
	}
	for _, l := range r.Listeners {
		if l.GetName() == "edge" {
			l.Address = loopback(0)
		}
	}
	return r
}

// startEnvoy runs Envoy until the test ends and gives the edge's URL.
func startEnvoy(t *testing.T, xds *net.TCPAddr, kind corev3.ApiConfigSource_ApiType) string {
	t.Helper()
	path, _, err := binary.Find(t.Context(), binary.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config, admin := filepath.Join(dir, "envoy.json"), filepath.Join(dir, "admin")
	encoded, err := protojson.Marshal(bootstrap(xds, kind))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "-c", config, "--admin-address-path", admin, "--disable-hot-restart", "--concurrency", "2", "-l", "warn")
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := cmd.Wait(); err != nil && !strings.Contains(err.Error(), "context canceled") {
			t.Errorf("Envoy ended with %v", err)
		}
		if t.Failed() {
			t.Log(log.String())
		}
	})
	var edge string
	eventually(t, "Envoy's edge listener", func() bool {
		address, err := os.ReadFile(admin)
		if err != nil {
			return false
		}
		for line := range strings.Lines(get("http://" + string(address) + "/listeners")) {
			if name, at, _ := strings.Cut(strings.TrimSpace(line), "::"); name == "edge" {
				edge = "http://" + at
			}
		}
		return edge != "" && get(edge) == "ok"
	})
	return edge
}

func get(url string) string {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	r, err := client.Get(url)
	if err != nil {
		return ""
	}
	defer func() { _ = r.Body.Close() }()
	body, _ := io.ReadAll(r.Body)
	return string(body)
}

func bootstrap(xds *net.TCPAddr, kind corev3.ApiConfigSource_ApiType) *bootstrapv3.Bootstrap {
	ads := &corev3.ConfigSource{ResourceApiVersion: corev3.ApiVersion_V3, ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}}}
	server := staticCluster("xds", false, loopback(uint32(xds.Port)))
	server.TypedExtensionProtocolOptions = map[string]*anypb.Any{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": packed(&httpv3.HttpProtocolOptions{
		UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{ExplicitHttpConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
			ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{},
		}},
	})}
	return &bootstrapv3.Bootstrap{
		Node:  &corev3.Node{Id: "envoy-1", Cluster: "test"},
		Admin: &bootstrapv3.Admin{Address: loopback(0)},
		BootstrapExtensions: []*corev3.TypedExtensionConfig{{
			Name: "envoy.bootstrap.internal_listener", TypedConfig: packed(&internalbootv3.InternalListener{}),
		}},
		StaticResources: &bootstrapv3.Bootstrap_StaticResources{Clusters: []*clusterv3.Cluster{server}},
		DynamicResources: &bootstrapv3.Bootstrap_DynamicResources{
			LdsConfig: ads, CdsConfig: ads,
			AdsConfig: &corev3.ApiConfigSource{
				ApiType: kind, TransportApiVersion: corev3.ApiVersion_V3, SetNodeOnFirstMessageOnly: true,
				GrpcServices: []*corev3.GrpcService{{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
					EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: "xds"},
				}}},
			},
		},
	}
}
