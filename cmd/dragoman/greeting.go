package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc"
	"github.com/dragoman-gateway/dragoman/extproc/admin"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// greet prints what is served and what to try next.
func (g *gateway) greet() {
	var b strings.Builder
	base := baseURL(g.first.Listen)
	fmt.Fprintf(&b, "\nDragoman serves %s at %s/v1\n", sizes(g.first), base)
	fmt.Fprintf(&b, "  clients  of OpenAI's take that as their base URL, Anthropic's and Google's take %s\n", base)
	fmt.Fprintf(&b, "  admin    http://%s  (/healthz, /readyz, /metrics%s)\n", g.admin.Addr(), g.admin.apiHint(g.state))
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
	g.greetHalfway(&b)
	g.greetSpend(&b)
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

// greetHalfway says which keys of the environment switch on nothing.
func (g *gateway) greetHalfway(b *strings.Builder) {
	if g.from.path != "" {
		return
	}
	for _, one := range catalog.HalfwayEnabled(g.streams.env) {
		fmt.Fprintf(b, "           %s is off: $%s is set, but not $%s\n", one.Provider, one.Key, strings.Join(one.Missing, " and $"))
	}
}

// greetSpend says where spend is recorded, and what bounds it.
func (g *gateway) greetSpend(b *strings.Builder) {
	where, ask := filepath.Join(g.state, extproc.DatabaseFile), "dragoman usage"
	switch {
	case g.first.Store.Postgres != (catalog.Reference{}):
		where = "the database of store.postgres"
		if ask += " --catalog " + g.from.path; g.from.path == defaultCatalog && g.command.State == "" {
			ask = "dragoman usage"
		}
	case g.command.State != "":
		ask += " --state " + g.command.State
	}
	fmt.Fprintf(b, "  spend    is recorded in %s; %s shows it\n", where, ask)
	var names []string
	for i := range g.first.Budgets {
		names = append(names, g.first.Budgets[i].Name)
	}
	for _, one := range g.proc.Directory().Current().Budgets {
		names = append(names, one.Name)
	}
	const most = 5
	switch n := len(names); {
	case n == 0:
		b.WriteString("  budgets  none: nothing bounds what is spent\n")
	case n > most:
		fmt.Fprintf(b, "  budgets  %s and %d more\n", strings.Join(names[:most], ", "), n-most)
	default:
		fmt.Fprintf(b, "  budgets  %s\n", strings.Join(names, ", "))
	}
}

// apiHint says where the admin API is and what opens it, "" if nothing does.
func (a *adminListener) apiHint(state string) string {
	switch {
	case !a.config.Token.Set() || a.config.API == nil:
		return ""
	case a.fromEnv:
		return "; /api/v1/ with the token in $" + adminToken
	}
	return "; /api/v1/ with the token in " + filepath.Join(state, admin.TokenFile)
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

// keyStoreFlag names the store of keys that this gateway follows.
func (g *gateway) keyStoreFlag() string {
	if g.first.Store.Redis != nil {
		return "--catalog " + g.from.path
	}
	return "--state " + g.state
}

// greetKey shows a client key that was just made, which is the only time it
// can be seen, or says why nobody may ask.
func (g *gateway) greetKey(b *strings.Builder) {
	known := len(g.first.Keys) + len(g.first.Issuers) + len(g.proc.Directory().Current().Keys)
	switch {
	case g.from.keyFile == "" && !g.first.Open && known == 0:
		fmt.Fprintf(b, "  keys     none: every request is refused; make one with dragoman keys create NAME %s\n", g.keyStoreFlag())
	case g.from.keyFile == "":
	case !g.from.newKey.Set():
		fmt.Fprintf(b, "  key      the one printed when it was made; to make a new one, delete %s\n", g.from.keyFile)
	default:
		fmt.Fprintf(b, "\nYour client key, shown this once (only its hash is kept):\n  export DRAGOMAN_KEY=%s\n", g.from.newKey.Reveal())
	}
}
