package binary

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy"
)

// release is an Envoy version without its patch suffix.
type release struct{ major, minor, patch int }

// minimum is the oldest release an operator may bring: the pinned minor.
var minimum = minimumOf(envoy.Version)

// String leaves the patch out: it names a minor release.
func (r release) String() string { return fmt.Sprintf("%d.%d", r.major, r.minor) }

func minimumOf(version string) release {
	r, _ := parseNumber(version)
	r.patch = 0
	return r
}

func (r release) before(other release) bool {
	if r.major != other.major {
		return r.major < other.major
	}
	if r.minor != other.minor {
		return r.minor < other.minor
	}
	return r.patch < other.patch
}

// versionLine is what `envoy --version` prints:
//
//	envoy  version: <git commit>/<version>/<clean?>/<build>/<TLS library>
var versionLine = regexp.MustCompile(`version: [0-9a-zA-Z]*/([0-9][0-9A-Za-z.+-]{0,40})/`)

// parseVersion returns the version as printed ("1.40.0", "1.41.0-dev") and its
// number.
func parseVersion(output []byte) (text string, r release, err error) {
	m := versionLine.FindSubmatch(output)
	if m == nil {
		return "", release{}, fmt.Errorf("--version printed %q, which is not Envoy's", clip(output, 120))
	}
	r, err = parseNumber(string(m[1]))
	return string(m[1]), r, err
}

func parseNumber(version string) (release, error) {
	number, _, _ := strings.Cut(version, "-")
	fields := strings.Split(number, ".")
	if len(fields) != 3 {
		return release{}, fmt.Errorf("%q is not a version", version)
	}
	var n [3]int
	for i, field := range fields {
		value, err := strconv.ParseUint(field, 10, 31)
		if err != nil {
			return release{}, fmt.Errorf("%q is not a version", version)
		}
		n[i] = int(value)
	}
	return release{n[0], n[1], n[2]}, nil
}

// checkOperatorPath accepts an executable Envoy of the pinned minor release or
// newer.
func checkOperatorPath(ctx context.Context, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return errors.New("there is no such file")
		}
		return err
	}
	if info.IsDir() {
		return errors.New("that is a directory")
	}
	if info.Mode()&0o111 == 0 {
		return errors.New("the file is not executable")
	}
	text, r, err := askVersion(ctx, path)
	if err != nil {
		return err
	}
	if r.before(minimum) {
		return fmt.Errorf("that is Envoy %s, older than the %s this build needs", text, minimum)
	}
	return nil
}

// checkPinned accepts exactly the pinned release.
func checkPinned(ctx context.Context, path string) error {
	text, _, err := askVersion(ctx, path)
	if err != nil {
		return err
	}
	if text != envoy.Version {
		return fmt.Errorf("got Envoy %s instead of %s", text, envoy.Version)
	}
	return nil
}

// askVersion runs `path --version`.
func askVersion(ctx context.Context, path string) (string, release, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		cmd := exec.CommandContext(ctx, path, "--version")
		cmd.WaitDelay = time.Second
		out, err := cmd.CombinedOutput()
		if err == nil {
			return parseVersion(out)
		}
		if !errors.Is(err, syscall.ETXTBSY) {
			return "", release{}, fmt.Errorf("running it with --version: %w: %s", err, clip(out, 300))
		}
		// Another goroutine's fork still holds the descriptor through which
		// the file was written, until its own exec closes it.
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return "", release{}, err
		}
	}
}

// pause waits, or returns the context's cause if that ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// clip keeps the last n bytes of what a program printed: the reason comes
// last.
func clip(out []byte, n int) string {
	out = bytes.TrimSpace(out)
	if len(out) > n {
		out = append([]byte("…"), out[len(out)-n:]...)
	}
	return string(bytes.ToValidUTF8(out, []byte("?")))
}
