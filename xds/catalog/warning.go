package catalog

import "slices"

// warnings are of what is allowed and does nothing, or not what it says, sorted
// by line.
func (c *compiler) warnings() Errors {
	w := warner{c, &report{file: c.report.file, at: c.at, named: c.named, failed: map[string]bool{}}, map[string]bool{}}
	w.models()
	w.people()
	w.silences()
	_ = w.found.err() // it sorts
	return w.found.errs
}

// warner looks for what deserves a warning.
type warner struct {
	*compiler
	found *report
	fits  map[string]bool // whether a pattern fits a model
}

// models looks for patterns that no model fits. Models stand in the catalog
// alone, so that nothing else can fit them.
func (w *warner) models() {
	for i := range w.doc.Keys {
		w.modelGlobs(element("keys", i), w.doc.Keys[i].Models)
	}
	for _, name := range sortedKeys(w.doc.Tenants) {
		w.modelGlobs(member("tenants", name), w.doc.Tenants[name].Models)
	}
	for i := range w.doc.Budgets {
		w.modelGlobs(element("budgets", i), w.doc.Budgets[i].Models)
	}
	for i := range w.doc.Issuers {
		w.modelGlobs(element("issuers", i), w.doc.Issuers[i].Models)
	}
}

func (w *warner) modelGlobs(path string, globs []string) {
	for i, glob := range globs {
		fits, known := w.fits[glob]
		if !known {
			fits = fitsAny(glob, w.catalog.names)
			w.fits[glob] = fits
		}
		if !fits {
			w.warn(element(path+".models", i), show(glob)+" fits no model of this catalog", w.suggest(glob, w.catalog.names, "dragoman models lists them"))
		}
	}
}

// people looks for budgets of keys and tenants that nobody has heard of. Those of
// a common store and what issuers say is known elsewhere.
func (w *warner) people() {
	if len(w.doc.Issuers) > 0 || w.catalog.Store.Redis != nil {
		return
	}
	var keys []string
	tenants := sortedKeys(w.doc.Tenants)
	for i := range w.doc.Keys {
		keys = append(keys, w.doc.Keys[i].Name)
		if t := w.doc.Keys[i].Tenant; t != "" {
			tenants = append(tenants, t)
		}
	}
	for i := range w.doc.Budgets {
		w.peopleGlobs(element("budgets", i)+".keys", "key", listed{w.doc.Budgets[i].Keys, keys})
		w.peopleGlobs(element("budgets", i)+".tenants", "tenant", listed{w.doc.Budgets[i].Tenants, tenants})
	}
}

// listed are patterns and the names that they may fit.
type listed struct{ globs, names []string }

func (w *warner) peopleGlobs(field, what string, l listed) {
	for i, glob := range l.globs {
		if !fitsAny(glob, l.names) {
			w.warn(element(field, i), show(glob)+" fits no "+what+" of this catalog", w.suggest(glob, l.names, "unless the state directory's store has one, the budget never holds"))
		}
	}
}

// silences looks for streams that may be silent for longer than it is written.
func (w *warner) silences() {
	for _, p := range w.catalog.Providers {
		own := member("providers", p.Name) + ".timeouts"
		if t := p.Timeouts; t.StreamIdle() > t.Idle {
			fields := []string{own + ".idle", own + ".first_token", "timeouts.idle", "timeouts.first_token"}
			i := slices.IndexFunc(fields, w.given)
			if i < 0 {
				continue
			}
			w.warn(fields[i], written(t.Idle)+" of silence are not enough for a first event that may take "+written(t.FirstToken)+": streams of "+p.Name+" may be silent for "+written(t.StreamIdle()), "lower first_token, too, or raise idle")
		}
	}
}

func (w *warner) warn(field, wrong, right string) { w.found.fail(field, wrong, right) }

func fitsAny(glob string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return Matches(glob, name) })
}
