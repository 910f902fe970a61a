package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/dragoman-gateway/dragoman/extproc"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/extproc/generation/postgres"
	"github.com/dragoman-gateway/dragoman/extproc/identity/oidc"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// depending checks what a gateway needs beside its providers.
type depending struct {
	catalog *catalog.Catalog
	env     credential.Env
}

// dependTime bounds one question to a server.
const dependTime = 10 * time.Second

// dependency is one of them. local says what is wrong with it as far as this
// machine can tell; live asks its server, nil if it has none.
type dependency struct {
	field string // of the catalog
	local func(context.Context) error
	live  func(context.Context) (string, error)
}

// all are those that the catalog names, in its order.
func (d *depending) all() (list []dependency) {
	if r := d.catalog.Store.Redis; r != nil {
		list = append(list, d.redis("store.redis", r))
		for _, name := range slices.Sorted(maps.Keys(r.Regions)) {
			list = append(list, d.redis("store.redis.regions."+name, r.Regions[name]))
		}
	}
	if d.catalog.Store.Postgres != (catalog.Reference{}) {
		list = append(list, dependency{"store.postgres", func(ctx context.Context) error {
			s, err := d.postgres(ctx)
			if err != nil {
				return err
			}
			return s.Close()
		}, d.askPostgres})
	}
	for _, secret := range d.secrets() {
		if secret.at == (catalog.Reference{}) {
			continue
		}
		list = append(list, dependency{field: secret.field, local: func(ctx context.Context) error {
			value, err := credential.Resolve(ctx, secret.at, d.env)
			if err == nil && secret.master {
				_, err = directory.NewKeyring(value)
			}
			return err
		}})
	}
	if d.catalog.Generations.OTLPHeaders != (catalog.Reference{}) {
		list = append(list, dependency{field: "generations.otlp_headers", local: func(ctx context.Context) error {
			_, err := extproc.OTLPHeaders(ctx, d.catalog, d.env)
			return err
		}})
	}
	for _, i := range d.catalog.Issuers {
		list = append(list, dependency{issuerField + i.Name, func(context.Context) error {
			_, err := oidc.New(oidc.Config{Issuers: []catalog.Issuer{i}})
			return err
		}, func(ctx context.Context) (string, error) { return askIssuer(ctx, i) }})
	}
	return list
}

// secret is one that no server asks for.
type secret struct {
	field  string
	at     catalog.Reference
	master bool // it has the form of a master key
}

func (d *depending) secrets() []secret {
	list := []secret{{"secrets.key", d.catalog.Secrets.Key, true}}
	for i, at := range d.catalog.Secrets.Former {
		list = append(list, secret{fmt.Sprintf("secrets.former[%d]", i), at, true})
	}
	return append(list, secret{"quota.webhook_secret", d.catalog.Quota.WebhookSecret, false})
}

// check reports what cannot work at all, without asking anybody.
func (d *depending) check(ctx context.Context, checked *catalog.Checked) {
	for _, one := range d.all() {
		field := one.field
		if name, ok := strings.CutPrefix(field, issuerField); ok {
			field = checked.IssuerField(name)
		}
		if err := one.local(ctx); err != nil {
			checked.Fault(field, errors.New(strings.TrimPrefix(err.Error(), field+": ")))
		}
	}
}

// issuerField begins the names of issuers in what check says of them.
const issuerField = "issuers."

// ask asks all servers at once and reports in the catalog's order.
func (d *depending) ask(ctx context.Context, s streams) error {
	all := slices.DeleteFunc(d.all(), func(one dependency) bool { return one.live == nil })
	words, failures := make([]string, len(all)), make([]error, len(all))
	var asking sync.WaitGroup
	for i, one := range all {
		asking.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, dependTime)
			defer cancel()
			words[i], failures[i] = one.live(ctx)
		})
	}
	asking.Wait()
	for i, one := range all {
		if failures[i] != nil {
			words[i] = "FAILED: " + failures[i].Error()
		}
		fmt.Fprintf(s.out, "%-20s %s\n", one.field, words[i])
	}
	if errors.Join(failures...) != nil {
		return errReported
	}
	return nil
}

// redis is one region's.
func (d *depending) redis(field string, r *catalog.Redis) dependency {
	return dependency{field, func(ctx context.Context) error {
		client, err := extproc.RedisClient(ctx, r, d.env)
		if err != nil {
			return err
		}
		return client.Close()
	}, func(ctx context.Context) (string, error) {
		client, err := extproc.RedisClient(ctx, r, d.env)
		if err != nil {
			return "", err
		}
		defer client.Close() //nolint:errcheck // it was only asked
		return askRedis(ctx, client)
	}}
}

// leastRedis is the first release that the stores work with.
const leastRedis = 7

// askRedis asks for what the stores need of a server.
func askRedis(ctx context.Context, client goredis.UniversalClient) (string, error) {
	began := time.Now()
	if err := client.Ping(ctx).Err(); err != nil {
		return "", fmt.Errorf("no answer: %w", err)
	}
	took := time.Since(began)
	info, err := client.Info(ctx).Result()
	if err != nil {
		return "", fmt.Errorf("it answers, but does not tell its version (INFO): %w", err)
	}
	version, policy := infoOf(info, "redis_version"), infoOf(info, "maxmemory_policy")
	var major int
	if _, err := fmt.Sscanf(version, "%d.", &major); err != nil || major < leastRedis {
		return "", fmt.Errorf("it is release %s; %d or later is needed", version, leastRedis)
	}
	if policy != "noeviction" {
		return "", fmt.Errorf("its maxmemory-policy is %s: when memory is short it would forget what was spent; set noeviction", policy)
	}
	return fmt.Sprintf("ok in %s, Redis %s", took.Round(time.Millisecond/10), version), nil
}

// infoOf is a field of INFO, which has one name:value a line.
func infoOf(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func (d *depending) postgres(ctx context.Context) (*postgres.Store, error) {
	dsn, err := credential.Resolve(ctx, d.catalog.Store.Postgres, d.env)
	if err != nil {
		return nil, err
	}
	return postgres.OpenExisting(dsn.Reveal())
}

// askPostgres connects, and makes no table.
func (d *depending) askPostgres(ctx context.Context) (string, error) {
	s, err := d.postgres(ctx)
	if err != nil {
		return "", err
	}
	defer s.Close() //nolint:errcheck // it was only asked
	began := time.Now()
	if err := s.Read.PingContext(ctx); err != nil {
		return "", errors.New("no connection: " + inOneLine(err))
	}
	took := time.Since(began)
	var version, readOnly string
	if err := s.Read.QueryRowContext(ctx, "SELECT current_setting('server_version'), current_setting('transaction_read_only')").Scan(&version, &readOnly); err != nil {
		return "", fmt.Errorf("it connects, but answers no question: %w", err)
	}
	if readOnly != "off" {
		return "", errors.New("it takes no writes; name the primary, not a replica")
	}
	return fmt.Sprintf("ok in %s, PostgreSQL %s", took.Round(time.Millisecond/10), version), nil
}

// inOneLine puts an error into one line, each line of it once: a server may have
// several addresses, which fail alike.
func inOneLine(err error) string {
	var lines []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, " ")
}

// askIssuer fetches an issuer's keys as the gateway does, and takes what that
// logs of it: the first fetch's success or failure.
func askIssuer(ctx context.Context, i catalog.Issuer) (string, error) {
	heard := make(hearing, 1)
	v, err := oidc.New(oidc.Config{Issuers: []catalog.Issuer{i}, Logger: slog.New(heard)})
	if err != nil {
		return "", err
	}
	running, stop := context.WithCancel(ctx)
	var fetching sync.WaitGroup
	fetching.Go(func() { v.Run(running) })
	defer fetching.Wait()
	defer stop()
	began := time.Now()
	select {
	case said := <-heard:
		if err, failed := said["error"].Any().(error); failed {
			return "", fmt.Errorf("its keys cannot be fetched: %w", err)
		}
		return fmt.Sprintf("ok in %s, %s", time.Since(began).Round(time.Millisecond/10), count(int(said["keys"].Int64()), "key")), nil
	case <-ctx.Done():
		return "", errors.New("its keys did not come in time")
	}
}

// hearing is a log handler that keeps the attributes of the first record.
type hearing chan map[string]slog.Value

// Enabled takes all.
func (h hearing) Enabled(context.Context, slog.Level) bool { return true }

// Handle hands a record over if it is the first.
func (h hearing) Handle(_ context.Context, r slog.Record) error {
	said := make(map[string]slog.Value, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool { said[a.Key] = a.Value; return true })
	select {
	case h <- said:
	default: // it was not the first
	}
	return nil
}

// WithAttrs and WithGroup are not used by those who are listened to.
func (h hearing) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup is as WithAttrs.
func (h hearing) WithGroup(string) slog.Handler { return h }
