package redis

import (
	"context"
	"errors"
	"fmt"
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
	known := fmt.Sprintf("%q", make([]any, 3)) // nobody has written
	for ctx.Err() == nil {
		message, err := sub.ReceiveTimeout(ctx, lookEvery)
		if _, ok := message.(*goredis.Message); ok {
			changed()
			continue
		}
		// A version that another change has made is another one, too.
		state, lookErr := s.client.HMGet(ctx, s.names.state, "epoch", "version", "change").Result()
		now := fmt.Sprintf("%q", state)
		// What cannot be asked may have changed: the reader reports what is wrong.
		if lookErr != nil || now != known {
			changed()
		}
		known = now
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
