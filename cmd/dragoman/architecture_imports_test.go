package main_test

import (
	"slices"
	"strconv"
	"strings"
)

// imported is what an import names.
type imported struct {
	path string // of ours: from the module's root
	ours bool
}

// under tells whether a package is root or below it.
func under(pkg, root string) bool { return pkg == root || strings.HasPrefix(pkg, root+"/") }

func underAny(pkg string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(root string) bool { return under(pkg, root) })
}

// sidesApart: a region's xds and an Envoy's ext_proc are separate programs.
func sidesApart(pkg string, i imported) bool {
	if !i.ours {
		return false
	}
	if under(pkg, "extproc") {
		return under(i.path, "xds") && !under(i.path, "xds/catalog")
	}
	return under(pkg, "xds") && under(i.path, "extproc") && !under(i.path, "extproc/llm")
}

func leaf(pkg string, i imported) bool {
	isLeaf := pkg == "envoy" || underAny(pkg, "extproc/llm", "extproc/sse", "extproc/scan")
	return i.ours && isLeaf
}

func pureCore(pkg string, i imported) bool {
	for _, core := range []string{"xds/catalog", "xds/health", "extproc/quota"} {
		if under(pkg, core) {
			return i.ours && i.path != "extproc/llm" && !under(i.path, core)
		}
	}
	return false
}

func protosAtTheEdge(pkg string, i imported) bool {
	isProto := !i.ours && underAny(i.path, "github.com/envoyproxy/go-control-plane", "google.golang.org/protobuf",
		"google.golang.org/genproto", "github.com/cncf/xds")
	mayUse := slices.Contains([]string{"extproc", "xds"}, pkg) ||
		underAny(pkg, "xds/resource", "xds/telemetry", "envoy")
	return isProto && !mayUse
}

func cacheAndServer(pkg string, i imported) bool {
	return pkg != "xds" && underAny(i.path,
		"github.com/envoyproxy/go-control-plane/pkg/cache", "github.com/envoyproxy/go-control-plane/pkg/server")
}

func extProcProtocol(pkg string, i imported) bool {
	return under(i.path, "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc") &&
		pkg != "extproc" && !under(pkg, "envoy/envoytest")
}

// importRules are DESIGN's "Layout". What only a test imports says nothing
// about the architecture, except across the two sides.
func importRules() []rule {
	production, everything := false, true
	return []rule{
		importRule("extproc and xds never import each other", everything, sidesApart,
			"they run as separate programs in a fleet; they share xds/catalog and extproc/llm and nothing else"),
		importRule("leaf packages import nothing of ours", production, leaf,
			"extproc/llm, extproc/sse, extproc/scan and envoy are the words everybody speaks; a word depends on nobody"),
		importRule("catalog, quota and health import only llm", production, pureCore,
			"they are the pure core: what they need of the world comes in as values"),
		importRule("protos stay at the edge", production, protosAtTheEdge,
			"only extproc, xds, xds/resource, xds/telemetry and envoy speak protobuf; the core speaks our types"),
		importRule("only xds speaks go-control-plane's cache and server", production, cacheAndServer,
			"one place decides what is published, and in which version"),
		importRule("only extproc speaks the ext_proc protocol", production, extProcProtocol,
			"one place decides what Envoy is answered"),
	}
}

func importRule(name string, tests bool, broken func(string, imported) bool, reason string) rule {
	return rule{name: name, reason: reason, broken: func(t *tree) (out []string) {
		for _, f := range t.goFiles() {
			if f.test() && !tests {
				continue
			}
			for _, spec := range f.syntax.Imports {
				literal, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					continue // the parser has refused it
				}
				one := imported{path: literal}
				one.path, one.ours = strings.CutPrefix(literal, t.module+"/")
				if broken(f.dir(), one) {
					out = append(out, t.at(f, spec.Pos(), "%s imports %s", f.dir(), one.path))
				}
			}
		}
		return out
	}}
}
