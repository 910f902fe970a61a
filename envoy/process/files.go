package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// files are what a start exchanges with Envoy, in a directory of its own that
// only this user can read.
type files struct {
	dir          string
	bootstrap    string // path, mode 0600
	adminAddress string // path; Envoy writes host:port there
}

func writeFiles(bootstrap []byte) (files, error) {
	dir, err := os.MkdirTemp("", "dragoman-envoy-") // mode 0700
	if err != nil {
		return files{}, err
	}
	// Envoy chooses its parser by the name's ending.
	name := "bootstrap.yaml"
	if bytes.HasPrefix(bytes.TrimSpace(bootstrap), []byte("{")) {
		name = "bootstrap.json"
	}
	f := files{
		dir:          dir,
		bootstrap:    filepath.Join(dir, name),
		adminAddress: filepath.Join(dir, "admin-address"),
	}
	if err := os.WriteFile(f.bootstrap, bootstrap, 0o600); err != nil {
		return files{}, errors.Join(err, f.remove())
	}
	return f, nil
}

func (f files) remove() error { return os.RemoveAll(f.dir) }

// admin reads the address Envoy wrote. Envoy creates the file before it fills
// it, so nonsense means: not yet.
func (f files) admin() (admin, error) {
	text, err := os.ReadFile(f.adminAddress)
	if err != nil {
		return admin{}, errors.New("no admin address yet; has the bootstrap an admin section?")
	}
	address := strings.TrimSpace(string(text))
	if _, _, err := net.SplitHostPort(address); err != nil {
		return admin{}, fmt.Errorf("the admin address %q: %w", address, err)
	}
	return newAdmin(address), nil
}

// requireFree binds each address for a moment.
func requireFree(ctx context.Context, addresses []string) error {
	var config net.ListenConfig
	for _, address := range addresses {
		listener, err := config.Listen(ctx, "tcp", address)
		if errors.Is(err, syscall.EADDRINUSE) {
			return &AddressInUseError{Address: address}
		}
		if err != nil {
			return fmt.Errorf("cannot listen on %s: %w", address, err)
		}
		if err := listener.Close(); err != nil {
			return err
		}
	}
	return nil
}
