package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy"
)

// serve waits for whatever ends a gateway, and ends it in order: a part of
// ours that failed, Envoy gone, or a signal. SIGHUP ends nothing.
func (g *gateway) serve(ctx, serving context.Context) error {
	var listening sync.WaitGroup
	defer listening.Wait()
	served, stop := context.WithCancel(serving)
	defer stop()
	listening.Go(func() { _ = g.changes.hangup(served, g.reload) }) // it has no error to give
	select {
	case <-g.envoy.Done():
		return fmt.Errorf("envoy ended by itself: %w", g.envoy.ExitErr())
	case <-serving.Done():
		g.ending.Store(true)
		return errors.Join(context.Cause(serving), g.envoy.Stop(context.Background()))
	case <-ctx.Done():
		return g.drain()
	}
}

// errHurry ends a drain.
var errHurry = errors.New("stopped at once, as a second signal asked")

// bounce is the time in which a second signal is the first one again: a
// terminal and the program that started us may both pass on one Ctrl-C.
const bounce = 300 * time.Millisecond

// drain lets open requests end, then Envoy, then the reading of its logs.
func (g *gateway) drain() error {
	limit := g.changes.now().Limits.Drain
	fmt.Fprintf(g.streams.err, "\nRequests under way have %s to end; press Ctrl-C again to stop at once.\n", limit)
	g.ending.Store(true)
	g.proc.Drain()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	ctx, release := hurried(ctx)
	defer release()
	err := g.envoy.Drain(ctx, envoy.EdgeListener)
	switch {
	case errors.Is(context.Cause(ctx), errHurry):
		err = errHurry
	case err != nil:
		err = fmt.Errorf("not all requests ended within limits.drain: %w", err)
	}
	if err != errHurry { //nolint:errorlint // it is ours
		g.proc.WaitSettled(context.Background(), 2*logFlush)
	}
	return errors.Join(err, g.envoy.Stop(context.Background()))
}

// hurried is ctx until a further signal comes. release waits for what it
// started.
func hurried(ctx context.Context) (hurried context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	again := make(chan os.Signal, 1)
	signal.Notify(again, os.Interrupt, syscall.SIGTERM)
	began := time.Now()
	var listening sync.WaitGroup
	listening.Go(func() {
		for {
			select {
			case <-again:
				if time.Since(began) > bounce {
					cancel(errHurry)
				}
			case <-ctx.Done():
				return
			}
		}
	})
	return ctx, func() {
		signal.Stop(again)
		cancel(nil)
		listening.Wait()
	}
}
