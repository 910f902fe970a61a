package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// model is the command line as kong sees it, for a user without a home.
func model(t *testing.T) *kong.Application {
	t.Helper()
	s := streams{out: io.Discard, err: io.Discard, env: func(name string) (string, bool) {
		return "$" + name, name == "XDG_RUNTIME_DIR"
	}}
	parser, err := newParser(context.Background(), &commands{}, s, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	return parser.Model
}

// leaves are the commands that do something.
func leaves(n *kong.Node) (out []*kong.Node) {
	for _, child := range n.Children {
		if child.Leaf() {
			out = append(out, child)
		}
		out = append(out, leaves(child)...)
	}
	return out
}

func commandPaths(t *testing.T) (out []string) {
	t.Helper()
	for _, n := range leaves(model(t).Node) {
		out = append(out, strings.TrimPrefix(n.Path(), "dragoman "))
	}
	return out
}

// flagTable is what the README says of commands and flags.
func flagTable(t *testing.T) string {
	t.Helper()
	app := model(t)
	var b strings.Builder
	for _, n := range leaves(app.Node) {
		fmt.Fprintf(&b, "| **`%s`** | | %s |\n", strings.TrimSpace(strings.TrimPrefix(n.Summary(), "dragoman ")), cell(n.Help))
		for _, p := range n.Positional {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", p.Summary(), defaultOf(p), cell(p.Help))
		}
		for _, f := range n.Flags {
			fmt.Fprintf(&b, "| `--%s` | %s | %s%s |\n", f.Name, defaultOf(f.Value), cell(f.Help), variable(f))
		}
	}
	for _, f := range app.Flags {
		if f.Name != "help" {
			fmt.Fprintf(&b, "| `--%s` (all) | %s | %s%s |\n", f.Name, defaultOf(f.Value), cell(f.Help), variable(f))
		}
	}
	return "| command, flag | default | what it is |\n|---|---|---|\n" + b.String()
}

func cell(text string) string { return strings.ReplaceAll(strings.TrimSpace(text), "|", `\|`) }

func defaultOf(v *kong.Value) string {
	if v.Default == "" {
		return ""
	}
	return "`" + v.Default + "`"
}

func variable(f *kong.Flag) string {
	if len(f.Envs) == 0 {
		return ""
	}
	return " `$" + strings.Join(f.Envs, "`, `$") + "`"
}
