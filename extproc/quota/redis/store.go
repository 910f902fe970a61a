package redis

import (
	"context"
	"fmt"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// Store is a quota.Store in Redis.
type Store struct {
	// Immutable after Open.
	client                       goredis.UniversalClient
	exchange, standing, transfer *goredis.Script
	prefix                       string
	life                         time.Duration
	now                          func() time.Time // nil: the server's clock

	mu     sync.Mutex // guards owners
	owners map[quota.Owner]*whereabouts
}

var _ quota.Store = (*Store)(nil)

// Open makes a store. It does not wait for the server, which may be away;
// only options that cannot work are an error.
func Open(o Options) (*Store, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Store{
		client:   o.client(),
		exchange: goredis.NewScript(exchangeText), standing: goredis.NewScript(standingText), transfer: goredis.NewScript(transferText),
		prefix: o.prefix(), life: o.LeaseLife,
		owners: make(map[quota.Owner]*whereabouts),
	}
	if s.life == 0 {
		s.life = quota.LeaseLife
	}
	return s, nil
}

// Close ends all connections.
func (s *Store) Close() error { return s.client.Close() }

// Exchange applies a call, shard by shard. quota.ErrStale means that one of
// them at least has seen a later call. Reply.Now is the earliest of the
// servers' clocks that were asked.
func (s *Store) Exchange(ctx context.Context, c quota.Call) (quota.Reply, error) {
	if err := ctx.Err(); err != nil {
		return quota.Reply{}, err
	}
	sent := s.local()
	also, err := s.others(&c, sent)
	if err != nil {
		return quota.Reply{}, err
	}
	parts := s.parts(&c, also)
	if len(parts) == 0 {
		reply, err := s.time(ctx)
		if err == nil {
			s.heard(&c, nil, answered{})
		}
		return reply, err
	}
	s.unsure(c.Owner, parts) // until a reply says better
	commands, err := s.run(ctx, s.exchange, parts)
	if err != nil {
		return quota.Reply{}, err
	}
	reply := quota.Reply{Leases: make([]quota.Lease, len(c.Asks))}
	held := make([]bool, len(parts))
	for i, p := range parts {
		if text, ok := commands[i].Val().(string); ok && text == "STALE" {
			return quota.Reply{}, quota.ErrStale
		}
		n, err := numbers(commands[i], 2+4*len(p.asks))
		if err != nil {
			return quota.Reply{}, err
		}
		if now := instant(n[0]); reply.Now.IsZero() || now.Before(reply.Now) {
			reply.Now = now
		}
		held[i] = n[1] > 0
		for j, ask := range p.asks {
			at := n[2+4*j:]
			reply.Leases[ask] = quota.Lease{
				Lease: quota.Amount(at[0]), Used: quota.Amount(at[1]), Before: quota.Amount(at[2]), Leased: quota.Amount(at[3]),
			}
		}
	}
	s.heard(&c, parts, answered{held, sent})
	return reply, nil
}

// time asks for nothing but the server's clock.
func (s *Store) time(ctx context.Context) (quota.Reply, error) {
	if s.now != nil {
		return quota.Reply{Now: s.now()}, nil
	}
	now, err := s.client.Time(ctx).Result()
	if err != nil {
		return quota.Reply{}, fmt.Errorf("redis: asking for its time: %w", err)
	}
	return quota.Reply{Now: now.UTC()}, nil
}

// Standing tells what is used and leased. What dead owners hold is not counted.
func (s *Store) Standing(ctx context.Context, of []quota.AccountPeriod) ([]quota.Standing, error) {
	var byShard [numShards]*part
	var parts []*part
	for i, period := range of {
		shard := shardOf(period.Account)
		p, tag := byShard[shard], s.tag(shard)
		if p == nil {
			p = &part{shard: shard, keys: []string{tag + ":o", tag + ":e"}, args: []any{s.micros(), s.life.Milliseconds()}}
			byShard[shard] = p
			parts = append(parts, p)
		}
		p.keys = append(p.keys, periodKey(tag, period))
		p.asks = append(p.asks, i)
	}
	if len(parts) == 0 {
		return nil, nil
	}
	commands, err := s.run(ctx, s.standing, parts)
	if err != nil {
		return nil, err
	}
	out := make([]quota.Standing, len(of))
	for i, p := range parts {
		n, err := numbers(commands[i], 2*len(p.asks))
		if err != nil {
			return nil, err
		}
		for j, at := range p.asks {
			out[at] = quota.Standing{Used: quota.Amount(n[2*j]), Leased: quota.Amount(n[2*j+1])}
		}
	}
	return out, nil
}

// local is the clock by which the store knows when a shard was last called.
func (s *Store) local() time.Time {
	if s.now != nil {
		return s.now()
	}
	return time.Now()
}
