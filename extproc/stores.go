package extproc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/directory"
	directoryredis "github.com/dragoman-gateway/dragoman/extproc/directory/redis"
	directorysqlite "github.com/dragoman-gateway/dragoman/extproc/directory/sqlite"
	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/generation/postgres"
	generationsqlite "github.com/dragoman-gateway/dragoman/extproc/generation/sqlite"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
	quotaredis "github.com/dragoman-gateway/dragoman/extproc/quota/redis"
	"github.com/dragoman-gateway/dragoman/extproc/quota/regions"
	quotasqlite "github.com/dragoman-gateway/dragoman/extproc/quota/sqlite"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// Files of a state directory.
const (
	DatabaseFile = "dragoman.db" // keys, tenants, budgets, records
	// QuotaFile is apart: a request may wait for it, and a batch of records
	// holds a file's lock for longer than a request waits.
	QuotaFile   = "quota.db"
	JournalFile = "journal.dgm"
)

// Stores are where a catalog says that accounts are kept.
type Stores struct {
	Quota       quota.Store
	Directory   directory.Store
	Generations interface {
		generation.Store
		generation.Reader
	}
	// Regions are the books of this region and of all others, by name; nil if
	// there is but one.
	Regions map[string]regions.Books
	closers []io.Closer
}

// StorePlaces is what is known of them beside the catalog.
type StorePlaces struct {
	State string // the state directory
	Env   credential.Env
}

// OpenStores opens them. A Redis that is away is no error; a file or a database
// that cannot be opened is.
func OpenStores(ctx context.Context, c *catalog.Catalog, at StorePlaces) (s *Stores, err error) {
	s = &Stores{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	file := filepath.Join(at.State, DatabaseFile)
	if c.Store.Redis != nil {
		err = s.openRedis(ctx, c.Store.Redis, at)
	} else {
		err = s.openFiles(ctx, at.State)
	}
	if err != nil {
		return s, err
	}
	if c.Store.Postgres == (catalog.Reference{}) {
		g, err := generationsqlite.Open(ctx, file)
		if err != nil {
			return s, Damaged(file, err)
		}
		s.Generations, s.closers = g, append(s.closers, g)
		return s, nil
	}
	dsn, err := credential.Resolve(ctx, c.Store.Postgres, at.Env)
	if err != nil {
		return s, err
	}
	g, err := postgres.Open(ctx, dsn.Reveal())
	if err != nil {
		return s, err
	}
	s.Generations, s.closers = g, append(s.closers, g)
	return s, nil
}

// Close closes all, the last opened first.
func (s *Stores) Close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i].Close())
	}
	s.closers = nil
	return errors.Join(errs...)
}

func (s *Stores) openFiles(ctx context.Context, state string) error {
	file := filepath.Join(state, DatabaseFile)
	d, err := directorysqlite.Open(ctx, file, directorysqlite.Options{})
	if err != nil {
		return Damaged(file, err)
	}
	s.Directory, s.closers = d, append(s.closers, d)
	file = filepath.Join(state, QuotaFile)
	q, err := quotasqlite.Open(file, quotasqlite.Options{})
	if err != nil {
		return Damaged(file, err)
	}
	s.Quota, s.closers = q, append(s.closers, q)
	return nil
}

func (s *Stores) openRedis(ctx context.Context, r *catalog.Redis, at StorePlaces) error {
	q, err := s.openQuota(ctx, r, at)
	if err != nil {
		return err
	}
	d, err := RedisClient(ctx, r, at.Env)
	if err != nil {
		return err
	}
	s.Quota, s.Directory = q, directoryredis.New(d, directoryredis.Options{Prefix: r.Prefix})
	s.closers = append(s.closers, d)
	if len(r.Regions) > 0 {
		s.Regions = map[string]regions.Books{r.Region: q.Books()}
	}
	for name, other := range r.Regions {
		q, err := s.openQuota(ctx, other, at)
		if err != nil {
			return fmt.Errorf("store.redis.regions.%s: %w", name, err)
		}
		s.Regions[other.Region] = q.Books()
	}
	return nil
}

func (s *Stores) openQuota(ctx context.Context, r *catalog.Redis, at StorePlaces) (*quotaredis.Store, error) {
	o, err := redisOptions(ctx, r, at.Env)
	if err != nil {
		return nil, err
	}
	q, err := quotaredis.Open(o)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, q)
	return q, nil
}

// OpenDirectoryStore opens the store of keys, tenants and budgets alone, for
// commands that manage them beside a gateway.
func OpenDirectoryStore(ctx context.Context, c *catalog.Catalog, at StorePlaces) (directory.Store, io.Closer, error) {
	if c.Store.Redis == nil {
		file := filepath.Join(at.State, DatabaseFile)
		d, err := directorysqlite.Open(ctx, file, directorysqlite.Options{})
		return d, d, Damaged(file, err)
	}
	client, err := RedisClient(ctx, c.Store.Redis, at.Env)
	if err != nil {
		return nil, nil, err
	}
	return directoryredis.New(client, directoryredis.Options{Prefix: c.Store.Redis.Prefix}), client, nil
}

func redisOptions(ctx context.Context, r *catalog.Redis, env credential.Env) (o quotaredis.Options, err error) {
	password, err := credential.Resolve(ctx, r.Password, env)
	if err != nil {
		return o, fmt.Errorf("the password of Redis: %w", err)
	}
	sentinels, err := credential.Resolve(ctx, r.SentinelPassword, env)
	if err != nil {
		return o, fmt.Errorf("the password of Redis's Sentinels: %w", err)
	}
	o = quotaredis.Options{
		Addrs: r.Addresses, Cluster: r.Cluster, Master: r.Sentinel, Username: r.Username,
		SentinelUsername: r.SentinelUsername, DB: r.Database, Prefix: r.Prefix, Region: r.Region,
	}
	if password.Set() {
		o.Password = password.Reveal
	}
	if sentinels.Set() {
		o.SentinelPassword = sentinels.Reveal
	}
	o.TLS, err = tlsOf(r)
	return o, err
}

// RedisClient is a client of the Redis that a catalog names; it connects when
// it is used. The quota's have limits of their own: pages of thousands of
// records do not fit a request's deadline.
func RedisClient(ctx context.Context, r *catalog.Redis, env credential.Env) (goredis.UniversalClient, error) {
	o, err := redisOptions(ctx, r, env)
	if err != nil {
		return nil, err
	}
	u := o.Universal()
	// What is sent again may have been done: a directory's writes tell by their ID.
	u.DialTimeout, u.ReadTimeout, u.MaxRetries = dialTime, readTime, 1
	return goredis.NewUniversalClient(u), nil
}

const (
	dialTime = 3 * time.Second
	readTime = 10 * time.Second
)

// tlsOf is how a Redis is spoken to; nil = in clear text.
func tlsOf(r *catalog.Redis) (*tls.Config, error) {
	if !r.TLS {
		return nil, nil //nolint:nilnil // there is none
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if r.CAFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(r.CAFile)
	if err != nil {
		return nil, fmt.Errorf("the certificates that Redis is trusted by: %w", err)
	}
	if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("the certificates that Redis is trusted by: %s holds none", r.CAFile)
	}
	return c, nil
}
