package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc"
	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

const (
	// keysWho is the command's name in the audit trail.
	keysWho = "dragoman keys"
	// keysTime bounds a command's work on the store.
	keysTime = 30 * time.Second
)

// keyStore is where keys are kept: in the Redis of a catalog, else in a state
// directory.
type keyStore struct {
	state, catalog string // as given, "" = not
	makes          bool   // a store where there is none
	served         *catalog.Catalog
	masters        *directory.Keyring // nil = own credentials stay closed
}

// read reads the catalog, if one is named.
func (k *keyStore) read(s streams) error {
	if k.catalog == "" {
		return nil
	}
	c, err := loadKeyless(k.catalog, s)
	k.served = c
	return err
}

// named tells whether a store was named at all.
func (k *keyStore) named() bool { return k.state != "" || k.redis() != nil }

func (k *keyStore) redis() *catalog.Redis {
	if k.served == nil {
		return nil
	}
	return k.served.Store.Redis
}

// with opens the directory for as long as do works on it.
func (k *keyStore) with(ctx context.Context, s streams, do func(*directory.Directory) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, keysTime)
	defer cancel()
	store, closer, err := k.open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	config := directory.Config{
		Store: store, Now: time.Now, Keyring: k.masters,
		Logger: slog.New(slog.DiscardHandler), // what it would log is the gateway's to say
	}
	if k.served != nil {
		config.Reserved = extproc.Reserved(func() *catalog.Catalog { return k.served })
	}
	d, err := directory.Open(ctx, config)
	if err != nil {
		return err
	}
	return do(d)
}

func (k *keyStore) open(ctx context.Context, s streams) (directory.Store, io.Closer, error) {
	served, at := k.served, extproc.StorePlaces{Env: s.env}
	if k.redis() == nil {
		dir, err := k.dir(s)
		if err != nil {
			return nil, nil, err
		}
		served, at.State = &catalog.Catalog{}, dir
	}
	return extproc.OpenDirectoryStore(ctx, served, at)
}

// dir is the state directory. A name with a slip must not become a store in which
// nothing is found.
func (k *keyStore) dir(s streams) (string, error) {
	if k.makes {
		return stateDir(k.state, s)
	}
	dir, err := existingState(k.state, s)
	if errors.Is(err, fs.ErrNotExist) && k.state == "" {
		err = &noStoreError{dir}
	}
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(dir, extproc.DatabaseFile)); errors.Is(err, fs.ErrNotExist) {
		return "", &noStoreError{dir}
	}
	return dir, nil
}

// noStoreError says that a state directory has no store.
type noStoreError struct{ dir string }

func (e *noStoreError) Error() string {
	return "there is no store in " + e.dir + ", which has no " + extproc.DatabaseFile + "; dragoman run shows which directory it uses"
}
