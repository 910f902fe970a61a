package bench

import (
	"fmt"
	"os"
	"testing"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest"
)

// TestMain runs the tests, or one of the processes they measure: the same
// binary is the provider and, by envoytest.Main, ext_proc.
func TestMain(m *testing.M) {
	if os.Getenv(providerVariable) != "" {
		if err := serveProvider(); err != nil {
			fmt.Fprintln(os.Stderr, "provider:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if file := os.Getenv(profileVariable); file != "" {
		go profileOnSignal(file)
	}
	envoytest.Main(m)
}
