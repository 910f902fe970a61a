package extproc

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/dragoman-gateway/dragoman/envoy"
)

// broken is a stream at which the gateway's own code fails.
type broken struct{ *talk }

func (broken) RecvMsg(any) error { panic("sk-secret words of a client") }

func TestAFaultEndsItsOwnStreamOnly(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	var log bytes.Buffer
	s.log = slog.New(slog.NewTextHandler(&log, nil))
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs(envoy.RoleKey, envoy.RoleRouter))
	if err := s.process(broken{newTalk(ctx)}); status.Code(err) != codes.Internal {
		t.Errorf("the stream ended with %v", err)
	}
	if text := log.String(); !strings.Contains(text, "router.go") || strings.Contains(text, "sk-secret") {
		t.Errorf("logged: %s", text)
	}
	if id := ask(t, s, "sim/chat"); id == "" {
		t.Error("the next request is not served")
	}
}
