package members

import (
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Places are where a dialect's extras may lie below the object that they belong
// to: the names of those that lie deeper begin with one of Paths.
type Places struct {
	Dialect llm.Dialect
	Paths   []string
}

// Lies gives the member's name of an extra of the dialect that lies in path; ""
// = in the object itself.
func (p *Places) Lies(x *llm.Extra, path string) (name string, ok bool) {
	if x.Dialect != p.Dialect {
		return "", false
	}
	if path != "" {
		return strings.CutPrefix(x.Name, path)
	}
	for _, deeper := range p.Paths {
		if strings.HasPrefix(x.Name, deeper) {
			return "", false
		}
	}
	return x.Name, true
}

// Extras writes the dialect's extras that lie in path.
func (o *Object) Extras(list llm.Extras, p *Places, path string) {
	for i := range list {
		if name, ok := p.Lies(&list[i], path); ok {
			o.Raw(name, list[i].Value)
		}
	}
}

// Attempts writes the member attempts, if there were any: what was tried before
// an error became the answer.
func (o *Object) Attempts(list []llm.Attempt) {
	if len(list) == 0 {
		return
	}
	o.BeginArray("attempts")
	for i := range list {
		a := &list[i]
		o.Open()
		o.Text("provider", a.Provider)
		o.Text("model", a.Model)
		o.Text("reason", a.Reason)
		if a.Status != 0 {
			o.Integer("status", int64(a.Status))
		}
		o.End()
	}
	o.EndArray()
}
