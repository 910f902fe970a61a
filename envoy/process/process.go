package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// Defaults of Config.
const (
	// DefaultLogLevel is the least Envoy log level that is captured.
	DefaultLogLevel = "warning"
	// DefaultGrace is the time between SIGTERM and SIGKILL.
	DefaultGrace = 5 * time.Second
	// DefaultDrain is the time in which Envoy asks its clients to leave.
	DefaultDrain = 30 * time.Second
)

// Config says which Envoy to run and how. Path and Bootstrap are required.
type Config struct {
	// Path is the Envoy binary, as envoy/binary finds it.
	Path string
	// Bootstrap is the bootstrap configuration, YAML or JSON. It needs an
	// admin address, best 127.0.0.1 with port 0.
	Bootstrap []byte
	// Listen holds host:port addresses that must be free before Envoy starts.
	// Envoy itself does not notice another Envoy on its port: both set
	// SO_REUSEPORT, and the kernel deals the connections out between them.
	Listen []string
	// Concurrency is the number of worker threads; 0 means one a core.
	Concurrency int
	// LogLevel is Envoy's own: trace, debug, info, warning, error, critical.
	// "" means DefaultLogLevel.
	LogLevel string
	// Logger receives what Envoy logs, without credentials; nil discards it.
	Logger *slog.Logger
	// Stdout and Stderr receive a copy of what Envoy prints, at debug with the
	// credentials of requests; nil discards it.
	Stdout, Stderr io.Writer
	// Env is Envoy's whole environment, "NAME=value"; nil means none.
	Env []string
	// Grace is the time between SIGTERM and SIGKILL; 0 means DefaultGrace.
	Grace time.Duration
	// Drain is the time in which Envoy asks its clients to leave, in whole
	// seconds; 0 means DefaultDrain.
	Drain time.Duration
	// DrainWord is the bootstrap's, where only who knows it may drain.
	DrainWord string
}

// Process is a running Envoy, or one that has ended.
type Process struct {
	// Immutable after Start.
	grace time.Duration
	word  string // that Drain needs
	admin admin
	lines *lines
	cmd   *exec.Cmd // Process is set before run reports the start

	stopping atomic.Bool
	killed   atomic.Bool

	done    chan struct{}
	exitErr error // written by run before done is closed
}

// Start runs Envoy and waits until it is live. The context bounds only the
// start; a started Envoy runs until Stop. Errors: *AddressInUseError,
// *ExitError if Envoy ended, else the context's cause.
func Start(ctx context.Context, c Config) (p *Process, err error) {
	if err := requireFree(ctx, c.Listen); err != nil {
		return nil, err
	}
	files, err := writeFiles(c.Bootstrap)
	if err != nil {
		return nil, err
	}
	// Envoy reads the bootstrap and writes its admin address once.
	defer func() { err = errors.Join(err, files.remove()) }()

	p = newProcess(c, files)
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting Envoy: %w", err)
	}
	if err := p.awaitLive(ctx, files); err != nil {
		p.kill()
		<-p.done
		return nil, err
	}
	return p, nil
}

func newProcess(c Config, files files) *Process {
	p := &Process{
		grace: orDefault(c.Grace, DefaultGrace),
		word:  c.DrainWord,
		lines: newLines(c.Logger, c.Stderr, files.bootstrap),
		done:  make(chan struct{}),
	}
	drain := orDefault(c.Drain, DefaultDrain)
	args := append(fixedArgs(files.bootstrap),
		"--admin-address-path", files.adminAddress,
		"--log-level", orDefault(c.LogLevel, DefaultLogLevel),
		"--drain-time-s", strconv.Itoa(int(max(1, drain.Round(time.Second)/time.Second))),
		// Every answer during a drain asks its client to leave, not only a
		// growing share of them.
		"--drain-strategy", "immediate")
	if c.Concurrency > 0 {
		args = append(args, "--concurrency", strconv.Itoa(c.Concurrency))
	}
	p.cmd = exec.Command(c.Path, args...)    //nolint:noctx // it outlives the start; Stop ends it
	p.cmd.Env = append([]string{}, c.Env...) // nil would mean: inherit ours
	p.cmd.Stdout, p.cmd.Stderr = c.Stdout, p.lines
	p.cmd.SysProcAttr = attributes()
	p.cmd.WaitDelay = 2 * time.Second
	return p
}

// fixedArgs are common to serving and validating.
func fixedArgs(bootstrap string) []string {
	return []string{
		"--config-path", bootstrap,
		"--disable-hot-restart",
		"--log-format", lineFormat,
		"--log-format-escaped", // one message, one line
	}
}

func orDefault[T comparable](value, fallback T) T {
	var unset T
	if value == unset {
		return fallback
	}
	return value
}

// run starts the child and waits for it. It keeps its thread to itself: the
// kernel sends the parent-death signal when the thread that forked ends, and
// other goroutines may end theirs.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	err = p.cmd.Wait()
	p.lines.flush()
	p.exitErr = p.judge(err)
	close(p.done)
}

// judge tells an end that was asked for from one that was not.
func (p *Process) judge(waitErr error) error {
	status, _ := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if p.stopping.Load() && !p.killed.Load() {
		if p.cmd.ProcessState.Success() || status.Signaled() && status.Signal() == syscall.SIGTERM {
			return nil
		}
	}
	return &ExitError{
		State:  p.cmd.ProcessState.String(),
		Killed: p.killed.Load(),
		Lines:  p.lines.interesting(),
		cause:  waitErr,
	}
}

// awaitLive polls the admin endpoint. It ends with the first of: Envoy is
// live, Envoy cannot have its address, Envoy has ended, the context has.
func (p *Process) awaitLive(ctx context.Context, files files) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		if address, taken := p.lines.taken(); taken {
			return &AddressInUseError{Address: address}
		}
		select {
		case <-p.done:
			// The line about a taken port may have come after the check.
			if address, taken := p.lines.taken(); taken {
				return &AddressInUseError{Address: address}
			}
			return fmt.Errorf("envoy did not start: %w", p.exitErr)
		case <-ctx.Done():
			return fmt.Errorf("envoy did not become ready: %w; last: %w", context.Cause(ctx), last)
		case <-tick.C:
			if p.admin, last = files.admin(); last != nil {
				continue
			}
			if last = p.admin.live(ctx); last == nil {
				return nil
			}
		}
	}
}

// AdminAddr is the host:port of Envoy's admin endpoint.
func (p *Process) AdminAddr() string { return p.admin.address }

// PID is the child's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when Envoy has ended, for whatever reason.
func (p *Process) Done() <-chan struct{} { return p.done }

// ExitErr is nil while Envoy runs and after an end that Stop asked for;
// otherwise an *ExitError.
func (p *Process) ExitErr() error {
	select {
	case <-p.done:
		return p.exitErr
	default:
		return nil
	}
}

// Lines returns the last lines Envoy logged, oldest first.
func (p *Process) Lines() []string { return p.lines.recent() }

// Stop asks Envoy to end, kills it when the grace or the context is over, and
// returns when it is gone: nil, or ExitErr if it had ended by itself or had to
// be killed.
func (p *Process) Stop(ctx context.Context) error {
	p.stopping.Store(true)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping Envoy: %w", err)
	}
	grace := time.NewTimer(p.grace)
	defer grace.Stop()
	select {
	case <-p.done:
		return p.exitErr
	case <-ctx.Done():
	case <-grace.C:
	}
	p.kill()
	<-p.done
	return p.exitErr
}

func (p *Process) kill() {
	p.killed.Store(true)
	// It fails only for a child that has ended.
	_ = p.cmd.Process.Kill()
}
