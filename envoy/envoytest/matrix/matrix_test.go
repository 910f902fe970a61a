package matrix

import (
	"cmp"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest"
)

// atOnce is how many combinations run side by side: they wait for each other's
// processes more than they compute.
const atOnce = "8"

func TestMain(m *testing.M) {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": AccessKey, "AWS_SECRET_ACCESS_KEY": Key, "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		if err := os.Setenv(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	flag.Parse()
	if err := flag.Set("test.parallel", cmp.Or(os.Getenv("MATRIX_PARALLEL"), atOnce)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	envoytest.Main(m)
}

// combination is a case of a pair in one form.
type combination struct {
	c      *Case
	client Driver
	target *Target
	stream bool
}

func (c *combination) String() string {
	name, surface := c.client.Client()
	form := "JSON"
	if c.stream {
		form = "stream"
	}
	return string(surface) + " (" + name + ") → " + c.target.Name + "/" + c.c.name + "/" + form
}

// combinations are all there are, in an order that does not depend on maps.
func combinations(drivers []Driver, cases []Case) (out []combination) {
	slices.SortStableFunc(cases, func(a, b Case) int { return cmp.Compare(a.name, b.name) })
	for _, d := range drivers {
		_, surface := d.Client()
		for i := range Targets {
			for j := range cases {
				c := &cases[j]
				if c.unless != nil && c.unless(surface, &Targets[i]) != "" {
					continue
				}
				if c.only != streams {
					out = append(out, combination{c, d, &Targets[i], false})
				}
				if c.only != wholes {
					out = append(out, combination{c, d, &Targets[i], true})
				}
			}
		}
	}
	return out
}

// sampled is how many combinations are drawn each day beside the everyday ones.
const sampled = 1000

// sample keeps the everyday combinations and draws from the rest.
func sample(all []combination, seed uint64) []combination {
	daily := slices.DeleteFunc(slices.Clone(all), func(c combination) bool { return !c.c.everyday })
	rest := slices.DeleteFunc(slices.Clone(all), func(c combination) bool { return c.c.everyday })
	draw := rand.New(rand.NewPCG(seed, 0))
	draw.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	return append(daily, rest[:min(sampled, len(rest))]...)
}

// seed is MATRIX_SEED, or else the day: runs of one day agree.
func seed(tb testing.TB) uint64 {
	tb.Helper()
	text := os.Getenv("MATRIX_SEED")
	if text == "" {
		h := fnv.New32a()
		h.Write([]byte(time.Now().UTC().Format(time.DateOnly)))
		return uint64(h.Sum32())
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		tb.Fatalf("MATRIX_SEED: %v", err)
	}
	return n
}

func cases() []Case {
	return slices.Concat(textCases(), toolCases(), contentCases(), reasoningCases(), endCases(), errorCases())
}

func TestEverySurfaceReachesEveryDialect(t *testing.T) {
	g := envoytest.Start(t, Options())
	started, n := time.Now(), seed(t)
	drivers := Drivers(g.URL, g.Client)
	all := combinations(drivers, cases())
	chosen := all
	if !envoytest.Long() {
		chosen = sample(all, n)
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
	fmt.Printf("matrix: %d combinations of %d in %.1f s, seed %d\n", len(chosen)+more, len(all)+more, time.Since(started).Seconds(), n)
}
