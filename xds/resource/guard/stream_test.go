package guard

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// streamConfig is a connection manager with the filters of an attempt listener,
// where request headers give the orders that ext_proc gives in production.
func streamConfig(p *provider) string {
	script, _ := json.Marshal(Stream())
	return fmt.Sprintf(`
static_resources:
  listeners:
  - name: attempt
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    per_connection_buffer_limit_bytes: 1048576
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: attempt
          route_config:
            virtual_hosts:
            - name: all
              domains: ['*']
              routes:
              - {match: {prefix: /}, route: {cluster_header: x-cluster, timeout: 0s}}
          http_filters:
          - name: orders
            typed_config:
              '@type': type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config
              request_rules:
              - {header: x-usage, on_header_present: {metadata_namespace: dragoman.guard, key: usage}}
              - {header: x-tail, on_header_present: {metadata_namespace: dragoman.guard, key: tail}}
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
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
`, script, endpoint(p.h1), endpoint(p.h2))
}

// orders are what the guard is told to do.
type orders struct{ usage, tail string }

var (
	dropOnly = orders{usage: "drop"}
	tailOnly = orders{tail: "openai"}
	both     = orders{usage: "drop", tail: "openai"}
)

type rig struct {
	*provider
	*envoyProcess
	client *http.Client
}

func startRig(t *testing.T) *rig {
	t.Helper()
	p := startProvider(t)
	return &rig{provider: p, envoyProcess: startEnvoy(t, streamConfig(p)), client: newClient(t)}
}

func newClient(t *testing.T) *http.Client {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// open sends a request and gives the answer with its body unread.
func (r *rig) open(t *testing.T, cluster string, a reply, o orders) *http.Response {
	t.Helper()
	if a.status == 0 {
		a.status = http.StatusOK
	}
	if a.header == nil {
		a.header = map[string]string{"Content-Type": "text/event-stream"}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost,
		"http://"+r.listeners["attempt"]+r.script(a), strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Cluster", cluster)
	if o.usage != "" {
		req.Header.Set("X-Usage", o.usage)
	}
	if o.tail != "" {
		req.Header.Set("X-Tail", o.tail)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// fetch gives the whole body of the answer.
func (r *rig) fetch(t *testing.T, cluster string, a reply, o orders) string {
	t.Helper()
	b, err := io.ReadAll(r.open(t, cluster, a, o).Body)
	if err != nil {
		t.Fatalf("body after %d bytes: %v", len(b), err)
	}
	return string(b)
}

const (
	done     = "data: [DONE]\n\n"
	broken   = `data: {"error":{"message":"the provider ended the stream before it was complete","type":"upstream_error","code":"upstream_incomplete","param":null}}` + "\n\n"
	role     = `data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}` + "\n\n"
	content  = `data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Grüße 🌍"},"finish_reason":null}],"usage":null}` + "\n\n"
	finish   = `data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}` + "\n\n"
	usage    = `data: {"id":"c","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}` + "\n\n"
	filtered = `data: {"id":"","choices":[],"prompt_filter_results":[{"prompt_index":0}],"usage":null}` + "\n\n"

	whole = role + content + finish + usage + done

	continuous = `data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],"usage":{"total_tokens":8}}` + "\n\n"
	quoted     = `data: {"choices":[{"delta":{"content":"{\"choices\":[],\"usage\":{}}"},"finish_reason":null}],"usage":{}}` + "\n\n"
	nested     = `data: {"x":{"choices":[],"usage":{}},"choices":[{"delta":{}}],"usage":{}}` + "\n\n"
)

// noScriptErrors fails the test if a script has failed: Envoy then lets the
// stream go on without it and only writes a line to its log.
func (r *rig) noScriptErrors(t *testing.T) {
	t.Helper()
	if log := r.log.String(); strings.Contains(log, "script log") {
		t.Errorf("a script failed:\n%s", log)
	}
}

// each cuts s into pieces of n bytes.
func each(s string, n int) []string {
	var out []string
	for ; len(s) > n; s = s[n:] {
		out = append(out, s[:n])
	}
	return append(out, s)
}

func TestStreamPassesUntouchedWithoutOrders(t *testing.T) {
	r := startRig(t)
	for _, cluster := range []string{"h1", "h2"} {
		for _, body := range []string{whole, role + content, role + content[:50], ""} {
			for e := endEmpty; e <= endTrailers; e++ {
				if got := r.fetch(t, cluster, reply{writes: each(body, 100), end: e}, orders{}); got != body {
					t.Errorf("%s end %d: got %q, want %q", cluster, e, got, body)
				}
			}
		}
	}
	r.noScriptErrors(t)
}

func TestStreamOfUsageIsDroppedHoweverItIsCut(t *testing.T) {
	r := startRig(t)
	for name, eol := range map[string]string{"LF": "\n", "CRLF": "\r\n", "CR": "\r"} {
		ends := strings.NewReplacer("\n", eol)
		before := ends.Replace(": hi\n\n" + role + content)
		after := ends.Replace(finish + done)
		for _, unit := range []int{1, 2, 3, 5, 64, 200, 1 << 20} {
			for e := endEmpty; e <= endTrailers; e++ {
				for _, cluster := range []string{"h1", "h2"} {
					a := reply{writes: each(before+ends.Replace(usage)+after, unit), end: e}
					for _, o := range []orders{dropOnly, both} {
						if got := r.fetch(t, cluster, a, o); got != before+after {
							t.Errorf("%s by %d over %s, end %d: got %q", name, unit, cluster, e, got)
						}
					}
				}
			}
		}
	}
	r.noScriptErrors(t)
}

// TestStreamDropsUsageOnly sends each event between others, whole and cut at
// every byte.
func TestStreamDropsUsageOnly(t *testing.T) {
	r := startRig(t)
	padded := `data: {"choices":[{"delta":{"content":"` + strings.Repeat(`a\"choices\":[] `, 8000) + `"}}]}` + "\n\n"
	late := `data: {"usage":{},"pad":"` + strings.Repeat("x", 20000) + `","choices":[]}` + "\n\n"
	tests := map[string]struct{ event, want string }{
		"plain":                            {usage, ""},
		"white space":                      {"data:{ \"choices\" : [ ] , \"usage\" : { \"a\" : [ { } ] } }  \n\n", ""},
		"members in another order":         {`data: {"usage":{"t":{"c":1}},"a":"}\"]","choices":[]}` + "\n\n", ""},
		"with name and number":             {"event: x\nid: 7\nretry: 1\n" + usage, ""},
		"number after data":                {strings.TrimSuffix(usage, "\n") + "id: 7\n\n", ""},
		"comment before":                   {": a\n" + usage, ": a\n"},
		"comment after":                    {strings.TrimSuffix(usage, "\n") + ": b\n\n", ": b\n"},
		"twice":                            {usage + content + usage + usage, content},
		"null error":                       {`data: {"choices":[],"usage":{},"error":null}` + "\n\n", ""},
		"filter results, usage null":       {filtered, filtered},
		"no usage":                         {`data: {"choices":[]}` + "\n\n", `data: {"choices":[]}` + "\n\n"},
		"usage with choices":               {continuous, continuous},
		"error beside usage":               {`data: {"choices":[],"usage":{},"error":{"code":1}}` + "\n\n", `data: {"choices":[],"usage":{},"error":{"code":1}}` + "\n\n"},
		"empty choices in text":            {quoted, quoted},
		"empty choices deeper":             {nested, nested},
		"usage deeper":                     {`data: {"choices":[],"x":{"usage":{}}}` + "\n\n", `data: {"choices":[],"x":{"usage":{}}}` + "\n\n"},
		"two data lines":                   {"data: {\"choices\":[],\ndata: \"usage\":{}}\n\n", "data: {\"choices\":[],\ndata: \"usage\":{}}\n\n"},
		"no JSON":                          {"data: {\"choices\":[],\"usage\":{}\n\n", "data: {\"choices\":[],\"usage\":{}\n\n"},
		"text after JSON":                  {"data: {\"choices\":[],\"usage\":{}}}\n\n", "data: {\"choices\":[],\"usage\":{}}}\n\n"},
		"another field":                    {"datax: {\"choices\":[],\"usage\":{}}\n\n", "datax: {\"choices\":[],\"usage\":{}}\n\n"},
		"long, with empty choices in text": {padded, padded},
		"empty lines":                      {"\n\n\n" + usage, "\n\n\n"},
		"longer than what is held":         {late, ""},
	}
	for name, tt := range tests {
		before, after := role+content, finish+done
		if got := r.fetch(t, "h2", reply{writes: []string{before + tt.event + after}}, both); got != before+tt.want+after {
			t.Errorf("%s in one chunk: got %q", name, abbreviate(got))
		}
		if len(tt.event) > 1000 {
			// Cut, an event beyond the bound passes unparsed.
			pieces := append(append([]string{before}, each(tt.event, 5000)...), after)
			if got := r.fetch(t, "h2", reply{writes: pieces}, both); got != before+tt.event+after {
				t.Errorf("%s in pieces: got %q", name, abbreviate(got))
			}
			continue
		}
		for i := 1; i < len(tt.event); i++ {
			pieces := []string{before + tt.event[:i], tt.event[i:] + after}
			if got := r.fetch(t, "h2", reply{writes: pieces}, both); got != before+tt.want+after {
				t.Errorf("%s cut at %d: got %q", name, i, abbreviate(got))
				break
			}
		}
	}
	r.noScriptErrors(t)
}

func TestStreamDropsUsageWithoutItsBlankLine(t *testing.T) {
	r := startRig(t)
	for _, unit := range []int{1, 10000} {
		a := reply{writes: each(role+finish+strings.TrimRight(usage, "\n"), unit)}
		if got := r.fetch(t, "h2", a, both); got != role+finish+done {
			t.Errorf("by %d: got %q", unit, got)
		}
	}
}

func abbreviate(s string) string {
	if len(s) > 1500 {
		return fmt.Sprintf("%s…(%d bytes)…%s", s[:700], len(s), s[len(s)-700:])
	}
	return s
}

func lengthOf(s string) string { return strconv.Itoa(len(s)) }
