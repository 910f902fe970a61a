package xds

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
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

// TestRepublishingLosesNoRequestOfARealEnvoy replaces providers 30 times under
// the calls of 8 clients. Nothing retries, so every gap would show.
func TestRepublishingLosesNoRequestOfARealEnvoy(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a real Envoy")
	}
	for name, kind := range map[string]corev3.ApiConfigSource_ApiType{
		"state of the world": corev3.ApiConfigSource_GRPC, "delta": corev3.ApiConfigSource_DELTA_GRPC,
	} {
		t.Run(name, func(t *testing.T) {
			provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "ok")
			}))
			t.Cleanup(provider.Close)
			registry := prometheus.NewRegistry()
			s, address := serveLoopback(t, registry)
			publish := func(words string) (version string) {
				r := reaching(gateway(words), provider.Listener.Addr())
				wanted, err := newState(r)
				if err == nil {
					err = s.Publish(r)
				}
				if err != nil {
					t.Fatal(err)
				}
				return wanted[Clusters].version
			}
			publish("p0 p1")
			edge := startEnvoy(t, address, kind)
			stop := callThrough(t, edge, 8)
			for i := 1; i <= 30; i++ {
				version := publish(fmt.Sprintf("p%d p%d", i, i+1) + star(i%4 == 0))
				if i%3 != 0 { // every third one is overtaken by the next
					eventually(t, "the end of the rollout", func() bool { return s.Status().Versions[Clusters] == version })
				}
			}
			calls, failed := stop()
			t.Logf("%d calls, %d failed", calls, len(failed))
			if calls < 1000 || len(failed) > 0 {
				t.Errorf("%d calls, of which failed: %s", calls, strings.Join(failed, "; "))
			}
			for k := range numKinds {
				if n := counted(t, registry, "dragoman_xds_nacks_total", k.String()); n > 0 {
					t.Errorf("Envoy refused %s %v times: %+v", k, n, s.Status().Refusals)
				}
			}
		})
	}
}

func serveLoopback(t *testing.T, registry *prometheus.Registry) (*Server, *net.TCPAddr) {
	t.Helper()
	s, err := New(Config{RemoveAfter: 100 * time.Millisecond, Registerer: registry})
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
// listen on a port of the kernel's choice.
func reaching(r Resources, provider net.Addr) Resources {
	for i, c := range r.Clusters {
		if strings.HasPrefix(c.GetName(), "api-") {
			r.Clusters[i] = staticCluster(c.GetName(), c.GetAltStatName() != "", loopback(uint32(provider.(*net.TCPAddr).Port)))
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
	r, err := http.Get(url)
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

// callThrough lets clients call until stop, which tells how many calls there
// were and what became of those that failed.
func callThrough(t *testing.T, url string, clients int) (stop func() (int64, []string)) {
	var calls atomic.Int64
	var mu sync.Mutex
	var failed []string
	var calling sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for range clients {
		calling.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				calls.Add(1)
				if why := call(client, url); why != "" {
					mu.Lock()
					failed = append(failed, why)
					mu.Unlock()
				}
			}
		})
	}
	stop = sync.OnceValues(func() (int64, []string) {
		cancel()
		calling.Wait()
		return calls.Load(), failed
	})
	t.Cleanup(func() { stop() })
	return stop
}

// call posts, because the client would repeat a GET by itself.
func call(client *http.Client, url string) (failure string) {
	r, err := client.Post(url, "application/json", strings.NewReader("{}"))
	if err != nil {
		return err.Error()
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK || string(body) != "ok" {
		return fmt.Sprintf("%s %q %v", r.Status, body, err)
	}
	return ""
}

// eventually polls until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s did not come in time", what)
		}
	}
}
