package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Packages are npm packages that programs can import.
type Packages struct {
	node string
	dir  string // holds node_modules
}

// Install makes the packages of dir's package.json and package-lock.json
// ready; from the second time on this takes no network. cache keeps them, and
// a Node.js if need be; "" is "dragoman" in the user's cache directory.
func Install(ctx context.Context, dir, cache string) (*Packages, error) {
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return nil, err
		}
		cache = filepath.Join(user, "dragoman")
	}
	wanted, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil {
		return nil, err
	}
	lock, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return nil, err
	}
	t, err := find(ctx, cache)
	if err != nil {
		return nil, err
	}
	p := &Packages{node: t.node, dir: filepath.Join(cache, "npm-"+fingerprint(wanted, lock))}
	return p, once(p.dir, func(staging string) error {
		for name, text := range map[string][]byte{"package.json": wanted, "package-lock.json": lock} {
			if err := os.WriteFile(filepath.Join(staging, name), text, 0o600); err != nil {
				return err
			}
		}
		return t.install(ctx, staging)
	})
}

// install fetches what the lock in dir names, checked by its hashes. Nothing of
// the packages runs.
func (t *tool) install(ctx context.Context, dir string) error {
	args := slices.Concat(t.npm[1:], []string{"ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"})
	cmd := exec.CommandContext(ctx, t.npm[0], args...)
	cmd.Dir = dir
	// npm is a script that looks for node in PATH.
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(t.node)+string(os.PathListSeparator)+os.Getenv("PATH"))
	return run(cmd)
}

// Run runs an ES module with input on its standard input and gives its standard
// output. The program imports the packages by name. The error holds what it
// wrote to standard error.
func (p *Packages) Run(ctx context.Context, program string, input []byte, args ...string) ([]byte, error) {
	cmd := p.Command(ctx, program, args...)
	cmd.Stdin = bytes.NewReader(input)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		err = errors.Join(err, ctx.Err())
		return out, fmt.Errorf("node: %w: %s", err, strings.TrimSpace(said.String()))
	}
	return out, nil
}

// Command is the process that Run would run, not started yet, for programs that
// are talked to while they run.
func (p *Packages) Command(ctx context.Context, program string, args ...string) *exec.Cmd {
	// A program that has no file is resolved from the working directory.
	cmd := exec.CommandContext(ctx, p.node, append([]string{"--input-type=module", "--eval", program, "--"}, args...)...)
	cmd.Dir = p.dir
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

func fingerprint(texts ...[]byte) string {
	h := sha256.New()
	for _, text := range texts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(text), text) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}
