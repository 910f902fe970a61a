package chain

import (
	"errors"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// Wish is a model as a client names it.
type Wish struct {
	Name    string
	Creator string                  // whose a bare name is that several creators have, "" = nobody's
	Param   string                  // the request's field with the name
	Allowed func(model string) bool // what the key may use; nil = all
}

// Find is the model that is meant: one of the catalog's that the key may use.
// The problem is NotFound or Forbidden. It names no model that the key may not
// use, but the one that was named.
func (w *Wish) Find(c *catalog.Catalog) (*catalog.Model, *llm.Problem) {
	m, err := c.Resolve(w.Name, w.Creator)
	switch {
	case err != nil:
		return nil, &llm.Problem{Kind: llm.NotFound, Code: "model_not_found", Param: w.Param, Message: w.missing(err), Cause: err}
	case w.Allowed != nil && !w.Allowed(m.Name):
		return nil, forbidden(m, w.Param)
	}
	return m, nil
}

// missing is what a client is told of an error of Resolve.
func (w *Wish) missing(err error) string {
	var several *catalog.AmbiguousModelError
	if errors.As(err, &several) {
		if those := w.allowed(several.Candidates); len(those) > 0 {
			return (&catalog.AmbiguousModelError{Name: w.Name, Candidates: those}).Error()
		}
	}
	const list = "GET /v1/models lists those that there are"
	var unknown *catalog.UnknownModelError
	if errors.As(err, &unknown) {
		if those := w.allowed(unknown.Near); len(those) > 0 {
			return (&catalog.UnknownModelError{Name: w.Name, Near: those}).Error() + " " + list
		}
	}
	return (&catalog.UnknownModelError{Name: w.Name}).Error() + "; " + list
}

// allowed are the models of a list that the key may use.
func (w *Wish) allowed(models []string) (those []string) {
	for _, name := range models {
		if w.Allowed == nil || w.Allowed(name) {
			those = append(those, name)
		}
	}
	return those
}
