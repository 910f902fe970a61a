package redis

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"slices"

	goredis "github.com/redis/go-redis/v9"
)

//go:embed exchange.lua
var exchangeText string

//go:embed standing.lua
var standingText string

//go:embed transfer.lua
var transferText string

// run runs a script once for each part, all in one pipeline, by its digest;
// on servers that don't know it, which then have applied nothing, by its text.
// The replies are in the order of parts.
func (s *Store) run(ctx context.Context, script *goredis.Script, parts []*part) ([]*goredis.Cmd, error) {
	commands := make([]*goredis.Cmd, len(parts))
	pipe := s.client.Pipeline()
	for i, p := range parts {
		commands[i] = script.EvalSha(ctx, pipe, p.keys, p.args...)
	}
	execute(ctx, pipe, commands)
	unknown := func(c *goredis.Cmd) bool {
		return errors.Is(c.Err(), goredis.ErrNoScript) || goredis.HasErrorPrefix(c.Err(), "NOSCRIPT")
	}
	if slices.ContainsFunc(commands, unknown) {
		pipe = s.client.Pipeline()
		for i, p := range parts {
			if unknown(commands[i]) {
				commands[i] = script.Eval(ctx, pipe, p.keys, p.args...)
			}
		}
		execute(ctx, pipe, commands)
	}
	return commands, failure(parts, commands)
}

// execute sends a pipeline. Each command has its own error then, also if it
// was not sent, as when a connection's password is wrong.
func execute(ctx context.Context, pipe goredis.Pipeliner, commands []*goredis.Cmd) {
	_, err := pipe.Exec(ctx)
	if err == nil {
		return
	}
	for _, c := range commands {
		if c.Err() == nil && c.Val() == nil {
			c.SetErr(err)
		}
	}
}

// failure is the first part's that failed, and how many did.
func failure(parts []*part, commands []*goredis.Cmd) error {
	var first error
	failed := 0
	for i, c := range commands {
		err := c.Err()
		if err == nil {
			continue
		}
		failed++
		if first == nil {
			first = fmt.Errorf("shard %d: %w", parts[i].shard, err)
		}
	}
	if first == nil {
		return nil
	}
	// A socket's deadline is the context's, and often noticed before it.
	var network net.Error
	if errors.As(first, &network) && network.Timeout() && !errors.Is(first, context.DeadlineExceeded) {
		first = fmt.Errorf("%w: %w", first, context.DeadlineExceeded)
	}
	return fmt.Errorf("redis: %d of %d shards failed: %w", failed, len(parts), first)
}

// numbers reads a script's answer of integers.
func numbers(c *goredis.Cmd, want int) ([]int64, error) {
	out, err := c.Int64Slice()
	if err != nil {
		return nil, fmt.Errorf("redis: an answer of the script: %w", err)
	}
	if len(out) != want {
		return nil, fmt.Errorf("redis: the script answers with %d numbers in place of %d", len(out), want)
	}
	return out, nil
}
