// Command dragoman is the gateway: one binary, one file a command.
//
// Promises: every command has a help text, says what it does while it takes
// long, and ends with an error that tells what to do. Refuses: secrets on the
// command line or in its output, but for a new key, once. Concurrency: each
// command owns its goroutines and waits for them before it returns.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// streams are a command's surroundings, so that tests can be the terminal.
type streams struct {
	out, err io.Writer
	env      func(string) (string, bool)
}

// commands is the command line.
type commands struct {
	LogLevel string `help:"Least level that is logged: debug, info, warn, error." enum:"debug,info,warn,error" default:"warn" env:"DRAGOMAN_LOG_LEVEL"`

	Run     runCommand     `cmd:"" help:"Serve everything from one process: Envoy, ext_proc and xDS (and a simulator where no provider key is set)."`
	Extproc extprocCommand `cmd:"" help:"Serve ext_proc and access logs for one Envoy."`
	Xds     xdsCommand     `cmd:"" help:"Serve Envoy's configuration (ADS)."`
	Check   checkCommand   `cmd:"" help:"Report every error of a catalog, with line and field."`
	Envoy   envoyCommand   `cmd:"" help:"Print Envoy configuration: a whole bootstrap, pieces for an existing envoy.yaml, or a static one."`
	Keys    keysCommand    `cmd:"" help:"Make client keys."`
	Models  modelsCommand  `cmd:"" help:"List the models a catalog serves."`
	Schema  schemaCommand  `cmd:"" help:"Print the JSON Schema of dragoman.yaml."`
	Sim     simCommand     `cmd:"" help:"Serve scripted providers that break on request."`
	Version versionCommand `cmd:"" help:"Print the version and the Envoy it is measured against."`
}

func main() {
	// The first signal asks for a drain, the second ends at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx, os.Args[1:], streams{out: os.Stdout, err: os.Stderr, env: os.LookupEnv})
	stop()
	os.Exit(code)
}

// execute runs a command line and returns the exit status.
func execute(ctx context.Context, args []string, s streams) int {
	var c commands
	exit := -1
	parser, err := kong.New(&c, kong.Name("dragoman"),
		kong.Description("An AI gateway that lives inside Envoy: one endpoint for hundreds of models."),
		kong.UsageOnError(), kong.Writers(s.out, s.err), kong.Exit(func(code int) { exit = code }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(s), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		fmt.Fprintln(s.err, "dragoman:", err)
		return 2
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 {
		return exit // help was asked for
	}
	if err != nil {
		fmt.Fprintln(s.err, "dragoman:", err)
		return 2
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		fmt.Fprintln(s.err, "dragoman:", err)
		return 2
	}
	logger := slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: level}))
	if err := parsed.Run(logger); err != nil {
		if !errors.Is(err, errReported) {
			fmt.Fprintln(s.err, "dragoman:", err)
		}
		return 1
	}
	return 0
}

// errReported fails a command whose output has said everything already.
var errReported = errors.New("failed")
