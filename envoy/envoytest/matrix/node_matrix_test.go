package matrix

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest"
)

// fromJavaScript is how many combinations are drawn each day.
const fromJavaScript = 300

func TestEverySurfaceReachesEveryDialectFromJavaScript(t *testing.T) {
	g := envoytest.Start(t, Options())
	// The test's own context is done before its cleanups.
	drivers, stop, err := NodeDrivers(context.WithoutCancel(t.Context()), g.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	started, n := time.Now(), seed(t)
	all := combinations(drivers, cases())
	chosen := all
	if !envoytest.Long() {
		draw := rand.New(rand.NewPCG(n, 1))
		chosen = make([]combination, 0, fromJavaScript)
		for _, i := range draw.Perm(len(all))[:min(fromJavaScript, len(all))] {
			chosen = append(chosen, all[i])
		}
	}
	more := 0
	t.Run("matrix", func(t *testing.T) {
		more = countTokens(t, g, drivers) + embed(t, g, drivers)
		for _, c := range chosen {
			t.Run(c.String(), func(t *testing.T) {
				t.Parallel()
				c.c.run(newExam(t, g, c))
			})
		}
	})
	fmt.Printf("matrix from JavaScript: %d combinations of %d in %.1f s, seed %d\n", len(chosen)+more, len(all)+more, time.Since(started).Seconds(), n)
}
