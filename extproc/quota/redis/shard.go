package redis

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// numShards is part of the keys: it never changes.
const numShards = 64

// shardOf spreads accounts; their ids are hashes.
func shardOf(a quota.Account) int { return int(a[0]) % numShards }

// tag is what all keys of a shard begin with.
func (s *Store) tag(shard int) string { return fmt.Sprintf("{%s:q:%02d}", s.prefix, shard) }

func encode(id [16]byte) string { return base64.RawURLEncoding.EncodeToString(id[:]) }

func periodKey(tag string, of quota.AccountPeriod) string {
	return tag + ":p:" + encode(of.Account) + ":" + strconv.FormatUint(uint64(of.Period), 10)
}

// part is what a call says to one shard.
type part struct {
	shard   int
	keys    []string
	args    []any
	asks    []int // which of the call's asks it has, in the order of its rows
	charged bool
	noted   bool // the shard is to know of the call even if it has nothing for it
}

// row is one period in a part.
type row struct {
	settled quota.Amount
	ask     int // which of the call's; -1 if nothing is asked
}

// parts splits a call by shards.
func (s *Store) parts(c *quota.Call, also reasons) []*part {
	var byShard [numShards]*part
	rows := make(map[*part][]row)
	at := make(map[quota.AccountPeriod]int) // its first row in its part
	of := func(shard int) *part {
		p := byShard[shard]
		if p == nil {
			tag := s.tag(shard)
			p = &part{shard: shard, keys: []string{tag + ":o", tag + ":e", tag + ":o:" + encode(c.Owner)}}
			byShard[shard] = p
		}
		return p
	}
	add := func(period quota.AccountPeriod, r row) {
		p := of(shardOf(period.Account))
		at[period] = len(rows[p])
		rows[p] = append(rows[p], r)
		p.keys = append(p.keys, periodKey(s.tag(p.shard), period))
	}
	for _, charge := range c.Settled {
		period := quota.AccountPeriod{Account: charge.Account, Period: charge.Period}
		p := of(shardOf(period.Account))
		p.charged = true
		if i, ok := at[period]; ok {
			rows[p][i].settled = sum(rows[p][i].settled, charge.Amount)
			continue
		}
		add(period, row{settled: clamp(charge.Amount), ask: -1})
	}
	for i := range c.Asks {
		ask := &c.Asks[i]
		p := of(shardOf(ask.Account))
		if first, ok := at[ask.AccountPeriod]; ok && rows[p][first].ask < 0 {
			rows[p][first].ask = i
			continue
		}
		add(ask.AccountPeriod, row{ask: i})
	}
	for shard, reason := range also {
		if reason != none {
			of(shard).noted = reason == late
		}
	}
	var out []*part
	for _, p := range &byShard {
		if p != nil {
			p.args = s.arguments(c, p, rows[p])
			out = append(out, p)
		}
	}
	return out
}

// arguments are what exchange.lua says its ARGV are; they note the asks' order
// in the part.
func (s *Store) arguments(c *quota.Call, p *part, rows []row) []any {
	out := make([]any, 0, 9+6*len(rows))
	out = append(out, s.tag(p.shard), encode(c.Owner), s.micros(), digits(c.Seq), digits(c.Batch),
		s.life.Milliseconds(), flag(c.Adopt), flag(p.charged && c.Batch != 0), flag(p.noted))
	for _, r := range rows {
		out = append(out, int64(r.settled))
		if r.ask < 0 {
			out = append(out, "", "", "", "", "")
			continue
		}
		p.asks = append(p.asks, r.ask)
		ask := &c.Asks[r.ask]
		var ends int64
		if !ask.Ends.IsZero() {
			ends = max(1, ask.Ends.UnixMicro())
		}
		out = append(out, ends, positive(ask.Limit), positive(ask.Hold), positive(ask.Need), positive(ask.Want))
	}
	return out
}

// micros is the time that scripts go by: 0 for the server's own.
func (s *Store) micros() int64 {
	if s.now == nil {
		return 0
	}
	return s.now().UnixMicro()
}

// digits make text that compares as the numbers do; Lua's would round them.
func digits(n uint64) string { return fmt.Sprintf("%020d", n) }

func flag(set bool) int {
	if set {
		return 1
	}
	return 0
}

// clamp keeps an amount among those that are counted exactly.
func clamp(a quota.Amount) quota.Amount { return min(max(a, -quota.MaxAmount), quota.MaxAmount) }

// sum of two clamped amounts, clamped.
func sum(a, b quota.Amount) quota.Amount { return clamp(a + clamp(b)) }

// positive is for what cannot be less than nothing.
func positive(a quota.Amount) int64 { return int64(max(0, clamp(a))) }

// instant is the time of a script's microseconds.
func instant(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
