package main

import (
	"log/slog"
	"reflect"
	"strings"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// gate stands before what serves: a catalog passes if its files are good. What a
// process only takes over when it starts is named when it changes. It is used by
// one goroutine at a time.
type gate struct {
	log   *slog.Logger
	files catalog.Files // that this process or its Envoy opens
	// use brings a catalog to what serves.
	use func(*catalog.Catalog) error
	// lasting is what a process of this kind has kept since it started, nil =
	// nothing.
	lasting func(c *catalog.Catalog) []lasting

	first *catalog.Catalog
	said  string // of what waits for a restart
}

// begin looks at the catalog that the process starts with.
func (g *gate) begin(first *catalog.Catalog) error {
	g.first = first
	files := g.files
	files.Records = files.Own
	return first.Verify(files)
}

// pass uses a later catalog, or refuses it as it is.
func (g *gate) pass(next *catalog.Catalog) error {
	if err := next.Verify(g.files); err != nil {
		return err
	}
	if err := g.use(next); err != nil {
		return err
	}
	waiting := g.waiting(next)
	if waiting != g.said && waiting != "" {
		g.log.Warn("what the catalog changes here waits for a restart; the rest is in use", "fields", waiting)
	}
	g.said = waiting
	return nil
}

// waiting names what is not in use of a catalog.
func (g *gate) waiting(next *catalog.Catalog) string {
	if g.lasting == nil {
		return ""
	}
	var fields []string
	had := g.lasting(g.first)
	for i, has := range g.lasting(next) {
		if !reflect.DeepEqual(had[i].value, has.value) {
			fields = append(fields, has.field)
		}
	}
	return strings.Join(fields, ", ")
}

// lasting is a field of a catalog that is read when a process starts.
type lasting struct {
	field string
	value any
}

// ofExtProc are the fields that ext_proc keeps as they were when it started.
func ofExtProc(c *catalog.Catalog) []lasting {
	return []lasting{
		{"limits.exchanges", c.Limits.Exchanges},
		{"limits.held", c.Limits.Held},
		{"store", c.Store},
		{"quota.wait", c.Quota.Wait},
		{"quota.webhook", c.Quota.Webhook},
		{"quota.webhook_secret", c.Quota.WebhookSecret},
		{"generations", c.Generations},
		{"secrets", c.Secrets},
	}
}

// notHere warns of files that Envoy opens and this process cannot.
func notHere(log *slog.Logger) func(catalog.Error) {
	return func(e catalog.Error) {
		log.Warn("a file that Envoy opens is not to be read here; it must be there where Envoy runs", "file", e)
	}
}
