package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
)

// providerVariable tells a test binary that it is to be the provider.
const providerVariable = "DRAGOMAN_BENCH_PROVIDER"

// startProvider starts the provider as a process of its own, so that its work
// is not in anybody's figures, and returns its host and port. It ends when its
// standard input does: with the test, however that ends.
func startProvider(tb testing.TB) string {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), providerVariable+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = in.Close() // it may have ended
		if err := cmd.Wait(); err != nil {
			tb.Errorf("the provider: %v", err)
		}
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatalf("the provider does not say where it listens: %v", err)
	}
	return strings.TrimSpace(address)
}

// serveProvider is the provider: as little work per request as Go allows.
func serveProvider() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // its end is the message
		_ = l.Close()                        // ends Accept
	}()
	for {
		c, err := l.Accept()
		if err != nil {
			return nil //nolint:nilerr // closed by us
		}
		go (&conversation{conn: c, r: bufio.NewReaderSize(c, 4<<10)}).serve()
	}
}

// conversation is one connection to the provider.
type conversation struct {
	conn net.Conn
	r    *bufio.Reader
	body []byte
	// framed is the stream last sent; connections mostly repeat themselves.
	framed     [][]byte
	events     int
	wantsUsage bool
}

func (v *conversation) serve() {
	defer v.conn.Close() //nolint:errcheck // the other side notices
	for {
		rq, err := http.ReadRequest(v.r)
		if err != nil {
			return
		}
		b := bytes.NewBuffer(v.body[:0])
		if _, err := b.ReadFrom(rq.Body); err != nil {
			return
		}
		v.body = b.Bytes()
		o, ok := readOrder(v.body)
		shown := rq.Header.Get("Authorization")
		switch {
		case !ok || !bytes.HasSuffix(v.body, []byte("}")):
			err = v.refuse(http.StatusBadRequest)
		case shown != "Bearer "+credential && shown != "Bearer "+clientKey:
			err = v.refuse(http.StatusUnauthorized)
		case o.events == 0:
			_, err = v.conn.Write(wholeAnswer)
		default:
			err = v.stream(o)
		}
		if err != nil {
			return
		}
	}
}

var wholeAnswer = []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Thu, 09 Oct 2025 08:00:00 GMT\r\n"+
	"Openai-Version: 2020-10-01\r\nX-Request-Id: req_1\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer))

const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\nDate: Thu, 09 Oct 2025 08:00:00 GMT\r\n" +
	"Openai-Version: 2020-10-01\r\nX-Request-Id: req_1\r\nTransfer-Encoding: chunked\r\n\r\n"

func (v *conversation) refuse(status int) error {
	_, err := fmt.Fprintf(v.conn, "HTTP/1.1 %d %s\r\nContent-Length: 0\r\n\r\n", status, http.StatusText(status))
	return err
}

// stream sends one event a write.
func (v *conversation) stream(o order) error {
	v.frame(o.events, bytes.Contains(v.body, []byte(`"include_usage":true`)))
	var tick <-chan time.Time
	if o.pace > 0 {
		t := time.NewTicker(time.Duration(o.pace) * time.Millisecond)
		defer t.Stop()
		tick = t.C
	}
	for i, piece := range v.framed {
		if o.hang && i == o.events+1 { // before the finish reason
			_, _ = v.r.ReadByte() // until the other side is gone
			return io.EOF
		}
		if _, err := v.conn.Write(piece); err != nil {
			return err
		}
		if tick != nil && i > 0 && i < len(v.framed)-1 {
			<-tick
		} else {
			// Other streams take their turns.
			runtime.Gosched()
		}
	}
	return nil
}

// frame prepares the writes of a stream.
func (v *conversation) frame(events int, wantsUsage bool) {
	if v.framed != nil && v.events == events && v.wantsUsage == wantsUsage {
		return
	}
	v.framed, v.events, v.wantsUsage = nil, events, wantsUsage
	for i, s := range script(events, wantsUsage) {
		piece := fmt.Sprintf("%x\r\n%s\r\n", len(s), s)
		if i == 0 {
			piece = streamHead + piece
		}
		v.framed = append(v.framed, []byte(piece))
	}
	last := len(v.framed) - 1
	v.framed[last] = append(v.framed[last], "0\r\n\r\n"...)
}
