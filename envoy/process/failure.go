package process

import (
	"fmt"
	"strings"
)

// AddressInUseError names an address that another program holds.
type AddressInUseError struct {
	Address string // host:port
}

// Error says what is wrong and which flag changes it.
func (e *AddressInUseError) Error() string {
	return e.Address + " is already in use; choose another with --listen"
}

// ExitError says how Envoy ended and what it said before.
type ExitError struct {
	// State is the operating system's word: "exit status 1", "signal: killed".
	State string
	// Killed is true if Stop or a failed Start had to kill it.
	Killed bool
	// Lines are Envoy's errors, or its last lines if it named none.
	Lines []string
	cause error
}

// Error is one line for each of Envoy's.
func (e *ExitError) Error() string {
	text := "envoy ended (" + e.State + ")"
	if e.Killed {
		text = fmt.Sprintf("envoy had to be killed (%s)", e.State)
	}
	if len(e.Lines) > 0 {
		text += ": " + strings.Join(e.Lines, "\n  ")
	}
	return text
}

// Unwrap returns what waiting for the process returned.
func (e *ExitError) Unwrap() error { return e.cause }
