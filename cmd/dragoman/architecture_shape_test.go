package main_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
)

const (
	maxFileLines     = 400
	maxFunctionLines = 60
)

func shapeRules() []rule {
	return []rule{
		{"every package has a package comment", "it says what the package promises, what it refuses and how concurrency works in it", packagesWithoutComment},
		{fmt.Sprintf("files have at most %d lines", maxFileLines), "a longer file holds more than one noun; give the second its own", longFiles},
		{fmt.Sprintf("functions have at most %d lines", maxFunctionLines), "loops dispatch, methods act; only tables of data may be longer", longFunctions},
		{"tests do not sleep", "a sleep is either too short or too long; use a channel, poll with a deadline, or testing/synctest (there, receive from time.After)", sleepingTests},
		{"no unfinished marks", "what is not done is not committed; what could be done is an issue", unfinishedMarks},
		{"no panic after start-up", "one request must not end all others; return an error", panics},
		{"folders are named for nouns of the domain", "util, common, helpers, manager, impl and types say nothing; a helper used twice finds its noun", vagueFolders},
		{"the top level stays as DESIGN.md says", "it is the first thing a stranger reads", strayTopLevel},
		{"no paths of one machine", "they work on one machine, and show whose", machinePaths},
	}
}

func packagesWithoutComment(t *tree) (out []string) {
	documented := map[string]bool{}
	for _, f := range t.files {
		if f.syntax == nil || f.test() {
			continue
		}
		name := f.syntax.Name.Name
		text := f.syntax.Doc.Text()
		isComment := strings.HasPrefix(text, "Package "+name+" ") || name == "main" && text != ""
		documented[f.dir()] = documented[f.dir()] || isComment
	}
	for dir, done := range documented {
		if !done {
			out = append(out, fmt.Sprintf("%s: no comment that begins with \"Package %s\"", dir, path.Base(dir)))
		}
	}
	slices.Sort(out)
	return out
}

func longFiles(t *tree) (out []string) {
	for _, f := range t.files {
		code := f.syntax != nil && !f.generated() || strings.HasSuffix(f.path, ".lua")
		if n := bytes.Count(f.text, []byte("\n")); code && n > maxFileLines {
			out = append(out, fmt.Sprintf("%s:%d: %d lines", f.path, n, n))
		}
	}
	return out
}

func longFunctions(t *tree) (out []string) {
	for _, f := range t.goFiles() {
		for _, declaration := range f.syntax.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || function.Body == nil {
				continue
			}
			for _, n := range t.functionLines(function) {
				if n > maxFunctionLines {
					out = append(out, t.at(f, function.Pos(), "%s has %d lines beside its tables", function.Name.Name, n))
				}
			}
		}
	}
	return out
}

// functionLines measures a function without its data: tables (slice and map
// literals), raw strings over several lines, and a literal that makes up most
// of the body. Functions inside a table are measured on their own.
func (t *tree) functionLines(function ast.Node) []int {
	own := t.lines(function)
	var inner []int
	ast.Inspect(function, func(node ast.Node) bool {
		switch literal := node.(type) {
		case *ast.BasicLit:
			if literal.Kind == token.STRING {
				own -= t.lines(literal) - 1
			}
		case *ast.CompositeLit:
			if isTable(literal) || 2*t.lines(literal) > t.lines(function) {
				own -= t.lines(literal) - 1
				inner = append(inner, t.functionsIn(literal)...)
				return false
			}
		}
		return true
	})
	return append(inner, own)
}

// functionsIn measures the function literals in a table.
func (t *tree) functionsIn(table ast.Node) (out []int) {
	ast.Inspect(table, func(node ast.Node) bool {
		if function, ok := node.(*ast.FuncLit); ok {
			out = append(out, t.functionLines(function)...)
			return false
		}
		return true
	})
	return out
}

func isTable(literal *ast.CompositeLit) bool {
	switch literal.Type.(type) {
	case *ast.ArrayType, *ast.MapType:
		return true
	}
	return false
}

func (t *tree) lines(node ast.Node) int {
	return t.fset.Position(node.End()).Line - t.fset.Position(node.Pos()).Line + 1
}

func sleepingTests(t *tree) (out []string) {
	for _, f := range t.goFiles() {
		if !f.test() {
			continue
		}
		ast.Inspect(f.syntax, func(node ast.Node) bool {
			if selector, ok := node.(*ast.SelectorExpr); ok && selector.Sel.Name == "Sleep" {
				if x, ok := selector.X.(*ast.Ident); ok && x.Name == "time" {
					out = append(out, t.at(f, node.Pos(), "time.Sleep in a test"))
				}
			}
			return true
		})
	}
	return out
}

// unfinished is spelled so that this file does not break its own law.
var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME)\b`)

func unfinishedMarks(t *tree) (out []string) {
	for _, f := range t.files {
		if f.syntax != nil {
			for _, group := range f.syntax.Comments {
				for _, comment := range group.List {
					if mark := unfinished.FindString(comment.Text); mark != "" {
						out = append(out, t.at(f, comment.Pos(), "%s", mark))
					}
				}
			}
			continue
		}
		prose := slices.Contains([]string{".md", ".yaml", ".yml", ".lua", ".sh", ""}, path.Ext(f.path))
		if prose && !f.testdata() {
			out = append(out, matches(f, unfinished)...)
		}
	}
	return out
}

func panics(t *tree) (out []string) {
	for _, f := range t.goFiles() {
		if f.test() {
			continue
		}
		ast.Inspect(f.syntax, func(node ast.Node) bool {
			if function, ok := node.(*ast.FuncDecl); ok && f.syntax.Name.Name == "main" && function.Name.Name == "main" {
				return false
			}
			if call, ok := node.(*ast.CallExpr); ok {
				if name, ok := call.Fun.(*ast.Ident); ok && name.Name == "panic" {
					out = append(out, t.at(f, node.Pos(), "panic"))
				}
			}
			return true
		})
	}
	return out
}

func vagueFolders(t *tree) []string {
	vague := []string{"util", "utils", "common", "helper", "helpers", "manager", "managers", "impl", "types"}
	found := map[string]bool{}
	for _, f := range t.files {
		if f.testdata() {
			continue
		}
		for dir := f.dir(); dir != "."; dir = path.Dir(dir) {
			if slices.Contains(vague, path.Base(dir)) {
				found[dir+": a folder of that name"] = true
			}
		}
	}
	return sortedKeys(found)
}

func strayTopLevel(t *tree) []string {
	allowed := strings.Fields("cmd envoy extproc xds testdata go.mod go.sum Makefile README.md compose.yaml LICENSE")
	found := map[string]bool{}
	for _, f := range t.files {
		top, _, _ := strings.Cut(f.path, "/")
		if !strings.HasPrefix(top, ".") && !slices.Contains(allowed, top) {
			found[top+": not on the top level"] = true
		}
	}
	return sortedKeys(found)
}

// machinePath matches an absolute path that begins where a word could: the
// same letters inside a URL are none.
var machinePath = regexp.MustCompile("(?:^|[\\s\"'=:(,`\\[])/(?:work|root|home|tmp|Users)/[\\w.-]")

func machinePaths(t *tree) (out []string) {
	for _, f := range t.files {
		if !f.binary() {
			out = append(out, matches(f, machinePath)...)
		}
	}
	return out
}

// matches returns a breach for each line that the pattern matches.
func matches(f *file, pattern *regexp.Regexp) (out []string) {
	if !pattern.Match(f.text) {
		return nil
	}
	number := 0
	for line := range bytes.Lines(f.text) {
		number++
		if found := pattern.Find(line); found != nil {
			out = append(out, fmt.Sprintf("%s:%d: %s", f.path, number, bytes.TrimSpace(found)))
		}
	}
	return out
}

func sortedKeys(set map[string]bool) []string {
	keys := make([]string, 0, len(set))
	for key := range set {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
