package matrix

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest"
	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

// exam is one combination at work.
type exam struct {
	*testing.T
	gateway *envoytest.Gateway
	client  Driver
	surface Surface
	target  *Target
	stream  bool
	// mark stands in the user's first words; the provider's records are found
	// by it.
	mark string
}

var marks atomic.Int64

func newExam(t *testing.T, g *envoytest.Gateway, c combination) *exam {
	t.Helper()
	_, surface := c.client.Client()
	return &exam{T: t, gateway: g, client: c.client, surface: surface, target: c.target, stream: c.stream, mark: fmt.Sprintf("Q%dx", marks.Add(1))}
}

// user is the first thing the user says, with a script for the provider.
func (x *exam) user(text, script string) Turn { return Turn{Text: scripted(x.mark+" "+text, script)} }

// scripted adds a script in the form that survives translation.
func scripted(text, script string) string {
	if script == "" {
		return text
	}
	return text + " [[sim:" + script + "]]"
}

// ask asks at the exam's target, and wants no faults.
func (x *exam) ask(q Question) *Outcome {
	x.Helper()
	return x.askAt(x.target, q)
}

func (x *exam) askAt(t *Target, q Question) *Outcome {
	x.Helper()
	o, err := x.try(t, q)
	if err != nil {
		x.Fatalf("the SDK broke: %v", err)
	}
	for _, fault := range o.Faults {
		x.Errorf("fault: %s", fault)
	}
	return o
}

// try is ask where the connection may break, which is the driver's error.
func (x *exam) try(t *Target, q Question) (*Outcome, error) {
	q.Model, q.Stream = t.Model(), x.stream
	ctx, cancel := context.WithTimeout(x.Context(), patience)
	defer cancel()
	return x.client.Ask(ctx, &q)
}

// answer is ask for a question that is answered.
func (x *exam) answer(q Question) *Outcome {
	x.Helper()
	o := x.ask(q)
	x.fine(o)
	return o
}

func (x *exam) fine(o *Outcome) {
	x.Helper()
	if o.Problem != nil {
		x.Fatalf("refused: %+v, headers %v", *o.Problem, o.Header)
	}
}

// requests are those of this exam that a provider got.
func (x *exam) requests(t *Target) (out []simulator.Record) {
	for _, r := range x.gateway.Fleet.Provider(t.Name).Records() {
		if bytes.Contains(r.Body, []byte(x.mark)) {
			out = append(out, r)
		}
	}
	return out
}

// heard is what the exam's target understood of the last request.
func (x *exam) heard() *simulator.Heard {
	x.Helper()
	return x.heardAt(x.target)
}

func (x *exam) heardAt(t *Target) *simulator.Heard {
	x.Helper()
	all := x.requests(t)
	if len(all) == 0 {
		x.Fatalf("%s got no request", t.Name)
	}
	h, err := simulator.Hear(all[len(all)-1].Request)
	if err != nil {
		x.Fatalf("%s refuses: %v\n%s", t.Name, err, all[len(all)-1].Body)
	}
	return h
}

// dropped tells whether the answer's header names a field. Paths are the
// client's, so only the last name counts.
func (o *Outcome) dropped(names ...string) bool {
	for path := range strings.SplitSeq(o.Header["x-dragoman-dropped"], ", ") {
		for _, name := range names {
			if path == name || strings.HasSuffix(path, "."+name) || strings.HasPrefix(path, name+".") {
				return true
			}
		}
	}
	return false
}

func (x *exam) equal(what string, want, got any) {
	x.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		x.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// jsonValue is a JSON text as a value, so that order and space don't count.
func (x *exam) jsonValue(raw []byte) any {
	x.Helper()
	var v any
	if len(raw) == 0 {
		return nil
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		x.Errorf("no JSON: %s", raw)
	}
	return v
}
