package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// rule is one law of the repository, with the reason that its breakers read.
type rule struct {
	name, reason string
	// broken returns one "path:line: what" for each breach.
	broken func(*tree) []string
}

// rules are all laws. Import rules come first: they are the architecture.
func rules() []rule {
	return append(importRules(), shapeRules()...)
}

// The sources are parsed and never compiled, so the laws hold while packages
// are being written, too.
func TestTheRepositoryKeepsItsLaws(t *testing.T) {
	repository, err := readTree(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if len(repository.files) < 10 {
		t.Fatalf("only %d files found", len(repository.files))
	}
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			for _, breach := range r.broken(repository) {
				t.Errorf("%s\n    why: %s", breach, r.reason)
			}
		})
	}
}

// tree is a repository: everything under its root but .git and what
// .gitignore names.
type tree struct {
	module string // the module's path, from go.mod
	fset   *token.FileSet
	files  []*file
}

// file is one file of a tree.
type file struct {
	path string // from the root, with slashes
	text []byte
	// syntax is nil unless the file is Go source of a package (not testdata).
	syntax *ast.File
}

func (f *file) dir() string  { return path.Dir(f.path) }
func (f *file) test() bool   { return strings.HasSuffix(f.path, "_test.go") }
func (f *file) binary() bool { return bytes.IndexByte(f.text[:min(len(f.text), 8000)], 0) >= 0 }

// testdata tells whether the file is data, whatever its name ends in.
func (f *file) testdata() bool {
	return strings.HasPrefix(f.path, "testdata/") || strings.Contains(f.path, "/testdata/")
}

// generated tells whether a program wrote the Go file.
func (f *file) generated() bool { return f.syntax != nil && ast.IsGenerated(f.syntax) }

// goFiles are the parsed files that people wrote.
func (t *tree) goFiles() []*file {
	var out []*file
	for _, f := range t.files {
		if f.syntax != nil && !f.generated() {
			out = append(out, f)
		}
	}
	return out
}

// at formats a breach at a position of a Go file.
func (t *tree) at(f *file, pos token.Pos, format string, args ...any) string {
	return fmt.Sprintf("%s:%d: %s", f.path, t.fset.Position(pos).Line, fmt.Sprintf(format, args...))
}

func readTree(root string) (*tree, error) {
	ignored, err := readIgnored(filepath.Join(root, ".gitignore"))
	if err != nil {
		return nil, err
	}
	t := &tree{fset: token.NewFileSet()}
	err = filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // gone since it was listed
			return nil
		case err != nil || name == root:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || ignored.matches(entry.Name()+"/")):
			return filepath.SkipDir
		case !entry.Type().IsRegular() || ignored.matches(entry.Name()):
			return nil
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		return t.add(filepath.ToSlash(relative), name)
	})
	if err == nil && t.module == "" {
		err = errors.New("no go.mod with a module line")
	}
	return t, err
}

// add reads one file.
func (t *tree) add(relative, name string) error {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	f := &file{path: relative, text: text}
	if relative == "go.mod" {
		line, _, _ := strings.Cut(string(text), "\n")
		t.module = strings.TrimSpace(strings.TrimPrefix(line, "module "))
	}
	if strings.HasSuffix(relative, ".go") && !f.testdata() {
		f.syntax, err = parser.ParseFile(t.fset, relative, text, parser.ParseComments|parser.SkipObjectResolution)
	}
	t.files = append(t.files, f)
	return err
}

// patterns are the lines of a .gitignore, without its finer points.
type patterns []string

func readIgnored(name string) (patterns, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out patterns
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, strings.TrimPrefix(line, "/"))
		}
	}
	return out, err
}

// matches compares a base name; directories end in a slash, as patterns for
// directories do.
func (p patterns) matches(name string) bool {
	for _, pattern := range p {
		if ok, err := path.Match(pattern, name); ok && err == nil {
			return true
		}
	}
	return false
}
