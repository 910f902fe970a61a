package extproc

import (
	"os"
	"runtime"
	"runtime/debug"
)

// Tune sets the runtime up for a sidecar that shares its machine with Envoy,
// where the operator has not (GOMAXPROCS, GOGC, GOMEMLIMIT). Messages come one by one and
// each wakes a goroutine: with every core at hand the scheduler spends more on
// looking for work than the work costs, and a heap of a few megabytes is
// collected many times a second; a large one must not grow to five times what
// lives in it.
func Tune() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(max(1, runtime.NumCPU()/2))
	}
	if os.Getenv("GOGC") == "" {
		const percent = 200
		debug.SetGCPercent(percent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(assumedMemory)
	}
}
