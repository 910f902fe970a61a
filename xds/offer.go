package xds

import (
	"context"
	"errors"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
	"github.com/dragoman-gateway/dragoman/xds/resource"
)

// Offer publishes the resources of a catalog.
func (s *Server) Offer(c *catalog.Catalog, o resource.Options) error {
	set, err := resource.Build(c, o)
	if err != nil {
		return err
	}
	return s.Publish(Resources{Listeners: set.Listeners, Clusters: set.Clusters, Routes: set.Routes, Secrets: set.Secrets})
}

// Serve takes over the listener and serves, with Run, until ctx is done. The
// keepalive finds an Envoy that is frozen or cut off.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	g := grpc.NewServer(
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
	)
	s.Register(g)
	ctx, cancel := context.WithCancel(ctx)
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	stop := context.AfterFunc(ctx, g.Stop)
	err := g.Serve(l)
	stop()
	if ctx.Err() != nil {
		err = nil
	}
	cancel()
	return errors.Join(err, <-ran)
}
