package sqlite_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/sqlite"
)

// childPath tells the test binary that it is a process to be killed.
const childPath = "QUOTA_SQLITE_TEST_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		fmt.Fprintln(os.Stderr, work(path))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// work makes calls until it is killed; each settles 1 on each of three counts.
func work(path string) error {
	s, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		return err
	}
	c := quota.Call{Owner: quota.Owner{1}, Batch: 1}
	for n := range 3 {
		c.Settled = append(c.Settled, quota.Charge{Account: ap(n).Account, Period: ap(n).Period, Amount: 1})
		c.Asks = append(c.Asks, quota.Ask{AccountPeriod: ap(n), Limit: quota.MaxAmount, Need: 5})
	}
	standing, err := s.Standing(context.Background(), []quota.AccountPeriod{ap(0)})
	if err != nil {
		return err
	}
	c.Batch = uint64(standing[0].Used)
	c.Seq = uint64(time.Now().UnixNano())
	for first := true; ; first = false {
		c.Batch++
		c.Seq++
		if _, err := s.Exchange(context.Background(), c); err != nil {
			return err
		}
		if first {
			if _, err := os.Stdout.WriteString("x"); err != nil { // ready to be killed
				return err
			}
		}
	}
}

func TestAProcessKilledAtAnyInstantLeavesWholeCallsAndNoLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quota.db")
	s, db := open(t, path, time.Now), raw(t, path)
	kills := 10
	if os.Getenv("LONG") != "" {
		kills = 60
	}
	for i := range kills {
		killOne(t, path)
		standing, err := s.Standing(t.Context(), []quota.AccountPeriod{ap(0), ap(1), ap(2)})
		check(t, err)
		if standing[0].Used <= quota.Amount(i) || standing[0] != standing[1] || standing[1] != standing[2] {
			t.Fatalf("half a call: %+v", standing)
		}
		sound(t, db)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, err = s.Exchange(ctx, quota.Call{Owner: quota.Owner{2}, Seq: uint64(i + 1)})
		cancel()
		check(t, err)
	}
}

func killOne(t *testing.T, path string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childPath+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	defer func() { _ = cmd.Wait() }()         // it was killed
	defer func() { _ = cmd.Process.Kill() }() // it may be gone
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		t.Fatalf("the child did not start: %v", err)
	}
	instant := time.NewTimer(time.Duration(rand.Int64N(int64(10 * time.Millisecond))))
	<-instant.C
}
