package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// apt runs apt-get and apt-cache so that they write below dir only.
type apt struct {
	dir     string
	private bool // with package lists of its own: the system has none
}

// unpack puts the server and the libraries that this system lacks into
// dir/root. apt resolves what is missing, and installs nothing.
func unpack(ctx context.Context, dir string) error {
	for _, tool := range []string{"apt-get", "apt-cache", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return err
		}
	}
	fmt.Fprintln(os.Stderr, "downloading PostgreSQL (about 20 MB) with apt-get")
	a := &apt{dir: dir}
	server, err := a.newest(ctx)
	if err != nil {
		a.private = true
		if _, err := a.run(ctx, "apt-get", "update"); err != nil {
			return err
		}
		if server, err = a.newest(ctx); err != nil {
			return err
		}
	}
	// The package of the client's part is named: initdb asks for it.
	client := "postgresql-client-" + server[len("postgresql-"):]
	if _, err := a.run(ctx, "apt-get", "install", "--download-only", "--yes", "--no-install-recommends", server, client); err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(dir, "cache", "archives", "*.deb"))
	for _, deb := range debs {
		out, failed := exec.CommandContext(ctx, "dpkg-deb", "-x", deb, filepath.Join(dir, "root")).CombinedOutput()
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w: %s", filepath.Base(deb), failed, out))
		}
	}
	return err
}

var serverPackage = regexp.MustCompile(`(?m)^postgresql-(\d+) `)

// newest is the name of the newest server's package.
func (a *apt) newest(ctx context.Context) (string, error) {
	out, err := a.run(ctx, "apt-cache", "search", "--names-only", "^postgresql-[0-9]+$")
	if err != nil {
		return "", err
	}
	var versions []int
	for _, m := range serverPackage.FindAllSubmatch(out, -1) {
		if n, err := strconv.Atoi(string(m[1])); err == nil {
			versions = append(versions, n)
		}
	}
	if len(versions) == 0 {
		return "", errors.New("apt knows no package of a PostgreSQL server")
	}
	return "postgresql-" + strconv.Itoa(slices.Max(versions)), nil
}

func (a *apt) run(ctx context.Context, tool string, args ...string) ([]byte, error) {
	lists, cache := filepath.Join(a.dir, "state"), filepath.Join(a.dir, "cache")
	for _, dir := range []string{filepath.Join(lists, "lists", "partial"), filepath.Join(cache, "archives", "partial")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	options := []string{"-q", "-o", "Dir::Cache=" + cache, "-o", "Debug::NoLocking=true", "-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=20"}
	if a.private {
		options = append(options, "-o", "Dir::State="+lists, "-o", "Dir::State::status=/var/lib/dpkg/status")
	}
	if os.Geteuid() == 0 { // else apt's own user would have to write here
		options = append(options, "-o", "APT::Sandbox::User=root")
	}
	cmd := exec.CommandContext(ctx, tool, append(options, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	var out, faults bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &faults
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", tool, args[0], err, bytes.TrimSpace(faults.Bytes()))
	}
	return out.Bytes(), nil
}
