package main

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

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
