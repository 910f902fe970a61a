package main

import (
	"fmt"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// greet prints what is served and what to try next.
func (g *gateway) greet() {
	var b strings.Builder
	base := baseURL(g.first.Listen)
	fmt.Fprintf(&b, "\nDragoman serves %s at %s/v1\n", sizes(g.first), base)
	fmt.Fprintf(&b, "  clients  of OpenAI's take that as their base URL, Anthropic's and Google's take %s\n", base)
	fmt.Fprintf(&b, "  admin    http://%s  (/healthz, /readyz, /metrics)\n", g.admin.Addr())
	fmt.Fprintf(&b, "  Envoy    http://%s  (its own admin page)\n", g.envoy.AdminAddr())
	switch {
	case g.from.path != "":
		fmt.Fprintf(&b, "  catalog  %s  (changes apply by themselves)\n", g.from.path)
	case g.from.fleet != nil:
		b.WriteString("  catalog  none: no dragoman.yaml here and no provider key in the environment, so simulated providers answer:\n" +
			"           alpha as OpenAI does, beta as Anthropic, gamma as Gemini, delta as Bedrock\n")
	default:
		fmt.Fprintf(&b, "  catalog  none: providers switched on by their keys: %s\n", strings.Join(g.from.enabled, ", "))
	}
	g.greetKey(&b)
	auth := ""
	if !g.first.Open {
		auth = " -H \"Authorization: Bearer $DRAGOMAN_KEY\""
	}
	fmt.Fprintf(&b, "\nTry:\n  curl -i %s/v1/chat/completions%s -H 'content-type: application/json' \\\n    -d '{\"model\":%q,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}'\n",
		base, auth, worthATry(g.first))
	if g.from.fleet != nil {
		fmt.Fprintf(&b, "\nThen break a provider and ask again; the answer comes from the next one:\n  curl -X POST 'http://%s/sim/alpha?status=503'\n  curl -X DELETE http://%s/sim/alpha   # mend it\n", g.admin.Addr(), g.admin.Addr())
	}
	b.WriteString("\nPress Ctrl-C to stop.\n")
	fmt.Fprint(g.streams.out, b.String())
}

// worthATry is the model to greet with: the cheapest that is known to use tools
// and to answer in text, else the one that most providers serve.
func worthATry(c *catalog.Catalog) string {
	best, most := c.Models[0], 0
	var least llm.PicoUSD
	cheap := false
	for _, m := range c.Models {
		t := &m.Targets[0]
		if t.Judged && (!t.Able.Has(llm.NeedTools) || t.Able&(llm.NeedEmbeddings|llm.NeedImageOut|llm.NeedAudioOut) != 0) {
			continue
		}
		if t.Prices != nil {
			if p, known := t.Prices.Rates.Output.Get(); known && t.Judged && (!cheap || p < least) {
				best, least, cheap = m, p, true
			}
		}
		if !cheap && len(m.Targets) > most {
			best, most = m, len(m.Targets)
		}
	}
	return best.Name
}

// baseURL is where clients on this machine find the edge, without a path.
func baseURL(l catalog.Listen) string {
	scheme := "http"
	if l.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + reachable(l)
}

// greetKey shows a client key that was just made, which is the only time it
// can be seen, or says why nobody may ask.
func (g *gateway) greetKey(b *strings.Builder) {
	switch {
	case g.from.keyFile == "" && !g.first.Open && len(g.first.Keys) == 0:
		b.WriteString("  keys     none: every request is refused; make one with dragoman keys create\n")
	case g.from.keyFile == "":
	case !g.from.newKey.Set():
		fmt.Fprintf(b, "  key      the one printed when it was made; to make a new one, delete %s\n", g.from.keyFile)
	default:
		fmt.Fprintf(b, "\nYour client key, shown this once (only its hash is kept):\n  export DRAGOMAN_KEY=%s\n", g.from.newKey.Reveal())
	}
}
