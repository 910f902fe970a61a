package matrix

import (
	"context"
	"errors"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest/node"
)

// npm are the SDKs for JavaScript, each with its program and its surfaces.
var npm = []struct {
	sdk, program string
	surfaces     []Surface
}{
	{"openai-4", "openai.mjs", []Surface{Chat, Responses}},
	{"openai-7", "openai.mjs", []Surface{Chat, Responses}},
	{"anthropic-0", "messages.mjs", []Surface{Messages}},
	{"anthropic-1", "messages.mjs", []Surface{Messages}},
}

// npmDriver asks with an SDK for JavaScript.
type npmDriver struct {
	sdk     string
	surface Surface
	url     string // of the gateway
	program *program
}

// npmCounter and npmEmbedder are the surfaces that can do more.
type (
	npmCounter  struct{ *npmDriver }
	npmEmbedder struct{ *npmDriver }
)

// NodeDrivers are the SDKs for JavaScript in front of a gateway, each a process
// of its own, which stop ends and waits for. ctx bounds their lives.
func NodeDrivers(ctx context.Context, url string) (drivers []Driver, stop func() error, err error) {
	packages, err := node.Install(ctx, clients, "")
	if err != nil {
		return nil, nil, err
	}
	var programs []*program
	stop = func() (err error) {
		for _, p := range programs {
			err = errors.Join(err, p.close())
		}
		return err
	}
	for _, n := range npm {
		p, err := startProgram(ctx, packages, n.sdk, n.program)
		if err != nil {
			return nil, nil, errors.Join(err, stop())
		}
		programs = append(programs, p)
		for _, surface := range n.surfaces {
			d := &npmDriver{sdk: n.sdk, surface: surface, url: url, program: p}
			switch surface {
			case Messages:
				drivers = append(drivers, npmCounter{d})
			case Chat:
				drivers = append(drivers, npmEmbedder{d})
			default:
				drivers = append(drivers, d)
			}
		}
	}
	return drivers, stop, nil
}

// npmAsk is what the programs take.
type npmAsk struct {
	URL      string  `json:"url"`
	Surface  Surface `json:"surface"`
	Op       string  `json:"op"`
	Question any     `json:"question"`
}

// Client implements Driver.
func (d *npmDriver) Client() (string, Surface) { return "npm " + d.sdk, d.surface }

// Ask implements Driver.
func (d *npmDriver) Ask(ctx context.Context, q *Question) (*Outcome, error) {
	o := new(Outcome)
	return o, d.program.ask(ctx, npmAsk{d.url, d.surface, "ask", q}, o)
}

// Count implements Counter.
func (d npmCounter) Count(ctx context.Context, q *Question) (*Outcome, error) {
	o := new(Outcome)
	return o, d.program.ask(ctx, npmAsk{d.url, d.surface, "count", q}, o)
}

// Embed implements Embedder.
func (d npmEmbedder) Embed(ctx context.Context, e *Embed) ([][]float64, *Outcome, error) {
	var got struct {
		Outcome *Outcome
		Vectors [][]float64
	}
	err := d.program.ask(ctx, npmAsk{d.url, d.surface, "embed", e}, &got)
	return got.Vectors, got.Outcome, err
}
