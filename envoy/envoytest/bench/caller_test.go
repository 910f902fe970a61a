package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// caller is one HTTP/1.1 connection of the load generator. It knows just what
// Envoy and the provider send: a length or chunks, without trailers.
type caller struct {
	conn net.Conn
	r    *bufio.Reader
	body []byte

	left    int64 // of the body or the chunk
	chunked bool
	done    bool
	reads   int // how often it waited for the network
}

func dial(address string) (*caller, error) {
	conn, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return nil, err
	}
	return &caller{conn: conn, r: bufio.NewReaderSize(conn, 4<<10)}, nil
}

// patience is how long an answer may take; only a hang takes so long.
const patience = 60 * time.Second

// begin sends a request and reads the answer's head.
func (c *caller) begin(request []byte) error {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := c.conn.Write(request); err != nil {
		return err
	}
	c.body, c.left, c.chunked, c.done = c.body[:0], 0, false, false
	line, err := c.line()
	if err != nil {
		return err
	}
	ok := bytes.HasPrefix(line, []byte("HTTP/1.1 200"))
	status := string(line)
	for {
		if line, err = c.line(); err != nil {
			return err
		}
		if len(line) == 0 {
			break
		}
		if err := c.field(line); err != nil {
			return err
		}
	}
	if ok {
		return nil
	}
	if err := c.finish(); err != nil {
		return err
	}
	return fmt.Errorf("%s: %.300s", status, c.body)
}

func (c *caller) line() ([]byte, error) {
	line, err := c.r.ReadSlice('\n')
	return bytes.TrimRight(line, "\r\n"), err
}

// field reads a header field that says how the body is framed.
func (c *caller) field(line []byte) (err error) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimSpace(value)
	switch {
	case bytes.EqualFold(name, []byte("content-length")):
		c.left, err = strconv.ParseInt(string(value), 10, 64)
		c.done = c.left == 0
	case bytes.EqualFold(name, []byte("transfer-encoding")):
		c.chunked = bytes.EqualFold(value, []byte("chunked"))
	}
	return err
}

// more appends to body what has come, at least one byte, or sets done.
func (c *caller) more() error {
	if c.chunked && c.left == 0 {
		c.wait()
		line, err := c.line()
		if err != nil {
			return err
		}
		if c.left, err = strconv.ParseInt(string(line), 16, 64); err != nil {
			return err
		}
		if c.left == 0 {
			c.done = true
			_, err = c.line()
			return err
		}
	}
	if c.left == 0 {
		return errors.New("an answer without a length")
	}
	c.wait()
	if _, err := c.r.Peek(1); err != nil {
		return err
	}
	n := int(min(c.left, int64(c.r.Buffered())))
	piece, err := c.r.Peek(n)
	if err != nil {
		return err
	}
	c.body = append(c.body, piece...)
	c.left -= int64(n)
	if c.chunked && c.left == 0 {
		n += len("\r\n")
	}
	_, err = c.r.Discard(n)
	c.done = !c.chunked && c.left == 0
	return err
}

func (c *caller) wait() {
	if c.r.Buffered() == 0 {
		c.reads++
	}
}

// until reads on until the body holds the text.
func (c *caller) until(text string) error {
	for !bytes.Contains(c.body, []byte(text)) {
		if c.done {
			return fmt.Errorf("an answer without %q: %.300q", text, c.body)
		}
		if err := c.more(); err != nil {
			return err
		}
	}
	return nil
}

// finish reads the rest.
func (c *caller) finish() error {
	for !c.done {
		if err := c.more(); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// ask is a whole exchange.
func (c *caller) ask(request []byte, ok check) error {
	if err := c.begin(request); err != nil {
		return err
	}
	if err := c.finish(); err != nil {
		return err
	}
	return ok(c.body)
}
