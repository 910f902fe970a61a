package node

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const clients = "../../../testdata/clients/node"

func TestAProgramImportsThePackagesByName(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	p, err := Install(ctx, clients, "")
	if err != nil {
		t.Fatal(err)
	}
	const program = `
import OpenAI from "openai-4";
let text = "";
for await (const piece of process.stdin) text += piece;
console.log(typeof OpenAI, text, process.argv.at(-1), Number(process.versions.node.split(".")[0]) >= 22);
`
	out, err := p.Run(ctx, program, []byte("in"), "argument")
	if err != nil || string(out) != "function in argument true\n" {
		t.Errorf("got %q, %v", out, err)
	}
	_, err = p.Run(ctx, `throw new Error("no way")`, nil)
	if err == nil || !strings.Contains(err.Error(), "no way") {
		t.Errorf("a program that fails: %v", err)
	}
}

func TestWithoutNodeAndWithoutPythonTheErrorSaysWhatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Install(t.Context(), clients, t.TempDir())
	for _, want := range []string{"need Node.js 22 or newer", "no node in PATH", "python3 is not in PATH"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}

func TestANodeThatIsTooOldIsNotUsed(t *testing.T) {
	dir := t.TempDir()
	for name, says := range map[string]string{"node": "v20.1.0", "npm": "11.0.0"} {
		script := "#!/bin/sh\necho " + says + "\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700); err != nil { // it is a program
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	if _, err := Install(t.Context(), clients, t.TempDir()); err == nil || !strings.Contains(err.Error(), "the node in PATH is v20.1.0") {
		t.Errorf("error %v", err)
	}
}

func TestADirectoryIsFilledOnceAndNeverHalf(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "whole")
	broken := errors.New("broken")
	if err := once(dir, func(string) error { return broken }); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("half a directory is there: %v", err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			err := once(dir, func(staging string) error { return os.WriteFile(filepath.Join(staging, "a"), []byte("a"), 0o600) })
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	text, err := os.ReadFile(filepath.Join(dir, "a"))
	if err != nil || string(text) != "a" {
		t.Errorf("got %q, %v", text, err)
	}
	left, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
