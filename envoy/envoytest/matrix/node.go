package matrix

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest/node"
)

// clients holds the JavaScript programs, and the packages they need by version
// and hash.
var clients = filepath.Join("..", "..", "..", "testdata", "clients", "node")

// inFlight is how many questions one program has under way.
const inFlight = 12

// program is a JavaScript program that is asked while it runs, by lines of JSON
// (see serve.mjs). Its one goroutine ends before close returns.
type program struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr bytes.Buffer
	ended  chan struct{}
	wrong  error // of its output; set before ended is closed

	writing sync.Mutex // of stdin; never held with mu, which listen takes

	mu      sync.Mutex
	last    int                  // id; guarded by mu
	waiting map[int]chan replied // guarded by mu
}

// replied is a line of a program's output.
type replied struct {
	ID     int             `json:"id"`
	Answer json.RawMessage `json:"answer"`
	Error  string          `json:"error"`
}

// startProgram runs one of the programs of clients with one package.
func startProgram(ctx context.Context, packages *node.Packages, sdk, file string) (*program, error) {
	server, err := os.ReadFile(filepath.Join(clients, "serve.mjs"))
	if err != nil {
		return nil, err
	}
	path, err := filepath.Abs(filepath.Join(clients, file))
	if err != nil {
		return nil, err
	}
	address := url.URL{Scheme: "file", Path: filepath.ToSlash(path)}
	p := &program{
		name: sdk + " " + file, ended: make(chan struct{}), waiting: map[int]chan replied{},
		cmd: packages.Command(ctx, string(server), sdk, address.String(), strconv.Itoa(inFlight)),
	}
	p.cmd.Stderr = &p.stderr
	p.stdin, err = p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go p.listen(stdout)
	return p, nil
}

// listen hands each line to who waits for it.
func (p *program) listen(stdout io.Reader) {
	defer close(p.ended)
	lines := json.NewDecoder(stdout)
	for {
		var r replied
		if err := lines.Decode(&r); err != nil {
			if !errors.Is(err, io.EOF) {
				p.wrong = err
			}
			return
		}
		p.mu.Lock()
		to := p.waiting[r.ID]
		delete(p.waiting, r.ID)
		p.mu.Unlock()
		if to != nil {
			to <- r // has room for it
		}
	}
}

// ask sends a question and reads the answer. An error is the program's own.
func (p *program) ask(ctx context.Context, question, answer any) error {
	to := make(chan replied, 1)
	p.mu.Lock()
	p.last++
	id := p.last
	p.waiting[id] = to
	p.mu.Unlock()
	line, err := json.Marshal(map[string]any{"id": id, "ask": question})
	if err == nil {
		p.writing.Lock()
		_, err = p.stdin.Write(append(line, '\n'))
		p.writing.Unlock()
	}
	if err != nil {
		return fmt.Errorf("npm %s: %w", p.name, err)
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("npm %s: %w", p.name, ctx.Err())
	case r := <-to:
		if r.Error != "" {
			return fmt.Errorf("npm %s: %s", p.name, r.Error)
		}
		return json.Unmarshal(r.Answer, answer)
	case <-p.ended:
		return fmt.Errorf("npm %s ended while it was asked: %w", p.name, errors.Join(p.wrong, io.ErrUnexpectedEOF))
	}
}

// close ends the program when all is answered, and tells what it complained of.
func (p *program) close() error {
	err := p.stdin.Close()
	<-p.ended
	err = errors.Join(err, p.cmd.Wait())
	if said := strings.TrimSpace(p.stderr.String()); said != "" {
		err = errors.Join(err, errors.New(said))
	}
	if err != nil {
		return fmt.Errorf("npm %s: %w", p.name, err)
	}
	return nil
}
