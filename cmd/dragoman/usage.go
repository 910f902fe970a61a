package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/generation/postgres"
	"github.com/dragoman-gateway/dragoman/extproc/generation/sqlite"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

type usageCommand struct {
	By       string `help:"What to sum up by: ${enum}." enum:"day,hour,model,provider,key,tenant,tag,user,credential" default:"day"`
	From     string `help:"First day (2027-01-31), time (2027-01-31T08:00:00Z) or how long ago (24h, 7d)." default:"30d" placeholder:"WHEN"`
	To       string `help:"Last day, which counts whole, or the time or how long ago to end. Without it: now." placeholder:"WHEN"`
	Key      string `help:"Only this key's." placeholder:"NAME"`
	Tenant   string `help:"Only this tenant's." placeholder:"NAME"`
	Model    string `help:"Only of this model." placeholder:"NAME"`
	Provider string `help:"Only of this provider." placeholder:"NAME"`
	Tag      string `help:"Only what has this tag." placeholder:"TAG"`
	JSON     bool   `help:"As JSON, in the shape of /v1/report, with the totals."`
	State    string `help:"The state directory of the gateway. Without it: the database that dragoman.yaml names, else dragoman in $$XDG_STATE_HOME, ~/.local/state by default." placeholder:"DIR" env:"DRAGOMAN_STATE"`
	Catalog  string `help:"The catalog file that names the database (store.postgres)." placeholder:"FILE" env:"DRAGOMAN_CATALOG"`
}

// usageStore is what has been recorded.
type usageStore interface {
	generation.Reader
	io.Closer
}

// Run sums up what was used and prints it.
func (c *usageCommand) Run(ctx context.Context, s streams) error {
	filter, err := c.filter(time.Now())
	if err != nil {
		return err
	}
	store, err := c.open(ctx, s)
	if errors.Is(err, sqlite.ErrNone) {
		return c.nothing(filter, s)
	}
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }() // it was only read
	total, err := generation.Total(ctx, store, filter)
	switch {
	case postgres.IsNone(err), err == nil && total.Requests == 0:
		return c.nothing(filter, s)
	case err != nil:
		return fmt.Errorf("reading what was used: %w", err)
	}
	grouping := c.grouping()
	rows, err := store.Report(ctx, filter, grouping)
	if err != nil {
		return fmt.Errorf("reading what was used: %w", err)
	}
	if c.JSON {
		return c.printJSON(rows, total, s)
	}
	return c.printTable(rows, total, filter, s)
}

// filter says what is meant; now is the present.
func (c *usageCommand) filter(now time.Time) (f generation.Filter, err error) {
	f = generation.Filter{
		View: generation.View{All: true}, OfKey: c.Key, OfTenant: c.Tenant, Model: c.Model, Provider: c.Provider, To: now,
	}
	if c.Tag != "" {
		f.Tags = []string{c.Tag}
	}
	if f.From, _, err = moment(c.From, now); err != nil {
		return f, fmt.Errorf("--from %s: %w", c.From, err)
	}
	if c.To != "" {
		var day bool
		if f.To, day, err = moment(c.To, now); err != nil {
			return f, fmt.Errorf("--to %s: %w", c.To, err)
		}
		if day {
			f.To = f.To.AddDate(0, 0, 1)
		}
	}
	if !f.From.Before(f.To) {
		return f, fmt.Errorf("--from %s is not before --to %s", shownTime(f.From), shownTime(f.To))
	}
	return f, nil
}

// moment reads a day, a time, or how long ago.
func moment(text string, now time.Time) (at time.Time, day bool, err error) {
	if at, err := time.Parse(time.DateOnly, text); err == nil {
		return at, true, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.UTC(), false, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 36500 {
			return now.UTC().AddDate(0, 0, -n), false, nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.UTC().Add(-ago), false, nil
	}
	return at, false, errors.New("write a day such as 2027-01-31, a time such as 2027-01-31T08:00:00Z, or how long ago, such as 24h or 7d")
}

func (c *usageCommand) grouping() generation.Grouping {
	switch c.By {
	case "day":
		return generation.Grouping{Per: generation.Day}
	case "hour":
		return generation.Grouping{Per: generation.Hour}
	}
	return generation.Grouping{By: generation.Dimension(c.By)}
}

// open finds where the gateway records: the database of a catalog, unless only
// a state directory is named, else the file in that.
func (c *usageCommand) open(ctx context.Context, s streams) (usageStore, error) {
	path := c.Catalog
	if path == "" && c.State == "" {
		if _, err := os.Stat(defaultCatalog); err == nil {
			path = defaultCatalog
		}
	}
	if path != "" {
		cat, err := loadKeyless(path, s)
		if err != nil {
			return nil, err
		}
		if where := cat.Store.Postgres; where.Scheme != "" {
			dsn, err := credential.Resolve(ctx, where, s.env)
			if err != nil {
				return nil, fmt.Errorf("the catalog's store.postgres: %w", err)
			}
			return postgres.OpenExisting(dsn.Reveal())
		}
	}
	dir, err := stateDir(c.State, s)
	if err != nil {
		return nil, err
	}
	return sqlite.OpenExisting(ctx, filepath.Join(dir, extproc.DatabaseFile))
}

// nothing says so, in words that tell what to try.
func (c *usageCommand) nothing(f generation.Filter, s streams) error {
	if c.JSON {
		return c.printJSON(nil, generation.Sums{}, s)
	}
	_, err := fmt.Fprintf(s.out, "No requests from %s to %s%s are recorded here. "+
		"--from reaches back further; --state or --catalog name where another gateway records.\n",
		shownTime(f.From), shownTime(f.To), c.only())
	return err
}

// only names the filters, "" if there are none.
func (c *usageCommand) only() string {
	var b strings.Builder
	for _, one := range [][2]string{{"key", c.Key}, {"tenant", c.Tenant}, {"model", c.Model}, {"provider", c.Provider}, {"tag", c.Tag}} {
		if one[1] != "" {
			fmt.Fprintf(&b, ", %s %s", one[0], printable(one[1]))
		}
	}
	return b.String()
}

func (c *usageCommand) printJSON(rows []generation.Row, total generation.Sums, s streams) error {
	var report struct {
		Results json.RawMessage `json:"results"`
		Total   json.RawMessage `json:"total"`
	}
	if err := json.Unmarshal(generation.ReportJSON(rows, c.grouping()), &report); err != nil {
		return err
	}
	report.Total = generation.SumsJSON(total)
	enc := json.NewEncoder(s.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(report)
}

// printTable prints a row a group, totals, and what the figures leave open.
func (c *usageCommand) printTable(rows []generation.Row, total generation.Sums, f generation.Filter, s streams) error {
	fmt.Fprintf(s.out, "From %s to %s%s (UTC)\n\n", shownTime(f.From), shownTime(f.To), c.only())
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%s\tREQUESTS\tFAILED\tINPUT\tCACHED\tOUTPUT\tCOST\t\n", leftAligned(strings.ToUpper(c.By), c.width(rows)))
	share := shareOf(rows)
	for i := range rows {
		r := &rows[i]
		fmt.Fprintf(w, "%s\t%s\t  %s\n", leftAligned(c.name(r), c.width(rows)), figures(&r.Sums), bar(share(&r.Sums)))
	}
	fmt.Fprintf(w, "%s\t%s\t\n", leftAligned("total", c.width(rows)), figures(&total))
	if err := w.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(table.String()) {
		// The first column needs no space before it.
		fmt.Fprintln(s.out, strings.TrimRight(strings.TrimPrefix(line, "  "), " \n"))
	}
	for _, note := range c.notes(rows, total) {
		fmt.Fprintln(s.out, note)
	}
	return nil
}

// notes say what the figures leave open.
func (c *usageCommand) notes(rows []generation.Row, total generation.Sums) (notes []string) {
	if total.Market != total.Cost {
		notes = append(notes, "\nAt list price it would be "+dollars(total.Market)+": tenants' own credentials are not charged.")
	}
	if total.Unpriced > 0 {
		notes = append(notes, "\n"+count(int(total.Unpriced), "request")+" used tokens whose price is not known; the cost is the least it was.")
	}
	if total.Estimated > 0 {
		notes = append(notes, "\n"+count(int(total.Estimated), "request")+" had no usage reported; it is estimated.")
	}
	if c.By == "tag" {
		notes = append(notes, "\nA request with several tags stands under each of them, and once in the total.")
	}
	if len(rows) == generation.MaxRows {
		notes = append(notes, fmt.Sprintf("\nOnly %d rows are shown.", len(rows)))
	}
	return notes
}

// name is what a row is called.
func (c *usageCommand) name(r *generation.Row) string {
	switch {
	case c.By == "day":
		return r.Time.Format(time.DateOnly)
	case c.By == "hour":
		return r.Time.Format("2006-01-02 15h")
	case r.Value == "":
		return "(none)"
	}
	return printable(r.Value)
}

// width is how wide the first column is.
func (c *usageCommand) width(rows []generation.Row) int {
	n := max(len(c.By), len("total"))
	for i := range rows {
		n = max(n, len([]rune(c.name(&rows[i]))))
	}
	return n
}

// leftAligned fills up a name: the table's columns are aligned to the right.
func leftAligned(name string, width int) string {
	return name + strings.Repeat(" ", max(0, width-len([]rune(name))))
}

// printable keeps what clients chose from steering the terminal.
func printable(text string) string {
	if quoted := strconv.Quote(text); quoted != `"`+text+`"` {
		return quoted
	}
	return text
}

func figures(s *generation.Sums) string {
	return strings.Join([]string{
		strconv.FormatInt(s.Requests, 10), strconv.FormatInt(s.Failed, 10), inShort(s.Input), inShort(s.CacheRead), inShort(s.Output), dollars(s.Cost),
	}, "\t")
}

// inShort is a count of tokens in four digits at most.
func inShort(n llm.Tokens) string {
	for _, unit := range []struct {
		size llm.Tokens
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e4, "k"}} {
		if n >= unit.size {
			size := float64(unit.size)
			if unit.name == "k" {
				size = 1e3
			}
			return strconv.FormatFloat(float64(n)/size, 'f', 1, 64) + unit.name
		}
	}
	return strconv.FormatInt(int64(n), 10)
}

// dollars shows an amount to the micro-dollar; JSON has the rest.
func dollars(n llm.NanoUSD) string {
	const micro = 1000
	whole, rest := n/1e9, n%1e9
	if rest = (rest + micro/2) / micro; rest == 1e6 {
		whole, rest = whole+1, 0
	}
	return fmt.Sprintf("$%d.%06d", whole, rest)
}

// barWidth is how long the longest bar is, in characters.
const barWidth = 24

// shareOf measures rows by cost, or by requests if nothing cost anything.
func shareOf(rows []generation.Row) func(*generation.Sums) float64 {
	var cost llm.NanoUSD
	var requests int64
	for i := range rows {
		cost, requests = max(cost, rows[i].Cost), max(requests, rows[i].Requests)
	}
	return func(s *generation.Sums) float64 {
		switch {
		case len(rows) < 2:
			return 0 // a bar by itself says nothing
		case cost > 0:
			return float64(s.Cost) / float64(cost)
		}
		return float64(s.Requests) / float64(max(requests, 1))
	}
}

// bar is a share of the longest in eighths of a character.
func bar(share float64) string {
	eighths := int(share*barWidth*8 + 0.5)
	if share > 0 {
		eighths = max(eighths, 1)
	}
	b := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		b += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return b
}

// shownTime is a time in UTC, without what is zero.
func shownTime(t time.Time) string {
	if t = t.UTC(); t.Equal(t.Truncate(24 * time.Hour)) {
		return t.Format(time.DateOnly)
	}
	return t.Format("2006-01-02 15:04")
}
