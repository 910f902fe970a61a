package process

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"time"
)

// Validate lets the Envoy at path judge a bootstrap (YAML or JSON) without
// serving it: no socket is bound, no xDS server is asked. The error is an
// *ExitError with Envoy's reasons, or the context's cause.
func Validate(ctx context.Context, path string, bootstrap []byte) (err error) {
	files, err := writeFiles(bootstrap)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.remove()) }()
	lines := newLines(nil, nil, files.bootstrap)
	cmd := exec.CommandContext(ctx, path, append(fixedArgs(files.bootstrap),
		"--mode", "validate", "--log-level", "error", "--concurrency", "1")...)
	cmd.Env = []string{}
	cmd.Stderr = lines
	cmd.SysProcAttr = attributes()
	cmd.WaitDelay = 2 * time.Second
	// The parent-death signal comes when the forking thread ends.
	runtime.LockOSThread()
	err = cmd.Run()
	runtime.UnlockOSThread()
	lines.flush()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("validating the bootstrap: %w", context.Cause(ctx))
	case cmd.ProcessState == nil:
		return fmt.Errorf("validating the bootstrap: %w", err)
	}
	return fmt.Errorf("the bootstrap is not valid: %w",
		&ExitError{State: cmd.ProcessState.String(), Lines: lines.interesting(), cause: err})
}
