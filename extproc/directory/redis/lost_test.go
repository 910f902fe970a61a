package redis_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/extproc/directory/redis"
	"github.com/dragoman-gateway/dragoman/extproc/storetest/redistest"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// wire is a way to a server that breaks before it brings the answer to the first
// request that holds some words.
type wire struct {
	t      *testing.T
	server string
	words  chan []byte // has room for one
	lost   chan struct{}
	under  sync.WaitGroup
}

func newWire(t *testing.T, server string) (*wire, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{t: t, server: server, words: make(chan []byte, 1), lost: make(chan struct{}, 1)}
	w.under.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // the test is over
			}
			w.under.Go(func() { w.carry(client) })
		}
	})
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		w.under.Wait()
	})
	return w, listener.Addr().String()
}

// carry brings requests to the server and answers back until one side ends.
func (w *wire) carry(client net.Conn) {
	server, err := net.Dial("tcp", w.server)
	if err != nil {
		w.t.Error(err)
		_ = client.Close()
		return
	}
	var both sync.WaitGroup
	closeBoth := func() { _, _ = client.Close(), server.Close() }
	losing := make(chan struct{}, 1)
	both.Go(func() {
		defer closeBoth()
		piece := make([]byte, 64<<10)
		for {
			n, err := client.Read(piece)
			if err != nil {
				return
			}
			select {
			case words := <-w.words:
				if bytes.Contains(piece[:n], words) {
					losing <- struct{}{}
				} else {
					w.words <- words
				}
			default:
			}
			if _, err := server.Write(piece[:n]); err != nil {
				return
			}
		}
	})
	both.Go(func() {
		defer closeBoth()
		piece := make([]byte, 64<<10)
		for {
			n, err := server.Read(piece)
			if err != nil {
				return
			}
			select {
			case <-losing:
				w.lost <- struct{}{}
				return
			default:
			}
			if _, err := client.Write(piece[:n]); err != nil {
				return
			}
		}
	})
	both.Wait()
}

// lose breaks the wire before the answer to the next request with those words.
func (w *wire) lose(words string) { w.words <- []byte(words) }

// wasLost fails the test unless an answer was lost.
func (w *wire) wasLost() {
	w.t.Helper()
	select {
	case <-w.lost:
	default:
		w.t.Error("no answer was lost")
	}
}

func TestAVerbWhoseAnswerIsLostIsDoneOnce(t *testing.T) {
	server := redistest.Start(t)
	w, addr := newWire(t, server.Addr())
	client := goredis.NewClient(&goredis.Options{Addr: addr, MaxRetries: 1, Protocol: 2, DisableIdentity: true})
	t.Cleanup(func() { _ = client.Close() })
	d, err := directory.Open(t.Context(), directory.Config{Store: redis.New(client, redis.Options{}), Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	by := directory.By{Who: "test"}
	if _, err := d.PutTenant(t.Context(), by, catalog.Tenant{Name: "acme"}); err != nil { // the scripts are known now
		t.Fatal(err)
	}

	w.lose(`"verb":"key.create"`)
	k, first, err := d.CreateKey(t.Context(), by, catalog.Key{Name: "ci"})
	if w.wasLost(); err != nil {
		t.Fatalf("create: %v", err)
	}
	if k.Hash != sha256.Sum256([]byte(first.Reveal())) {
		t.Error("the secret that is shown is not the key's")
	}

	w.lose(`"verb":"key.rotate"`)
	rotated, second, err := d.RotateKey(t.Context(), by, directory.Rotation{Key: k.ID, Grace: time.Hour})
	if w.wasLost(); err != nil {
		t.Fatalf("rotate: %v", err)
	}
	if rotated.Hash != sha256.Sum256([]byte(second.Reveal())) || rotated.Former != k.Hash {
		t.Error("the former secret has ended before its grace")
	}

	w.lose(`"verb":"tenant.delete"`)
	err = d.DeleteTenant(t.Context(), by, "acme")
	if w.wasLost(); err != nil {
		t.Errorf("delete: %v", err)
	}

	w.lose(`"verb":"key.revoke"`)
	revoked, err := d.RevokeKey(t.Context(), by, k.ID)
	if w.wasLost(); err != nil || revoked.Revoked.IsZero() {
		t.Errorf("revoke: %v", err)
	}
	trail, err := d.Audit(t.Context(), 0, 100)
	if err != nil || len(trail) != 5 {
		t.Errorf("%d events, %v", len(trail), err)
	}
	if _, err := d.RevokeKey(t.Context(), by, k.ID); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("revoked twice: %v", err)
	}
}
