package bench

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest"
)

// profileVariable names the file into which ext_proc writes its CPU profile.
const profileVariable = "DRAGOMAN_BENCH_PROFILE_FILE"

// profiled is the load whose profile was asked for; "" = none.
func profiled() string { return os.Getenv("BENCH_PROFILE") }

// profileOnSignal runs in ext_proc for as long as the process does: the first
// SIGUSR1 starts the profile, the second completes the file.
func profileOnSignal(file string) {
	ask := make(chan os.Signal, 1)
	signal.Notify(ask, syscall.SIGUSR1)
	<-ask
	f, err := os.Create(file + ".part")
	if err == nil {
		err = pprof.StartCPUProfile(f)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
		return
	}
	<-ask
	pprof.StopCPUProfile()
	if err = f.Close(); err == nil {
		err = os.Rename(file+".part", file)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
	}
}

// profile puts one load on the gateway and shows where ext_proc's time goes.
func profile(t *testing.T, s settings, name string) {
	t.Helper()
	l, ok := loads()[name]
	if !ok {
		var names []string
		for n := range loads() {
			names = append(names, n)
		}
		slices.Sort(names)
		t.Fatalf("BENCH_PROFILE is %q; choose one of %s", name, strings.Join(names, ", "))
	}
	file, err := filepath.Abs(filepath.Join(folder, "bench-"+name+".pprof"))
	if err == nil {
		err = os.MkdirAll(folder, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(file) // of an earlier run
	t.Setenv(profileVariable, file)
	k := start(t, s)
	c := contestant{k.ours, l}
	if _, err := c.run(s.round); err != nil {
		t.Fatal(err)
	}
	long := 10 * s.round
	if path, err := exec.LookPath("perf"); err == nil {
		fmt.Printf("Envoy under the same load, now: %s record -F 499 -g -p %d -o bin/bench-%s.perf -- sleep %.0f\n", path, k.ours.envoy, name, long.Seconds())
	}
	ask := func() {
		if err := syscall.Kill(k.ours.dragoman, syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	s.settle, s.round = 0, long
	k.s = s
	cost := k.measure(&c)
	ask()
	envoytest.Eventually(t, 20*time.Second, "the profile is written", func() error {
		_, err := os.Stat(file)
		return err
	})
	fmt.Printf("%s: %.1f CPU-µs in Envoy + %.1f in ext_proc; profile in %s\n", name, cost.envoy, cost.dragoman, file)
	top := exec.Command("go", "tool", "pprof", "-top", "-nodecount=30", file)
	top.Stdout, top.Stderr = os.Stdout, os.Stderr
	if err := top.Run(); err != nil {
		t.Logf("go tool pprof: %v", err)
	}
}
