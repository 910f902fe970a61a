// Command bundle makes the bundled list of models, xds/catalog/bundled.json,
// from the data of models.dev.
//
// The flow: rows (a provider's facts of one model) → names (whose model is it,
// and what do others call it) → joins (which rows are the same model) → hosts
// (limits, abilities, prices) → listing. Then it holds the prices against
// another collection, if npm is there.
//
// Promises: the same data gives the same bytes; rows join by what the data says
// itself, or by two of id, name and release date, or by the reviewed tables in
// this package, and otherwise stay apart; a price that the data does not tell
// stays unknown. Refuses: guessing. Concurrency: none.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/dragoman-gateway/dragoman/xds/catalog/internal/listing"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bundle:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("bundle", flag.ContinueOnError)
	data := flags.String("data", "", "the providers' models as JSON, one object a provider, with models inside")
	date := flags.String("date", "", "day of the data, 2006-01-02")
	revision := flags.String("revision", "", "commit of the data")
	file := flags.String("o", "xds/catalog/bundled.json", "the list to write")
	verbose := flags.Bool("v", false, "tell what joined by less than all of id, name and date")
	compare := flags.Bool("compare", true, "hold the prices against npm's "+pricePackage)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *data == "" || *date == "" || *revision == "" {
		return errors.New("-data, -date and -revision say where the list comes from; give all of them")
	}
	text, err := os.ReadFile(*data)
	if err != nil {
		return err
	}
	rows, skipped, err := readRows(text)
	if err != nil {
		return err
	}
	models := join(rows)
	list := &listing.List{
		Source: "models.dev (repository anomalyco/models.dev, commit " + *revision + "; MIT, see presets.LICENSE), joined and reviewed by xds/catalog/bundle",
		Date:   *date,
		Models: list(models),
	}
	encoded, err := listing.Encode(list)
	if err != nil {
		return err
	}
	if err := os.WriteFile(*file, encoded, 0o644); err != nil {
		return err
	}
	summary(out, list, skipped)
	fmt.Fprintf(out, "%s: %d bytes\n", *file, len(encoded))
	if *verbose {
		weak(out, models)
	}
	if !*compare {
		return nil
	}
	return compared(ctx, out, list)
}

// summary counts what the list has.
func summary(out io.Writer, l *listing.List, skipped map[string]int) {
	presets := map[string]int{}
	hosts, priced, aliases := 0, 0, 0
	for i := range l.Models {
		aliases += len(l.Models[i].Aliases)
		for _, h := range l.Models[i].Hosts {
			presets[h.At]++
			if hosts++; h.Prices != nil {
				priced++
			}
		}
	}
	fmt.Fprintf(out, "%d models with %d aliases at %d presets: %d hosts, %d with a price\n", len(l.Models), aliases, len(presets), hosts, priced)
	for _, why := range sorted(skipped) {
		fmt.Fprintf(out, "left out %4d: %s\n", skipped[why], why)
	}
}

// weak tells which rows joined without all three signs agreeing, for review.
func weak(out io.Writer, models []*model) {
	for _, m := range models {
		for _, r := range m.rows {
			if r.signs != "" {
				fmt.Fprintf(out, "joined by %-9s %-45s %s %s %q %s\n", r.signs, m.name, r.slug, r.id, r.Name, r.Release)
			}
		}
	}
}
