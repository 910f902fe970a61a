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

func TestAWrongLineNamesTheHelpOfItsCommand(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ line, said, usage, help string }{
		{"--loglevel=info", `unknown flag --loglevel, did you mean "--log-level"?`, "dragoman <command> [flags]", "dragoman"},
		{"rnu", `unexpected argument rnu, did you mean "run"?`, "dragoman <command> [flags]", "dragoman"},
		{"keys", `expected one of "create", "list", "revoke", "rotate", "reseal"`, "dragoman keys <command> [flags]", "dragoman keys"},
		{"keys crate", `unexpected argument crate, did you mean "create"?`, "dragoman keys <command> [flags]", "dragoman keys"},
		{"keys create --name joe", "unknown flag --name", "dragoman keys create [<name>] [flags]", "dragoman keys create"},
		{"keys create --tenan acme", `unknown flag --tenan, did you mean "--tenant"?`, "dragoman keys create [<name>] [flags]", "dragoman keys create"},
		{"keys create joe jim", "unexpected argument jim", "dragoman keys create [<name>] [flags]", "dragoman keys create"},
		{"keys rotate", `expected "<key>"`, "dragoman keys rotate <key> [flags]", "dragoman keys rotate"},
		{"usage --by colour", `--by must be one of "day",`, "dragoman usage [flags]", "dragoman usage"},
		{"run --log-level loud --listen x", `--log-level must be one of "debug",`, "dragoman run [flags]", "dragoman run"},
	} {
		var out, errs strings.Builder
		s := streams{out: &out, err: &errs, env: func(string) (string, bool) { return "", false }}
		status := execute(t.Context(), strings.Fields(tt.line), s)
		first, rest, _ := strings.Cut(errs.String(), "\n")
		if status != 2 || out.Len() > 0 || !strings.HasPrefix(first, "dragoman: "+tt.said) {
			t.Errorf("%s: status %d, %q, %q", tt.line, status, out.String(), first)
		}
		if want := "Usage: " + tt.usage + "\nSee " + tt.help + " --help.\n"; rest != want {
			t.Errorf("%s: %q, want %q", tt.line, rest, want)
		}
	}
}
