package main

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest"
	"github.com/dragoman-gateway/dragoman/envoy/process"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

// repository is where this package's tests find what is committed.
const repository = "../.."

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join(repository, filepath.FromSlash(name))
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); make golden writes it anew:\n%s", name, diff)
	}
}

// merged puts b over a as yq's *+ does: lists are appended, and where both
// have a value, b's stays.
func merged(a, b any) any {
	if list, ok := a.([]any); ok {
		if more, ok := b.([]any); ok {
			return append(append([]any{}, list...), more...)
		}
	}
	under, ok1 := a.(map[string]any)
	over, ok2 := b.(map[string]any)
	if !ok1 || !ok2 {
		return b
	}
	out := map[string]any{}
	for key, value := range under {
		out[key] = value
	}
	for key, value := range over {
		if old, both := out[key]; both {
			value = merged(old, value)
		}
		out[key] = value
	}
	return out
}

func parsed(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return v
}

func printed(t *testing.T, v any) string {
	t.Helper()
	text, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// existing is testdata/envoy/existing.yaml on a free port before a real shop.
func existing(t *testing.T) (config, shopURL string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "testdata", "envoy", "existing.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "the shop") }))
	t.Cleanup(shop.Close)
	at, err := url.Parse(shop.URL)
	if err != nil {
		t.Fatal(err)
	}
	port := fmt.Sprint(ports(t, 1)[0])
	config = strings.NewReplacer("port_value: 8080", "port_value: "+port, "port_value: 8081", "port_value: "+at.Port()).Replace(string(text))
	return config, "http://127.0.0.1:" + port
}

func mustShop(t *testing.T, shopURL string) {
	t.Helper()
	if a := mustAsk(t, http.MethodGet, shopURL+"/cart", ""); a.body != "the shop" {
		t.Errorf("the operator's own listener: %v", a)
	}
}

func TestPiecesServeBesideAnExistingListener(t *testing.T) {
	t.Parallel()
	f := newProcesses(t, "")
	f.startParts(t)
	config, shop := existing(t)
	f.startEnvoy(t, printed(t, merged(parsed(t, f.prints(t, "envoy", "pieces")), parsed(t, config))))
	served(t, f.url, "sim/chat", "alpha", f.auth...)
	mustShop(t, shop)
}

func TestAnExternalListenerIsAmongThePiecesAndDoesNotComeByXDS(t *testing.T) {
	t.Parallel()
	f := newProcesses(t, ", external: true")
	f.startParts(t)
	config, shop := existing(t)
	pieces := f.prints(t, "envoy", "pieces", "--node-id", "theirs")
	// The operator moves it and calls it as they like.
	port := ports(t, 1)[0]
	was := f.url[strings.LastIndex(f.url, ":")+1:]
	mine := strings.NewReplacer("port_value: "+was, fmt.Sprint("port_value: ", port), "name: dragoman-edge\n    address", "name: ours\n    address").Replace(pieces)
	if !strings.Contains(mine, "name: ours\n") {
		t.Fatalf("no listener to rename in\n%s", pieces)
	}
	f.startEnvoy(t, printed(t, merged(parsed(t, mine), parsed(t, config))))
	served(t, fmt.Sprint("http://127.0.0.1:", port), "sim/chat", "alpha", f.auth...)
	mustShop(t, shop)
	if err := awaitRefusal("127.0.0.1:" + was); err != nil {
		t.Errorf("xds sends the listener all the same: %v", err)
	}
	// Its routes still come by xDS.
	f.place.file(t, "dragoman.yaml", strings.ReplaceAll(f.catalog, "[alpha, beta]", "[beta, alpha]"))
	served(t, fmt.Sprint("http://127.0.0.1:", port), "sim/chat", "beta", f.auth...)
	if a := mustAsk(t, http.MethodGet, f.xds.says(`admin +(http://\S+)`)[1]+"/readyz", ""); a.status != http.StatusOK {
		t.Errorf("xds: %v", a)
	}
	for _, command := range [][]string{{"run", "--admin", "127.0.0.1:0"}, {"envoy", "static"}} {
		if _, errs, status := f.place.do(t, command...); status != 1 || !strings.Contains(errs, "listen.external") {
			t.Errorf("%s: %d\n%s", command, status, errs)
		}
	}
}

func TestTheEdgeMayStandBehindARouteOfAnExistingListener(t *testing.T) {
	t.Parallel()
	f := newProcesses(t, ", trusted_hops: 1")
	f.startParts(t)
	config, shop := existing(t)
	config = strings.Replace(config, "              - match: {prefix: \"/\"}\n",
		"              - match: {prefix: /v1/}\n                route: {cluster: dragoman, timeout: 0s}\n              - match: {prefix: \"/\"}\n", 1)
	edge := parsed(t, strings.NewReplacer("PORT", f.url[strings.LastIndex(f.url, ":")+1:]).Replace(`static_resources:
  clusters:
  - name: dragoman
    type: STATIC
    load_assignment: {cluster_name: dragoman, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: PORT}}}}]}]}
`))
	f.startEnvoy(t, printed(t, merged(merged(parsed(t, f.prints(t, "envoy", "pieces")), edge), parsed(t, config))))
	served(t, shop, "sim/chat", "alpha", f.auth...)
	mustShop(t, shop)
}

// printedCatalog is what the golden configurations are made of.
const printedCatalog = `listen: {port: 10000, cors_origins: [https://app.example]}
providers:
  alpha: {dialect: openai, base_url: https://api.example.com/v1, ca: roots.pem}
  beta: {dialect: openai, base_url: http://127.0.0.1:9102}
models:
  sim/chat: {targets: [alpha, beta]}
`

// elsewhere is what is written and tested elsewhere: guards and allow-lists.
var elsewhere = regexp.MustCompile(`(?m)(inline_string|regex): .*$`)

func TestEnvoyTakesWhatIsPrinted(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.file(t, "dragoman.yaml", printedCatalog)
	p.file(t, "external.yaml", strings.Replace(printedCatalog, "{port", "{external: true, port", 1))
	const parts = "--extproc unix:/run/dragoman/extproc.sock --xds xds.internal:18000"
	for name, command := range map[string]string{
		"bootstrap": "envoy bootstrap " + parts + " --admin 127.0.0.1:9901 --heap 2000000000 --node-id edge-1",
		"pieces":    "envoy pieces " + parts,
		"external":  "envoy pieces --catalog external.yaml " + parts,
		"static":    "envoy static --extproc unix:/run/dragoman/extproc.sock",
	} {
		out, errs, status := p.do(t, strings.Fields(command)...)
		if status != 0 {
			t.Errorf("dragoman %s: %d\n%s", command, status, errs)
			continue
		}
		stable := elsewhere.ReplaceAllString(strings.ReplaceAll(out, p.dir+"/", "/etc/dragoman/"), "$1: (tested elsewhere)")
		golden(t, "testdata/envoy/"+name+".yaml", stable)
		config := out
		if name == "pieces" || name == "external" {
			mine, _ := existing(t)
			config = printed(t, merged(parsed(t, out), parsed(t, mine)))
		}
		p.file(t, "roots.pem", newAuthority(t).pem())
		if err := process.Validate(t.Context(), envoytest.Binary(t), []byte(config)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFlagsOfPrintedConfigurationsAreChecked(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for command, want := range map[string]string{
		"envoy bootstrap --admin somewhere":            "--admin somewhere: give an IP address and a port",
		"envoy bootstrap --extproc nowhere":            "--extproc nowhere: give unix:PATH or host:port",
		"envoy bootstrap --xds host:port":              "port is no port",
		"envoy bootstrap --node-id extproc-3":          "ext_proc's own",
		"envoy pieces":                                 "there is no dragoman.yaml here",
		"envoy static --catalog missing.yaml":          "missing.yaml",
		"envoy static --heap -1":                       "--heap",
		"run --envoy-log loud":                         "--envoy-log",
		"run --listen 127.0.0.1":                       "--listen 127.0.0.1: give an IP address and a port",
		"run --listen 0.0.0.0:0 --admin 127.0.0.1:0":   "could spend the providers' money",
		"extproc --catalog missing.yaml":               "missing.yaml",
		"sim alpha --control 127.0.0.1:0":              "give NAME=host:port",
		"sim alpha=0.0.0.0:9101 --control 127.0.0.1:0": "is not on loopback",
	} {
		_, errs, status := p.do(t, strings.Fields(command)...)
		if status == 0 || !strings.Contains(errs, want) {
			t.Errorf("dragoman %s: %d, want %q in\n%s", command, status, want, errs)
		}
	}
}
