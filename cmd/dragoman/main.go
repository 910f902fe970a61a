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
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	goredis "github.com/redis/go-redis/v9"
)

// streams are a command's surroundings, so that tests can be the terminal.
type streams struct {
	out, err io.Writer
	env      func(string) (string, bool)
}

// commands is the command line.
type commands struct {
	LogLevel string `help:"Least level that is logged: ${enum}." enum:"debug,info,warn,error" default:"info" env:"DRAGOMAN_LOG_LEVEL"`

	Run     runCommand     `cmd:"" help:"Serve everything from one process: Envoy, ext_proc and xDS, and simulated providers where no provider key is set."`
	Extproc extprocCommand `cmd:"" help:"Serve ext_proc and access logs for one Envoy that runs by itself."`
	Xds     xdsCommand     `cmd:"" help:"Serve Envoy's configuration (ADS)."`
	Check   checkCommand   `cmd:"" help:"Report every error of a catalog, with line and field."`
	Envoy   envoyCommand   `cmd:"" help:"Print Envoy configuration."`
	Keys    keysCommand    `cmd:"" help:"Make, list, rotate and revoke client keys."`
	Usage   usageCommand   `cmd:"" help:"Sum up what was used and what it cost."`
	Models  modelsCommand  `cmd:"" help:"List the models that are served."`
	Schema  schemaCommand  `cmd:"" help:"Print the JSON Schema of dragoman.yaml, for editors."`
	Sim     simCommand     `cmd:"" help:"Serve simulated providers that break on request."`
	Version versionCommand `cmd:"" help:"Print the version and the Envoy it is measured against."`
}

func main() {
	goredis.SetLogger(quiet{})
	// The first signal asks for a drain; what a second one does is up to the
	// command.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx, os.Args[1:], streams{out: os.Stdout, err: os.Stderr, env: os.LookupEnv})
	stop()
	os.Exit(code)
}

// quiet is go-redis's own log, which would write beside ours: what fails is
// said by who asked.
type quiet struct{}

// Printf says nothing.
func (quiet) Printf(context.Context, string, ...any) {}

// newParser reads command lines into c. asked is called with a status where
// the command line wants nothing but help.
func newParser(ctx context.Context, c *commands, s streams, asked func(status int)) (*kong.Kong, error) {
	return kong.New(c, kong.Name("dragoman"),
		kong.Description("An AI gateway that lives inside Envoy: one endpoint for the models of many providers."),
		kong.Writers(s.out, s.err), kong.Exit(asked),
		kong.Vars{"extproc_socket": defaultSocket(s, "extproc"), "xds_socket": defaultSocket(s, "xds")},
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(s), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
}

// execute runs a command line and returns the exit status.
func execute(ctx context.Context, args []string, s streams) int {
	var c commands
	asked := -1
	parser, err := newParser(ctx, &c, s, func(status int) { asked = status })
	if err != nil {
		fmt.Fprintln(s.err, "dragoman:", err)
		return 2
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if asked >= 0 {
		return asked
	}
	if err != nil {
		fmt.Fprintf(s.err, "dragoman: %v\n%s", err, howCalled(parser.Model.Node, err))
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

// howCalled says how the command is called whose line is wrong, as far as the
// line names one.
func howCalled(command *kong.Node, err error) string {
	var wrong *kong.ParseError
	if errors.As(err, &wrong) {
		for _, read := range wrong.Context.Path {
			if read.Command != nil {
				command = read.Command
			}
		}
	}
	return "Usage: dragoman " + strings.TrimSpace(command.Summary()) + "\nSee " + command.FullPath() + " --help.\n"
}

// errReported fails a command whose output has said everything already.
var errReported = errors.New("failed")
