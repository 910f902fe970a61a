package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Bounds of connections. A call's own deadline ends it sooner.
const (
	dialTimeout = time.Second
	callTimeout = 2 * time.Second
	poolSize    = 8 // per node; a process has one call under way and a few readers
	warm        = 2 // connections kept open, so that an urgent call need not dial
)

// Options say which Redis and which keys in it.
type Options struct {
	// Addrs are host:port or, of a single server, the path of a Unix socket:
	// one, some nodes of a Cluster, or the Sentinels.
	Addrs []string
	// Cluster tells that Addrs are of a Redis Cluster.
	Cluster bool
	// Master is the name that the Sentinels at Addrs know the master by; "" if
	// there are none.
	Master string
	// Username and Password are those of the server's ACL. Password is asked
	// at every new connection, so it may change; nil: none is given.
	Username string
	Password func() string
	// SentinelUsername and SentinelPassword are for the Sentinels themselves;
	// they are asked for once.
	SentinelUsername string
	SentinelPassword func() string
	TLS              *tls.Config // nil: plain text
	DB               int         // 0 with a Cluster

	// Prefix begins all keys, so that gateways can share a Redis; "" is "dgm".
	Prefix string
	// Region is part of the prefix, if it is given.
	Region string
	// LeaseLife is how long an owner that is not seen keeps its leases; 0 is
	// five minutes. All processes that share the keys have the same.
	LeaseLife time.Duration
}

var validName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,40}$`)

// check reports all that is wrong with the options.
func (o *Options) check() error {
	var wrong []error
	if len(o.Addrs) == 0 {
		wrong = append(wrong, errors.New("no address"))
	}
	if len(o.Addrs) > 1 && !o.Cluster && o.Master == "" {
		wrong = append(wrong, errors.New("several addresses need a cluster or the name of the Sentinels' master"))
	}
	if o.Cluster && o.Master != "" {
		wrong = append(wrong, errors.New("a cluster has no Sentinels"))
	}
	if o.DB < 0 || o.Cluster && o.DB != 0 {
		wrong = append(wrong, fmt.Errorf("there is no database %d", o.DB))
	}
	for name, value := range map[string]string{"prefix": o.Prefix, "region": o.Region} {
		if value != "" && !validName.MatchString(value) {
			wrong = append(wrong, fmt.Errorf("%s %q is not up to 40 letters, digits, dots, hyphens and underscores", name, value))
		}
	}
	if o.LeaseLife < 0 || o.LeaseLife > 0 && o.LeaseLife < time.Millisecond {
		wrong = append(wrong, fmt.Errorf("leases cannot live for %s", o.LeaseLife))
	}
	if len(wrong) > 0 {
		return fmt.Errorf("redis: %w", errors.Join(wrong...))
	}
	return nil
}

// prefix is what all keys have in common.
func (o *Options) prefix() string {
	prefix := "dgm"
	if o.Prefix != "" {
		prefix = o.Prefix
	}
	if o.Region != "" {
		prefix += ":" + o.Region
	}
	return prefix
}

// client makes the client that the options describe. It connects when used.
func (o *Options) client() goredis.UniversalClient {
	u := o.Universal()
	// A repeated call would be stale if its first try had arrived, and the
	// caller repeats by itself. A Cluster's redirections were not applied.
	u.MaxRetries, u.MaxRedirects, u.DialerRetries = -1, 1, 1
	u.DialTimeout, u.ReadTimeout, u.WriteTimeout, u.PoolTimeout = dialTimeout, callTimeout, callTimeout, callTimeout
	u.PoolSize, u.MaxActiveConns, u.MinIdleConns, u.PipelinePoolSize = poolSize, poolSize, warm, -1
	return goredis.NewUniversalClient(u)
}

// Universal is which server the options name and how it is spoken to. Times,
// pools and repetition are the caller's.
func (o *Options) Universal() *goredis.UniversalOptions {
	universal := &goredis.UniversalOptions{
		// The client appends to what it is given, and callers may give it to several.
		Addrs: slices.Clone(o.Addrs), IsClusterMode: o.Cluster, MasterName: o.Master, DB: o.DB, TLSConfig: o.TLS,
		SentinelUsername:      o.SentinelUsername,
		ContextTimeoutEnabled: true,
		// Neither is of use here, and each costs a new connection a round trip.
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if o.SentinelPassword != nil {
		universal.SentinelPassword = o.SentinelPassword()
	}
	if password := o.Password; password != nil {
		username := o.Username
		universal.CredentialsProviderContext = func(context.Context) (string, string, error) { return username, password(), nil }
	}
	return universal
}
