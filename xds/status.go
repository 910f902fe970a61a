package xds

import (
	"cmp"
	"fmt"
	"slices"
)

// Status is what a server has to say about itself.
type Status struct {
	// Ready is set while the last good publish is in force or on its way.
	Ready bool `json:"ready"`
	// Reason tells why not; "" when ready.
	Reason string `json:"reason,omitempty"`
	// Step is where the rollout stands: "empty", "clusters", "listeners",
	// "routes", "edge", "serving", "reverting" or "refused".
	Step string `json:"step"`
	// Versions are those on offer, by kind.
	Versions map[Kind]string `json:"versions"`
	// Refusals are the NACKs not yet overcome, at most one a kind.
	Refusals []Refusal `json:"refusals"`
	// Nodes are the connected subscribers, one entry a stream, sorted by id.
	Nodes []Node `json:"nodes"`
}

// Node is a connected subscriber.
type Node struct {
	ID string `json:"id"`
	// Envoy is false for ext_proc processes.
	Envoy bool `json:"envoy"`
	// Acked are the versions ACKed last, of the kinds subscribed to; "" is one
	// that was not ACKed yet, or refused.
	Acked map[Kind]string `json:"acked"`
}

// view is what Run lets others see of the rollout. Immutable.
type view struct {
	step    step
	offers  *offers // nil before the first turn
	refused []Refusal
	stopped bool
}

func (v *view) reason() string {
	switch {
	case v.stopped:
		return ErrStopped.Error()
	case len(v.refused) > 0:
		n := v.refused[0]
		return fmt.Sprintf("%s refused by %q: %s", n.Kind, n.Node, n.Detail)
	case v.step == stepEmpty:
		return "nothing was published yet"
	}
	return ""
}

// Status tells how the server and its subscribers are. Maps and slices belong
// to the caller.
func (s *Server) Status() Status {
	v := s.view.Load()
	reason := v.reason()
	st := Status{
		Ready:    reason == "",
		Reason:   reason,
		Step:     v.step.String(),
		Versions: make(map[Kind]string),
		Refusals: slices.Clone(v.refused),
		Nodes:    s.fleet.nodes(),
	}
	if v.offers == nil {
		return st
	}
	for k := range numKinds {
		if version := v.offers.kinds[k].version; version != "" {
			st.Versions[k] = version
		}
	}
	return st
}

func (f *fleet) nodes() []Node {
	f.mu.Lock()
	defer f.mu.Unlock()
	nodes := make([]Node, 0, len(f.streams))
	for _, s := range f.streams {
		n := Node{ID: s.node, Envoy: s.isEnvoy(), Acked: make(map[Kind]string)}
		for k, sub := range s.subscriptions {
			if sub != nil {
				n.Acked[Kind(k)] = sub.version()
			}
		}
		nodes = append(nodes, n)
	}
	slices.SortFunc(nodes, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	return nodes
}

// count tells how many streams there are, of Envoys or of others.
func (f *fleet) count(envoys bool) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, s := range f.streams {
		if s.isEnvoy() == envoys {
			n++
		}
	}
	return n
}
