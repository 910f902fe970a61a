package extproc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/generation/jsonl"
	"github.com/dragoman-gateway/dragoman/extproc/generation/otlp"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/journal"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// accounting is what a Server's Books stand on: the journal, the stores, and
// those who work for them in the background.
type accounting struct {
	log       *slog.Logger
	books     *Books
	stores    *Stores
	directory *directory.Directory
	orphans   []journal.Orphan
	alarm     *alarm
	scratch   string // a state directory of our own making, "" = none
	// inUse is the catalog whose names nobody may give in the directory.
	inUse atomic.Pointer[catalog.Catalog]
}

// openAccounting opens the journal and the stores that a first catalog names;
// they stay for the process's life. changed hears of the directory's changes.
func openAccounting(c *ServerConfig, first *catalog.Catalog, changed func(*directory.Snapshot)) (a *accounting, err error) {
	a = &accounting{log: c.Logger, books: &Books{Estimator: quota.NewEstimator()}}
	a.inUse.Store(first)
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	state := c.State
	if state == "" {
		if state, err = os.MkdirTemp("", "dragoman-state-"); err != nil {
			return a, err
		}
		a.scratch = state
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return a, fmt.Errorf("the state directory: %w", err)
	}
	if a.books.Journal, a.orphans, err = journal.Open(filepath.Join(state, JournalFile), journal.Options{}); err != nil {
		return a, err
	}
	if damage := a.books.Journal.Damage(); damage != nil {
		a.log.Error("the journal was damaged; what is sound in it is taken over", "error", damage)
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTime)
	defer cancel()
	if a.stores, err = OpenStores(ctx, first, StorePlaces{State: state, Env: c.Env}); err != nil {
		return a, err
	}
	a.books.Reader = a.stores.Generations
	if a.alarm, err = newAlarm(ctx, c, first); err != nil {
		return a, err
	}
	a.books.Ledger = quota.NewLedger(quota.Config{
		Store: a.stores.Quota, Journal: a.books.Journal, Wait: first.Quota.Wait, Logger: c.Logger, Crossed: a.alarm.crossed, Interval: c.LeaseInterval, Now: c.Now,
	})
	a.books.Ledger.Owe(a.books.Journal.Owed())
	a.books.regional = newRegional(c, first, a.stores.Regions)
	if err := a.openRecords(ctx, c, first); err != nil {
		return a, err
	}
	if err := a.openDirectory(ctx, c, &opening{first, changed}); err != nil {
		return a, err
	}
	a.books.Used = a.directory.Touch
	return a, nil
}

// openTime bounds how long stores may take to open.
const openTime = 30 * time.Second

// opening is what a directory is opened with.
type opening struct {
	catalog *catalog.Catalog
	changed func(*directory.Snapshot)
}

func (a *accounting) openDirectory(ctx context.Context, c *ServerConfig, o *opening) error {
	ring, err := MasterKeys(ctx, o.catalog, c.Env)
	if err != nil {
		return err
	}
	now := c.Now
	if now == nil {
		now = time.Now
	}
	a.directory, err = directory.Open(ctx, directory.Config{
		Store: a.stores.Directory, Now: now, Logger: c.Logger, OnChange: o.changed, Keyring: ring, Patient: true, Reserved: Reserved(a.inUse.Load),
	})
	return err
}

// MasterKeys reads the master keys that a catalog's secrets name, nil if there
// are none.
func MasterKeys(ctx context.Context, c *catalog.Catalog, env credential.Env) (*directory.Keyring, error) {
	if c.Secrets.Key == (catalog.Reference{}) {
		return nil, nil //nolint:nilnil // own credentials are not kept
	}
	var keys []credential.Secret
	for i, at := range append([]catalog.Reference{c.Secrets.Key}, c.Secrets.Former...) {
		key, err := credential.Resolve(ctx, at, env)
		if err == nil {
			_, err = directory.NewKeyring(key)
		}
		switch {
		case err != nil && i == 0:
			return nil, fmt.Errorf("secrets.key: %w", err)
		case err != nil:
			return nil, fmt.Errorf("secrets.former[%d]: %w", i-1, err)
		}
		keys = append(keys, key)
	}
	return directory.NewKeyring(keys[0], keys[1:]...)
}

func (a *accounting) openRecords(ctx context.Context, c *ServerConfig, first *catalog.Catalog) error {
	g := &first.Generations
	config := generation.Config{
		Store: a.stores.Generations, Logger: c.Logger, Keep: g.Keep, Contents: g.Contents, OnWritten: a.books.Written, Now: c.Now,
	}
	if g.Contents {
		config.Held = heldContents
	}
	if g.JSONL != "" {
		file, err := jsonl.Open(g.JSONL)
		if err != nil {
			return err
		}
		config.Exporters = append(config.Exporters, file)
	}
	if g.OTLP != "" {
		headers, err := OTLPHeaders(ctx, first, c.Env)
		if err != nil {
			return err
		}
		traces, err := otlp.New(ctx, otlp.Config{Endpoint: g.OTLP, Headers: headers, Version: c.Version, Region: first.Store.Region()})
		if err != nil {
			return err
		}
		config.Exporters = append(config.Exporters, traces)
	}
	a.books.Records = generation.New(config)
	return nil
}

// heldContents is how many records with contents may wait to be written.
const heldContents = 2048

// OTLPHeaders reads the headers that a catalog's generations.otlp_headers names.
func OTLPHeaders(ctx context.Context, c *catalog.Catalog, env credential.Env) (map[string]string, error) {
	text, err := credential.ResolveLines(ctx, c.Generations.OTLPHeaders, env)
	if err != nil {
		return nil, fmt.Errorf("generations.otlp_headers: %w", err)
	}
	headers, err := headersOf(text)
	if err != nil {
		return nil, fmt.Errorf("generations.otlp_headers: %w", err)
	}
	return headers, nil
}

// headersOf reads "name: value" lines. Its error tells which line is none, and
// nothing of what it says.
func headersOf(text credential.Secret) (map[string]string, error) {
	headers := make(map[string]string)
	if !text.Set() {
		return headers, nil
	}
	number := 0
	for line := range strings.Lines(text.Reveal()) {
		number++
		name, value, ok := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); ok && name != "" && !strings.ContainsAny(name, " \t") {
			headers[name] = strings.TrimSpace(value)
		} else if strings.TrimSpace(line) != "" {
			return nil, fmt.Errorf("line %d is not of the form name: value", number)
		}
	}
	return headers, nil
}

// run works in the background until ctx is done. The ledger and the records go
// on until requests is, so that what the last requests used is settled.
func (a *accounting) run(ctx, requests context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() {
		if err := a.directory.Run(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("keys and budgets are no longer followed", "error", err)
		}
	})
	told, nothingMore := context.WithCancel(context.WithoutCancel(ctx))
	all.Go(func() { a.alarm.run(told) })
	all.Go(func() { a.books.regional.run(ctx) })
	all.Go(func() {
		defer nothingMore()
		if err := a.books.Ledger.Run(requests); err != nil {
			a.log.Warn("the last settlements stay in the journal", "error", err)
		}
	})
	all.Go(func() {
		if err := a.books.Records.Run(requests); err != nil {
			a.log.Warn("the last records stay in the journal", "error", err)
		}
	})
}

// close gives everything up. What is open in the journal stays there.
func (a *accounting) close() error {
	var errs []error
	if a.stores != nil {
		errs = append(errs, a.stores.Close())
	}
	if a.books.Journal != nil {
		errs = append(errs, a.books.Journal.Close())
	}
	if a.scratch != "" {
		errs = append(errs, os.RemoveAll(a.scratch))
	}
	return errors.Join(errs...)
}
