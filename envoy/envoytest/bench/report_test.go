package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy"
)

// What a row is judged in.
const (
	times        = "×"
	milliseconds = "ms"
	kilobytes    = "KB"
)

// row is one line of the table.
type row struct {
	Work string `json:"work"`
	// Unit is that of Plain, Envoy and Dragoman, medians of the rounds; nil is
	// not measured.
	Unit     string   `json:"unit"`
	Plain    *float64 `json:"plain,omitempty"`
	Envoy    *float64 `json:"envoy,omitempty"`
	Dragoman *float64 `json:"dragoman,omitempty"`
	// Judged is compared with the bars: a ratio to plain Envoy (the median of
	// the rounds' ratios, Low and High their quartiles), or a figure itself.
	Judged  float64 `json:"judged"`
	In      string  `json:"in"`
	Low     float64 `json:"low,omitempty"`
	High    float64 `json:"high,omitempty"`
	Bar     float64 `json:"bar"`
	Stretch float64 `json:"stretch"`
	Verdict string  `json:"verdict"`
	Note    string  `json:"note,omitempty"`
	// shown rows fail no test, as they depend on the machine's speed.
	shown bool
}

func (r *row) judge() {
	switch {
	case r.Judged <= r.Stretch:
		r.Verdict = "stretch"
	case r.Judged <= r.Bar:
		r.Verdict = "bar"
	default:
		r.Verdict = "MISS"
	}
}

// mustNotBeFarOff fails on what noise cannot explain.
func (r *row) mustNotBeFarOff(t *testing.T) {
	t.Helper()
	const loose = 2.5
	if !r.shown && r.Judged > loose*r.Bar {
		t.Errorf("%s: %.2f %s, where %.2f are allowed", r.Work, r.Judged, r.In, r.Bar)
	}
}

// report is the whole table.
type report struct {
	Machine string `json:"machine"`
	Rounds  int    `json:"rounds"`
	Rows    []row  `json:"rows"`
}

// machine says what a figure depends on.
func machine() string {
	load := "unknown"
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		load = strings.Join(strings.Fields(string(text))[:3], " ")
	}
	return fmt.Sprintf("%s: %d cores, %s/%s, %s, Envoy %s with %d workers; load average at the start %s",
		time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), envoy.Version, concurrency, load)
}

// folder is bin, from this package's folder.
var folder = filepath.Join("..", "..", "..", "bin")

// publish prints the table, and keeps it where it was asked for.
func (r *report) publish(t *testing.T, full bool) {
	t.Helper()
	for i := range r.Rows {
		r.Rows[i].judge()
	}
	text := r.text()
	if !full {
		t.Logf("a small pass; BENCH=1 measures\n%s", text)
		return
	}
	fmt.Printf("\n%s\n", text)
	j, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"bench.json": append(j, '\n'), "bench.svg": r.chart()} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
		fmt.Println("written: bin/" + name)
	}
}

func (r *report) text() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s; %d rounds\n\n", r.Machine, r.Rounds)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "work\tplain Envoy\tours: Envoy\t+ Dragoman\tunit\tjudged\tquartiles\tbar\tstretch\tverdict")
	for i := range r.Rows {
		l := &r.Rows[i]
		quartiles := ""
		if l.High != 0 {
			quartiles = fmt.Sprintf("%.2f to %.2f", l.Low, l.High)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%.2f %s\t%s\t%g\t%g\t%s\n",
			l.Work, figure(l.Plain), figure(l.Envoy), figure(l.Dragoman), l.Unit, l.Judged, l.In, quartiles, l.Bar, l.Stretch, l.Verdict)
	}
	fmt.Fprintln(w, "reserve + settle\t\t\t\t\tfrom the quota work on\t\t1 µs\t\t")
	_ = w.Flush() // into memory
	fmt.Fprintln(&b)
	for i := range r.Rows {
		if l := &r.Rows[i]; l.Note != "" {
			fmt.Fprintf(&b, "%s: %s\n", l.Work, l.Note)
		}
	}
	return b.String()
}

func figure(v *float64) string {
	switch {
	case v == nil:
		return ""
	case *v < 10:
		return fmt.Sprintf("%.2f", *v)
	default:
		return fmt.Sprintf("%.0f", *v)
	}
}
