package envoytest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// everySurface is a catalog in which each surface has models of each lane, and
// for each of those one whose first target is out of time, and one whose first
// target is not there.
func everySurface() string {
	var b strings.Builder
	fmt.Fprintf(&b, "listen: {port: {{port}}}\nlimits: {body: 256KiB}\nkeys:\n  - {name: all, hash: \"sha256:%x\"}\n  - {name: few, hash: \"sha256:%x\", models: [\"other/*\"]}\nproviders:\n",
		sha256.Sum256([]byte(clientKey)), sha256.Sum256([]byte(clientKey+"-few")))
	for _, d := range []llm.Dialect{llm.OpenAI, llm.Responses, llm.Anthropic, llm.Gemini} {
		for _, name := range []string{"alpha", "beta", "gamma"} {
			fmt.Fprintf(&b, "  %s-%s: {dialect: %s, base_url: \"{{url %q}}\", credential: \"env:KEY_%s\"}\n", d, name, d, name, strings.ToUpper(name))
		}
		fmt.Fprintf(&b, "  %s-hasty: {dialect: %s, base_url: \"{{url \"alpha\"}}\", credential: \"env:KEY_ALPHA\", timeouts: {first_token: 300ms, answer: 300ms}}\n", d, d)
		fmt.Fprintf(&b, "  %s-nobody: {dialect: %s, base_url: \"http://127.0.0.1:1\"}\n", d, d)
	}
	b.WriteString("models:\n")
	for _, s := range surfaces {
		for _, lane := range []string{"auto", "leave", "translate"} {
			fmt.Fprintf(&b, "  %s/%s: {targets: [%[3]s-alpha, %[3]s-beta, %[3]s-gamma], lane: %[2]s}\n", s.name, lane, s.provider)
			for _, first := range []string{"hasty", "nobody"} {
				fmt.Fprintf(&b, "  %s/%s-%s: {targets: [%[4]s-%[3]s, %[4]s-beta], lane: %[2]s}\n", s.name, lane, first, s.provider)
			}
		}
	}
	return b.String()
}

// inquiry is a request to a surface in a lane.
type inquiry struct {
	*surface
	way
	first   string // "hasty" or "nobody": the first target; "" = alpha
	text    string
	sim     string // scripts by provider
	options string // gateway options
}

func (q inquiry) modelName() string {
	if q.first != "" {
		return q.surface.name + "/" + q.lane + "-" + q.first
	}
	return q.surface.name + "/" + q.lane
}

func (q inquiry) request() string {
	b := q.surface.body(q.modelName(), q.text, q.stream)
	if q.sim != "" {
		b += `,"sim":` + q.sim
	}
	if q.options != "" {
		b += `,"providerOptions":{"gateway":` + q.options + `}`
	}
	return b + "}"
}

// key is a header with a client's key as the surface's own clients send it.
func (q inquiry) key(key string) []string {
	switch q.surface.dialect {
	case llm.Anthropic:
		return []string{"x-api-key", key}
	case llm.Gemini:
		return []string{"x-goog-api-key", key}
	}
	return []string{"authorization", "Bearer " + key}
}

// put sends a body to the inquiry's surface and reads the answer.
func (q inquiry) put(t *testing.T, g *Gateway, body string, headers ...string) *Answer {
	t.Helper()
	if len(headers) == 0 {
		headers = q.key(clientKey)
	}
	a, err := g.Do(t.Context(), http.MethodPost, q.path(q.modelName(), q.stream), body, headers...)
	if err != nil {
		t.Error(err)
		return &Answer{Header: http.Header{}}
	}
	return a
}

// refused checks that a body is refused in the surface's own words before any
// provider is asked.
func (q inquiry) refused(t *testing.T, g *Gateway, a *Answer, status int, word string) {
	t.Helper()
	c := a.complaint(t, shapeOf(q.path("", false)))
	if a.Status != status || !strings.Contains(c.message, word) {
		t.Errorf("want %d and %q, got %s", status, word, a)
	}
	if c.generation != "" && c.generation != a.Header.Get("X-Request-Id") {
		t.Errorf("generation %q in the error, %q in the header", c.generation, a.Header.Get("X-Request-Id"))
	}
	g.checkCalls(t, q.text, 0, 0, 0)
	g.checkDiscreet(t, a)
}

// guards are what must hold for every surface in every lane.
var guards = []struct {
	name  string
	only  string // "JSON" or "stream"; "" = both
	alone bool   // nothing else may happen meanwhile
	check func(t *testing.T, g *Gateway, q inquiry)
}{
	{"usage is counted once", "", true, countsUsage},
	{"who has no key is refused before the body", "", false, refusesBeforeTheBody},
	{"an unknown model", "", false, func(t *testing.T, g *Gateway, q inquiry) {
		t.Helper()
		q.lane = "nowhere"
		q.refused(t, g, q.put(t, g, q.request()), 404, "nowhere")
	}},
	{"bad JSON", "", false, func(t *testing.T, g *Gateway, q inquiry) {
		t.Helper()
		q.refused(t, g, q.put(t, g, q.request()+"}"), 400, "not valid JSON")
	}},
	{"a body over the limit", "", false, func(t *testing.T, g *Gateway, q inquiry) {
		t.Helper()
		q.refused(t, g, q.put(t, g, q.surface.body(q.modelName(), strings.Repeat("large ", 60_000), q.stream)+"}"), 413, "larger")
	}},
	{"a key that may not use the model", "", false, func(t *testing.T, g *Gateway, q inquiry) {
		t.Helper()
		q.refused(t, g, q.put(t, g, q.request(), q.key(clientKey+"-few")...), 403, q.modelName())
	}},
	{"the next target serves", "", false, takesTheNext},
	{"broken after its first content", "stream", false, looksBroken},
	{"a missing end", "stream", false, endsTruly},
	{"all targets fail", "", false, namesEachTarget},
	{"headers and secrets stay inside", "", false, keepsSecrets},
}

func TestEverySurfaceKeepsEveryGuardInEveryLane(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: everySurface(), Providers: noonWardens(), Env: keyring})
	for i := range surfaces {
		for _, w := range ways {
			if w.stream && !surfaces[i].streams() {
				continue
			}
			for _, guard := range guards {
				if guard.only != "" && (guard.only == "stream") != w.stream {
					continue
				}
				t.Run(surfaces[i].name+", "+w.name+", "+guard.name, func(t *testing.T) {
					if !guard.alone {
						t.Parallel()
					}
					guard.check(t, g, inquiry{surface: &surfaces[i], way: w, text: t.Name()})
				})
			}
		}
	}
}

func countsUsage(t *testing.T, g *Gateway, q inquiry) {
	t.Helper()
	provider := string(q.surface.provider) + "-alpha"
	before, err := tokens(g, provider)
	if err != nil {
		t.Fatal(err)
	}
	q.sim = `{"*":{"usage":{"prompt_tokens":100,"cached_tokens":30,"completion_tokens":200,"reasoning_tokens":5}}}`
	want := map[string]float64{"input": 70, "cache_read": 30, "output": 195, "reasoning": 5}
	if q.surface.dialect == llm.Embeddings {
		want = map[string]float64{"input": 100}
	}
	if a := q.put(t, g, q.request()); a.Status != http.StatusOK {
		t.Fatal(a)
	}
	Eventually(t, 10*time.Second, "tokens are counted", func() error {
		got, err := tokens(g, provider)
		for class, n := range want {
			if d := got[class] - before[class]; d != n {
				err = errors.Join(err, fmt.Errorf("%s: %v more, want %v", class, d, n))
			}
		}
		return err
	})
}

// refusesBeforeTheBody sends a length and the beginning of a body, and no more.
func refusesBeforeTheBody(t *testing.T, g *Gateway, q inquiry) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	body, end := io.Pipe()
	defer end.Close() //nolint:errcheck // the request has ended
	rq, err := http.NewRequestWithContext(ctx, http.MethodPost, g.URL+q.path(q.modelName(), q.stream), io.MultiReader(strings.NewReader("{"), body))
	if err != nil {
		t.Fatal(err)
	}
	rq.ContentLength = 10 << 10
	rq.Header.Set("Content-Type", "application/json")
	resp, err := g.Client.Do(rq)
	if err != nil {
		t.Fatal(err)
	}
	q.refused(t, g, read(resp), 401, "API key")
}

// takesTheNext lets the first target fail in every way: the answer is that of
// the next one alone.
func takesTheNext(t *testing.T, g *Gateway, q inquiry) {
	t.Helper()
	faults := []struct{ name, first, script string }{
		{"no connection", "nobody", ""},
		{"status 500", "", `"status":500`},
		{"status 429", "", `"status":429`},
		{"a reset", "", `"reset":"before"`},
		{"an error before the content", "", `"error_first":true`},
		{"a malformed answer", "", `"malformed":true`},
		{"an empty answer", "", `"empty":true`},
		{"a web page", "", `"html":true`},
		{"a prompt that is too long", "", `"context_length":true`},
		{"silence", "hasty", `"hang":"headers"`},
		{"silence after the beginning", "hasty", `"hang":"prelude"`},
	}
	atOnce(len(faults), 4, func(i int) { // silence takes a while
		f := faults[i]
		q := q
		q.text, q.first = t.Name()+" "+f.name, f.first
		if f.script != "" {
			q.sim = alphaDoes(f.script)
		}
		a := q.put(t, g, q.request())
		q.options = fmt.Sprintf(`{"only":["%s-beta"]}`, q.surface.provider)
		alone := q.put(t, g, q.request())
		q.checkSame(t, f.name, a, alone)
	})
}

// madeAt is when the exchange began, for providers that do not say when they
// answered.
var madeAt = regexp.MustCompile(`"createTime":"[^"]*"`)

// checkSame compares the answer of beta as the second target with its answer
// as the only one.
func (q inquiry) checkSame(t *testing.T, fault string, a, alone *Answer) {
	t.Helper()
	beta := string(q.surface.provider) + "-beta"
	for want, a := range map[string]*Answer{"2": a, "1": alone} {
		if a.Err != nil || a.Status != http.StatusOK || a.Header.Get("X-Dragoman-Provider") != beta || a.Header.Get("X-Dragoman-Attempts") != want {
			t.Errorf("%s: want 200 of %s at attempt %s, got %s", fault, beta, want, a)
			return
		}
	}
	anonymous := func(a *Answer) string {
		return madeAt.ReplaceAllString(strings.ReplaceAll(string(a.Body), a.Header.Get("X-Dragoman-Generation"), "GENERATION"), "")
	}
	if diff := cmp.Diff(anonymous(alone), anonymous(a)); diff != "" {
		t.Errorf("%s: not the answer of beta alone (-want +got):\n%s", fault, diff)
	}
	if diff := cmp.Diff(alone.spoken(), a.spoken()); diff != "" {
		t.Errorf("%s: not the headers of beta alone (-want +got):\n%s", fault, diff)
	}
	if bytes.Contains(a.Body, []byte("alpha")) || strings.Contains(fmt.Sprint(a.Header), "alpha") {
		t.Errorf("%s: the answer tells of alpha: %v %s", fault, a.Header, a.Body)
	}
}

// looksBroken breaks a stream after its first content: every client can tell,
// and no second target is asked.
func looksBroken(t *testing.T, g *Gateway, q inquiry) {
	t.Helper()
	scripts := []string{
		`"reset":"mid","pause":"20ms"`, `"close":"mid","pause":"20ms"`, `"error_mid":true`, `"truncate":true`, `"truncate":true,"write":"odd","eol":"crlf"`,
	}
	atOnce(len(scripts), len(scripts), func(i int) { // connections take a while to end
		script, q := scripts[i], q
		q.text, q.sim = t.Name()+" "+script, `{"alpha":{`+script+`}}`
		a := q.put(t, g, q.request())
		events := q.events(a.Body)
		last := llm.Event{}
		if len(events) > 0 {
			last = events[len(events)-1]
		}
		if a.Status != http.StatusOK || !bytes.Contains(a.Body, []byte("Hello")) {
			t.Errorf("%s: want the beginning of alpha's answer, got %s", script, a)
		}
		if a.Err == nil && last.Kind != llm.Failed || q.done != "" && bytes.Contains(a.Body, []byte(q.done)) || bytes.Contains(a.Body, []byte("all it has to say")) {
			t.Errorf("%s: the stream does not look broken: %v after\n%s", script, a.Err, a.Body)
		}
		if n := len(g.calls("beta", q.text)); n != 0 {
			t.Errorf("%s: a second target was asked", script)
		}
	})
}

// endsTruly leaves the end marker out after the finish.
func endsTruly(t *testing.T, g *Gateway, q inquiry) {
	t.Helper()
	for _, script := range []string{`"no_done":true`, `"no_done":true,"write":"odd","eol":"crlf"`} {
		q.text, q.sim = t.Name()+" "+script, `{"alpha":{`+script+`}}`
		a := q.put(t, g, q.request())
		events := q.events(a.Body)
		failed := a.Err != nil || len(events) == 0 || events[len(events)-1].Kind == llm.Failed
		marks := bytes.Count(a.Body, []byte(q.done))
		switch {
		case failed:
			t.Errorf("%s: not whole: %v after\n%s", script, a.Err, a.Body)
		case q.done != "" && marks != 1:
			t.Errorf("%s: %d end markers after\n%s", script, marks, a.Body)
		}
	}
}

// namesEachTarget lets all fail: one error in the surface's own shape.
func namesEachTarget(t *testing.T, g *Gateway, q inquiry) {
	t.Helper()
	q.sim = `{"*":{"status":500}}`
	a := q.put(t, g, q.request())
	c := a.complaint(t, shapeOf(q.path("", false)))
	if a.Status != http.StatusBadGateway || c.code != "upstream_unavailable" || a.Header.Get("X-Dragoman-Attempts") != "3" {
		t.Errorf("want 502 after 3 attempts, got %s", a)
	}
	if c.generation == "" || c.generation != a.Header.Get("X-Dragoman-Generation") {
		t.Errorf("generation %q in the error, %q in the header", c.generation, a.Header.Get("X-Dragoman-Generation"))
	}
	var want []triedTarget
	for _, name := range []string{"alpha", "beta", "gamma"} {
		provider := string(q.surface.provider) + "-" + name
		want = append(want, triedTarget{Provider: provider, Model: q.modelName(), Reason: "provider_error", Status: 500})
		if !strings.Contains(c.message, provider+": 500") {
			t.Errorf("the message does not name %s: %s", provider, c.message)
		}
	}
	if diff := cmp.Diff(want, c.attempts); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
	g.checkCalls(t, q.text, 1, 1, 1)
	g.checkDiscreet(t, a)
}

// keepsSecrets sends headers of ours, and has a provider answer with them and
// with its key.
func keepsSecrets(t *testing.T, g *Gateway, q inquiry) {
	t.Helper()
	q.sim = fmt.Sprintf(`{"alpha":{"status":503},"beta":{"headers":%s}}`, forged("beta"))
	var headers []string
	for name, values := range strangers() {
		if !slices.Contains([]string{"Authorization", "X-Api-Key", "Api-Key", "Content-Type"}, name) {
			headers = append(headers, name, values[0])
		}
	}
	a := q.put(t, g, q.request(), append(headers, q.key(clientKey)...)...)
	if a.Status != http.StatusOK {
		t.Fatal(a)
	}
	checkAnswerHeaders(t, a, string(q.surface.provider)+"-beta")
	for _, provider := range []string{"alpha", "beta"} {
		calls := g.calls(provider, q.text)
		if len(calls) != 1 {
			t.Errorf("%s was called %d times", provider, len(calls))
		}
		for _, r := range calls {
			keys := 0
			for _, name := range []string{"Authorization", "X-Api-Key", "X-Goog-Api-Key"} {
				if v := r.Header.Get(name); strings.HasSuffix(v, canary(provider)) {
					keys++
				} else if v != "" {
					t.Errorf("%s received %s: %q", provider, name, v)
				}
				r.Header.Del(name)
			}
			if keys != 1 {
				t.Errorf("%s received its key %d times", provider, keys)
			}
			r.Header.Del("Anthropic-Version")
			checkClean(t, provider, r.Header)
		}
	}
	message := "Incorrect API key provided: " + canary("alpha")
	for _, script := range []string{`"status":401`, `"status":500`, `"error_first":true`} {
		q.text, q.sim = t.Name()+" "+script, fmt.Sprintf(`{"alpha":{%s,"message":%q},"*":{"status":500}}`, script, message)
		a = q.put(t, g, q.request())
		checkSecret(t, script, string(a.Body)+fmt.Sprint(a.Header))
	}
}
