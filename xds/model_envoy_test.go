package xds

import (
	"fmt"
	"strings"
)

// modelEnvoy is an Envoy as far as order matters: answers come in the order in
// which they were sent, at most one of each kind before its ACK, and ACKs go
// back in any order.
type modelEnvoy struct {
	holds  state // what it serves by
	sent   [numKinds]collection
	queue  []Kind         // answers on their way
	silent [numKinds]bool // an answer was sent and not yet ACKed
	acked  [numKinds]string
}

// serves tells whether every request that the routes can send somewhere gets
// as far as a provider.
func (e *modelEnvoy) serves() error {
	for _, routes := range e.holds[Routes].items {
		for _, cluster := range routes.refs[Clusters] {
			to, ok := e.holds[Clusters].items[cluster]
			if !ok {
				return fmt.Errorf("routes lead to %s, which Envoy does not have", cluster)
			}
			for _, listener := range to.refs[Listeners] {
				if _, ok := e.holds[Listeners].items[listener]; !ok {
					return fmt.Errorf("%s leads to %s, which Envoy does not have", cluster, listener)
				}
			}
		}
	}
	return nil
}

// loads tells whether Envoy takes the listeners that are new or changed: it
// refuses an inline route to a cluster that it does not know.
func (e *modelEnvoy) loads(before collection) error {
	for name, listener := range e.holds[Listeners].items {
		if before.has(name, listener) {
			continue
		}
		for _, cluster := range listener.refs[Clusters] {
			if _, ok := e.holds[Clusters].items[cluster]; !ok {
				return fmt.Errorf("listener %s leads to %s, which Envoy does not have", name, cluster)
			}
		}
	}
	return nil
}

// any names some of five providers in some order, perhaps changed, and a bad one
// unless it is to be good.
func (m *model) any(good bool) string {
	var words []string
	for _, i := range m.Perm(5)[:1+m.IntN(4)] {
		word := string(rune('a' + i))
		if m.IntN(4) == 0 {
			word += "*"
		}
		words = append(words, word)
	}
	if m.IntN(4) == 0 {
		words = append(words, "edge*")
	}
	if !good && m.IntN(5) == 0 {
		words = append(words, "bad")
	}
	return strings.Join(words, " ")
}
