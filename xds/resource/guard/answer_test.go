package guard

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// answerConfig is an edge whose chain is two express clusters, a and b, over
// HTTP/1.1 and over HTTP/2; roomy routes have AnswerBuffer.
func answerConfig(a, b *provider) string {
	script, _ := json.Marshal(Answer())
	cluster := func(name, address, options string) string {
		return fmt.Sprintf(`
  - name: %s
    load_assignment: {cluster_name: %s, endpoints: [{lb_endpoints: [%s]}]}
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {%s: {}}
        http_filters:
        - name: guard
          typed_config:
            '@type': type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
            default_source_code: {inline_string: %s}
        - name: strip
          typed_config:
            '@type': type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
            mutations:
              request_mutations:
              - {remove: x-request-id}
              - {remove_on_match: {key_matcher: {prefix: x-forwarded-}}}
              - {remove_on_match: {key_matcher: {prefix: x-envoy-}}}
              - {remove_on_match: {key_matcher: {prefix: x-dragoman-}}}
              - {append: {header: {key: accept-encoding, value: identity}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}}
              response_mutations:
              - {remove: set-cookie}
              - {remove: alt-svc}
              - {remove_on_match: {key_matcher: {prefix: x-envoy-}}}
              - {remove_on_match: {key_matcher: {prefix: x-dragoman-}}}
              - {append: {header: {key: x-dragoman-keys, value: '%%REQ(AUTHORIZATION)%% %%REQ(X-API-KEY)%% %%REQ(API-KEY)%% %%REQ(X-GOOG-API-KEY)%%'}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}}
        - name: envoy.filters.http.upstream_codec
          typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec}`,
			name, name, endpoint(address), options, script)
	}
	route := func(prefix, first, second, buffer string) string {
		return fmt.Sprintf(`
              - match: {prefix: /, headers: [{name: x-route, string_match: {exact: %s}}]}
                %s
                route:
                  timeout: 0s
                  inline_cluster_specifier_plugin:
                    extension:
                      name: chain
                      typed_config:
                        '@type': type.googleapis.com/envoy.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier
                        priority_groups: [{name: a, clusters: [{cluster_name: %s, weight: 1}]}, {name: b, clusters: [{cluster_name: %s, weight: 1}]}]
                  retry_policy:
                    retry_on: 5xx,reset,connect-failure
                    num_retries: 1
                    refresh_cluster_on_retry: true
                    retry_back_off: {base_interval: 0.001s, max_interval: 0.002s}`, prefix, buffer, first, second)
	}
	roomy := fmt.Sprintf("request_body_buffer_limit: %d", AnswerBuffer)
	return `
static_resources:
  listeners:
  - name: edge
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    per_connection_buffer_limit_bytes: 1048576
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: edge
          use_remote_address: true
          route_config:
            virtual_hosts:
            - name: all
              domains: ['*']
              include_attempt_count_in_response: true
              include_request_attempt_count: true
              routes:` + route("h1", "a1", "b1", roomy) + route("h2", "a2", "b2", roomy) + route("tight", "a1", "b1", "name: tight") + `
          http_filters:
          - name: facts
            typed_config:
              '@type': type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config
              request_rules:
              - {header: x-dialect, on_header_present: {metadata_namespace: dragoman, key: dialect}}
          - name: envoy.filters.http.router
            typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:` + cluster("a1", a.h1, "http_protocol_options") + cluster("a2", a.h2, "http2_protocol_options") +
		cluster("b1", b.h1, "http_protocol_options") + cluster("b2", b.h2, "http2_protocol_options")
}

// answerRig is that edge with its two providers; b answers every request well.
type answerRig struct {
	rig
	second *provider
}

const good = `{"id":"b","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`

func startAnswerRig(t *testing.T) *answerRig {
	t.Helper()
	a, b := startProvider(t), startProvider(t)
	b.otherwise = &reply{status: http.StatusOK, header: jsonType, writes: []string{good}, end: endWithData}
	return &answerRig{
		rig:    rig{provider: a, envoyProcess: startEnvoy(t, answerConfig(a, b)), client: newClient(t)},
		second: b,
	}
}

var jsonType = map[string]string{"Content-Type": "application/json"}

// ask sends a request to the route whose first provider answers with a.
func (r *answerRig) ask(t *testing.T, route string, a reply) (*http.Response, string) {
	t.Helper()
	if a.status == 0 {
		a.status = http.StatusOK
	}
	if a.header == nil {
		a.header = jsonType
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+r.listeners["edge"]+r.script(a), strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Route", route)
	req.Header.Set("X-Dragoman-Route", "m")
	req.Header.Set("X-Envoy-Max-Retries", "1")
	req.Header.Set("Accept-Encoding", "gzip")
	req.Header.Set("Authorization", "Bearer "+ourKey)
	if a.dialect != "" {
		req.Header.Set("X-Dialect", a.dialect)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("after %d bytes: %v", len(body), err)
	}
	return resp, string(body)
}

func object(members string) string { return "{" + members + "}" }

func TestAnswerIsRetriedWhereAnotherTargetMayDoBetter(t *testing.T) {
	r := startAnswerRig(t)
	long := `{"choices":[{"message":{"content":"` + strings.Repeat("x", 5000)
	bad := func(message string) reply {
		return reply{status: http.StatusBadRequest, writes: []string{object(`"error":{"message":"` + message + `"}`)}}
	}
	tests := map[string]reply{
		"HTML":                         {header: map[string]string{"Content-Type": "text/html"}, writes: []string{"<html></html>"}},
		"encoded":                      {writes: []string{"\x1f\x8b"}, header: map[string]string{"Content-Type": "application/json", "Content-Encoding": "gzip"}},
		"a stream":                     {writes: []string{role, finish}, header: map[string]string{"Content-Type": "text/event-stream"}},
		"length in other words":        bad("Please reduce the length of the messages or completion."),
		"support in other words":       bad("This model does not support tools"),
		"no type":                      {header: map[string]string{"Content-Type": ""}, writes: []string{good}},
		"empty":                        {},
		"empty, with length":           {header: map[string]string{"Content-Type": "application/json", "Content-Length": "0"}},
		"white space":                  {writes: []string{" \n"}},
		"cut short":                    {writes: []string{good[:len(good)-1]}}, // it ends with a brace
		"cut short within text":        {writes: []string{good[:len(good)/2]}},
		"two objects":                  {writes: []string{good + good}},
		"cut short, long":              {writes: each(long, 900)},
		"text before":                  {writes: []string{"x" + good}},
		"an array":                     {writes: []string{"[" + good + "]"}},
		"error under 200":              {writes: []string{object(`"error":{"message":"overloaded"}`)}},
		"no choices":                   {writes: []string{object(`"id":"x"`)}},
		"empty choices":                {writes: []string{object(`"choices" : [ ] , "usage":{}`)}},
		"null choices":                 {writes: []string{object(`"choices":null`)}},
		"choices as text":              {writes: []string{object(`"choices":"[{","x":"choices"`)}},
		"context length by code":       {status: http.StatusBadRequest, writes: []string{object(`"error":{"code":"context_length_exceeded"}`)}},
		"context length by words":      bad("This model's Maximum Context Length is 8192 tokens"),
		"context window":               bad("input exceeds the context window"),
		"prompt too long":              bad("prompt is too long: 210000 tokens > 200000 maximum"),
		"too many tokens":              bad("The input token count (9) exceeds the maximum number of tokens allowed (8)"),
		"unsupported parameter":        {status: http.StatusBadRequest, writes: []string{object(`"error":{"code":"unsupported_parameter"}`)}},
		"unsupported value":            {status: http.StatusBadRequest, writes: []string{object(`"error":{"code":"unsupported_value"}`)}},
		"unsupported by words":         bad("tools are not supported by this model"),
		"a feature, as Mistral says":   {status: http.StatusUnprocessableEntity, writes: []string{object(`"detail":[{"type":"extra_forbidden"}]`)}},
		"length, as vLLM may say":      {status: http.StatusRequestEntityTooLarge, writes: []string{object(`"error":"prompt is too long"`)}},
		"our account is out of credit": bad("Your credit balance is too low to access the Anthropic API."),
		"our key, as Google says":      bad("API key not valid. Please pass a valid API key."),
		"our key, as xAI says":         bad("Incorrect API key provided: xa***ey."),
		"the provider's own error":     {status: http.StatusServiceUnavailable, writes: []string{"{}"}},
	}
	for name, a := range tests {
		for _, route := range []string{"h1", "h2", "tight"} {
			for e := endEmpty; e <= endTrailers; e++ {
				a.end = e
				resp, body := r.ask(t, route, a)
				if resp.StatusCode != http.StatusOK || body != good || resp.Header.Get("X-Envoy-Attempt-Count") != "2" {
					t.Errorf("%s over %s, end %d: %s, %v, %q", name, route, e, resp.Status, resp.Header, abbreviate(body))
				}
			}
		}
	}
	r.noScriptErrors(t)
}

func TestAnswerPassesUntouched(t *testing.T) {
	r := startAnswerRig(t)
	big := func(n int) string { return good[:len(good)-1] + `,"pad":"` + strings.Repeat("é", n/2) + "\"}\n" }
	sized := func(s string) map[string]string {
		return map[string]string{"Content-Type": "application/json", "Content-Length": lengthOf(s)}
	}
	late := `{"pad":"` + strings.Repeat("x", 2040) + `","error":null,"choices" : [ {"index":0} ] }`
	tests := map[string]reply{
		"whole":                       {writes: []string{good}},
		"with length":                 {writes: []string{good}, header: sized(good)},
		"in pieces":                   {writes: each(good, 7)},
		"white space around":          {writes: []string{"\n " + good + "\r\n "}},
		"other JSON type":             {writes: []string{good}, header: map[string]string{"Content-Type": "Application/JSON; charset=utf-8"}},
		"choices across what is read": {writes: []string{late}},
		"200 KB":                      {writes: []string{big(200000)}, header: sized(big(200000))},
		"2 MB":                        {writes: []string{big(2000000)}, header: sized(big(2000000))},
		"2 MB of unknown length":      {writes: each(big(2000000), 60000)},
		"an encoded error": {
			status: http.StatusBadRequest, writes: []string{"\x1f\x8b"},
			header: map[string]string{"Content-Type": "application/json", "Content-Encoding": "gzip"},
		},
		"another status":            {status: http.StatusCreated, writes: []string{"<html>"}},
		"a client's mistake":        {status: http.StatusBadRequest, writes: []string{object(`"error":{"message":"messages is missing"}`)}},
		"another client's mistake":  {status: http.StatusUnprocessableEntity, writes: []string{object(`"error":{"message":"messages is missing"}`)}},
		"too large a body":          {status: http.StatusRequestEntityTooLarge, writes: []string{object(`"error":{"message":"body too large"}`)}},
		"an empty 400":              {status: http.StatusBadRequest},
		"no room":                   {status: http.StatusTooManyRequests, writes: []string{"{}"}},
		"choices past the read end": {writes: []string{`{"pad":"` + strings.Repeat("x", 4000) + `","choices":[{}]}`}},
	}
	for name, a := range tests {
		for _, route := range []string{"h1", "h2"} {
			for e := endEmpty; e <= endTrailers; e++ {
				a.end = e
				status := a.status
				if status == 0 {
					status = http.StatusOK
				}
				resp, body := r.ask(t, route, a)
				if want := strings.Join(a.writes, ""); resp.StatusCode != status || body != want || resp.Header.Get("X-Envoy-Attempt-Count") != "1" {
					t.Errorf("%s over %s, end %d: %s, %v, %q", name, route, e, resp.Status, resp.Header, abbreviate(body))
				}
			}
		}
	}
	r.noScriptErrors(t)
}

// TestAnswerBeyondTheBufferIsAFinal500 pins what Envoy does where the route
// has no AnswerBuffer or not enough of it: nothing retries.
func TestAnswerBeyondTheBufferIsAFinal500(t *testing.T) {
	r := startAnswerRig(t)
	for route, size := range map[string]int{"tight": 2 << 20, "h1": AnswerBuffer + 1<<20} {
		resp, body := r.ask(t, route, reply{writes: each(good+strings.Repeat(" ", size), 1<<16)})
		if resp.StatusCode != http.StatusInternalServerError || body != "Internal Server Error" {
			t.Errorf("%s: %s, %q", route, resp.Status, abbreviate(body))
		}
		if seen := r.second.requests(); seen != 0 {
			t.Errorf("%s: the second target was asked %d times", route, seen)
		}
	}
}

func TestAnswerClusterShowsNoHeaderOfOurs(t *testing.T) {
	r := startAnswerRig(t)
	a := reply{writes: []string{good}, header: map[string]string{
		"Content-Type": "application/json", "Set-Cookie": "a=b", "Alt-Svc": "h3", "X-Envoy-Ratelimited": "true", "X-Dragoman-Model": "m", "X-Ratelimit-Remaining": "1",
	}}
	resp, _ := r.ask(t, "h1", a)
	for _, name := range []string{"Set-Cookie", "Alt-Svc", "X-Envoy-Ratelimited", "X-Dragoman-Model"} {
		if v := resp.Header.Get(name); v != "" {
			t.Errorf("the client saw %s: %s", name, v)
		}
	}
	if resp.Header.Get("X-Ratelimit-Remaining") != "1" {
		t.Errorf("the client lost the provider's rate limit: %v", resp.Header)
	}
	seen := r.header(resp.Request.URL.Path)
	for name := range seen {
		for _, prefix := range []string{"X-Envoy-", "X-Dragoman-", "X-Forwarded-", "X-Request-Id"} {
			if strings.HasPrefix(name, prefix) {
				t.Errorf("the provider saw %s", name)
			}
		}
	}
	if got := seen.Get("Accept-Encoding"); got != "identity" {
		t.Errorf("the provider was asked for %q", got)
	}
}

func TestAnswersOfOtherDialectsAreKnownByTheirOwnMembers(t *testing.T) {
	r := startAnswerRig(t)
	tests := map[string]struct {
		dialect, body string
		passes        bool
	}{
		"a message":              {"anthropic", `{"type":"message","content":[{"type":"text","text":"hi"}],"usage":{"output_tokens":1}}`, true},
		"a message of no words":  {"anthropic", `{"type":"message","content":[],"stop_reason":"end_turn"}`, true},
		"an error under 200":     {"anthropic", `{"type":"error","error":{"type":"overloaded_error","message":"no"}}`, false},
		"choices for a message":  {"anthropic", good, false},
		"a response":             {"responses", `{"object":"response","output":[{"type":"message"}]}`, true},
		"no output":              {"responses", `{"object":"response","error":{"code":"server_error"}}`, false},
		"contents":               {"gemini", `{"candidates":[{"content":{"parts":[]}}],"usageMetadata":{"promptTokenCount":1}}`, true},
		"a blocked prompt":       {"gemini", `{"promptFeedback":{"blockReason":"SAFETY"}}`, true},
		"no candidates":          {"gemini", `{"candidates":[]}`, false},
		"vectors":                {"embeddings", `{"object":"list","data":[{"embedding":[0.1]}]}`, true},
		"no vectors":             {"embeddings", `{"object":"list","data":[]}`, false},
		"a dialect nobody knows": {"morse", good, true},
	}
	for name, tt := range tests {
		resp, body := r.ask(t, "h1", reply{writes: []string{tt.body}, dialect: tt.dialect})
		attempts := map[bool]string{true: "1", false: "2"}[tt.passes]
		if (resp.StatusCode == http.StatusOK && body == tt.body) != tt.passes || resp.Header.Get("X-Envoy-Attempt-Count") != attempts {
			t.Errorf("%s: %s, %v, %q", name, resp.Status, resp.Header, abbreviate(body))
		}
	}
	r.noScriptErrors(t)
}

const ourKey = "sk-our-key+0123456789"

// What a target says of its own client, which is the gateway, may hold the
// gateway's key.
func TestAnErrorThatPassesHoldsNoKeyOfOurs(t *testing.T) {
	r := startAnswerRig(t)
	said := func(key string) string {
		return object(`"error":{"message":"` + key + ` may not use this voice: ` + key + `. Bearer"}`)
	}
	for name, a := range map[string]reply{
		"a mistake":          {status: http.StatusBadRequest},
		"another":            {status: http.StatusConflict},
		"a mistake, in HTML": {status: http.StatusBadRequest, header: map[string]string{"Content-Type": "text/html"}},
		"with length": {status: http.StatusUnprocessableEntity, header: map[string]string{
			"Content-Type": "application/json", "Content-Length": lengthOf(said(ourKey)),
		}},
	} {
		a.writes = []string{said(ourKey)}
		for _, route := range []string{"h1", "h2"} {
			for a.end = endEmpty; a.end <= endTrailers; a.end++ {
				resp, body := r.ask(t, route, a)
				if resp.StatusCode != a.status || body != said("(secret)") || resp.Header.Get("X-Dragoman-Keys") != "" {
					t.Errorf("%s over %s, end %d: %s, %v, %q", name, route, a.end, resp.Status, resp.Header, body)
				}
			}
		}
	}
	for _, a := range []reply{{writes: []string{good}}, {status: http.StatusTooManyRequests, writes: []string{"{}"}}, {status: http.StatusCreated}} {
		if resp, _ := r.ask(t, "h1", a); resp.Header.Get("X-Dragoman-Keys") != "" {
			t.Errorf("%s: the client saw our keys: %v", resp.Status, resp.Header)
		}
	}
	r.noScriptErrors(t)
}
