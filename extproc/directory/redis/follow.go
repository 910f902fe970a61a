package redis

import (
	"context"
	"errors"
	"net"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// Follow is directory.Records'. Waiting for a message ends after a second, when
// the version is looked at; the client subscribes again by itself after it lost
// its connection.
func (s *Store) Follow(ctx context.Context, changed func()) error {
	sub := s.client.Subscribe(ctx, s.names.changed)
	// Closing ends a wait under way.
	stop := context.AfterFunc(ctx, func() { _ = sub.Close() })
	defer func() {
		stop()
		_ = sub.Close() // it may be closed already
	}()
	known := ""
	for ctx.Err() == nil {
		message, err := sub.ReceiveTimeout(ctx, lookEvery)
		if _, ok := message.(*goredis.Message); ok {
			changed()
			continue
		}
		version, lookErr := s.client.HGet(ctx, s.names.state, "version").Result()
		if errors.Is(lookErr, goredis.Nil) {
			version, lookErr = "", nil
		}
		// What cannot be asked may have changed: the reader reports what is wrong.
		if lookErr != nil || version != known {
			changed()
		}
		known = version
		if err != nil && !timedOut(err) {
			pause(ctx, lookEvery/2)
		}
	}
	return nil
}

func timedOut(err error) bool {
	timeout := net.Error(nil)
	return errors.As(err, &timeout) && timeout.Timeout()
}

// pause waits after a failure, which a dead server answers with at once.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
