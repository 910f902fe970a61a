package redis

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/regions"
)

// Books are the region's, beside its counts: a shard's script changes both as
// one.
type Books struct{ store *Store }

var _ regions.Books = Books{}

// Books are those of the store's region.
func (s *Store) Books() Books { return Books{s} }

// Page reads the books of a count, and opens them.
func (b Books) Page(ctx context.Context, of regions.Count) (regions.Page, error) {
	return b.run(ctx, "read", regions.Entry{Count: of})
}

// Give raises what was given to a peer.
func (b Books) Give(ctx context.Context, e regions.Entry) (regions.Page, error) {
	return b.run(ctx, "give", e)
}

// Take raises what was received from a peer.
func (b Books) Take(ctx context.Context, e regions.Entry) (regions.Page, error) {
	return b.run(ctx, "take", e)
}

func (b Books) run(ctx context.Context, what string, e regions.Entry) (regions.Page, error) {
	s := b.store
	var ttl int64
	if !e.Ends.IsZero() {
		ttl = max(s.life, e.Ends.Sub(s.local())).Milliseconds()
	}
	shard := shardOf(e.Account)
	tag := s.tag(shard)
	count := periodKey(tag, e.AccountPeriod)
	p := &part{
		shard: shard,
		keys:  []string{count, tag + ":x:" + strings.TrimPrefix(count, tag+":p:"), tag + ":e"},
		args:  []any{what, positive(e.Share), ttl, e.Peer, positive(e.Before), positive(e.Upto), positive(e.Owed)},
	}
	commands, err := s.run(ctx, s.transfer, []*part{p})
	if err != nil {
		return regions.Page{}, err
	}
	answer, err := commands[0].StringSlice()
	if err != nil {
		return regions.Page{}, fmt.Errorf("redis: an answer of the script: %w", err)
	}
	return page(answer)
}

// page reads used, leased, and then names and sums.
func page(answer []string) (regions.Page, error) {
	out := regions.Page{Given: map[string]quota.Amount{}, Received: map[string]quota.Amount{}}
	if len(answer) < 2 || len(answer)%2 != 0 {
		return out, fmt.Errorf("redis: the script answers with %d values", len(answer))
	}
	amount := func(text string) (quota.Amount, error) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("redis: an amount in the books: %w", err)
		}
		return quota.Amount(n), nil
	}
	var err error
	if out.Used, err = amount(answer[0]); err != nil {
		return out, err
	}
	if out.Leased, err = amount(answer[1]); err != nil {
		return out, err
	}
	for i := 2; i < len(answer); i += 2 {
		n, err := amount(answer[i+1])
		if err != nil {
			return out, err
		}
		kind, peer, _ := strings.Cut(answer[i], ":")
		if kind == "g" {
			out.Given[peer] = n
		} else {
			out.Received[peer] = n
		}
	}
	return out, nil
}
