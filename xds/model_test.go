package xds

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// model is a rollout with some Envoys that take what they are offered in any
// order, and refuse a cluster called api-bad.
type model struct {
	*rand.Rand
	rollout rollout
	now     time.Time
	envoys  []*modelEnvoy
	states  map[string]state
	wanted  string
	history []string
}

// pump puts answers on their way to whoever has none of the kind under way.
func (m *model) pump() {
	for _, e := range m.envoys {
		for k := range numKinds {
			if live := m.rollout.live[k]; !e.silent[k] && e.sent[k].version != live.version {
				e.sent[k], e.silent[k] = live, true
				e.queue = append(e.queue, k)
			}
		}
	}
}

func (m *model) acks() acks {
	a := acks{anyone: true}
	for k := range a.current {
		a.current[k] = true
	}
	for _, e := range m.envoys {
		proven := true
		for k := range numKinds {
			ok := !e.silent[k] && e.acked[k] == m.rollout.live[k].version
			a.current[k] = a.current[k] && ok
			proven = proven && ok
		}
		a.proven = a.proven || proven
	}
	return a
}

func (m *model) settle(t *testing.T) {
	t.Helper()
	for moved := true; moved; {
		m.pump()
		var overdue []Kind
		moved, overdue = m.rollout.advance(m.now, m.acks())
		if len(overdue) > 0 {
			t.Fatalf("the model never waits that long, yet %v are overdue\n%s", overdue, m.story())
		}
	}
}

// deliver lets the next answer arrive. Like Envoy, it takes clusters in parts
// when something in them is bad.
func (m *model) deliver(t *testing.T, e *modelEnvoy) {
	t.Helper()
	k := e.queue[0]
	e.queue = e.queue[1:]
	before := e.holds[k]
	e.holds[k] = e.sent[k].only(func(name string, _ item) bool { return name != "api-bad" })
	m.history = append(m.history, fmt.Sprintf("envoy %d takes %s %s", slices.Index(m.envoys, e), k, e.sent[k].version))
	if k == Listeners {
		if err := e.loads(before); err != nil {
			t.Fatalf("%v\n%s", err, m.story())
		}
	}
	if err := e.serves(); err != nil {
		t.Fatalf("%v\n%s", err, m.story())
	}
}

// answer lets the Envoy ACK what it took, or refuse it.
func (m *model) answer(t *testing.T, e *modelEnvoy, k Kind) {
	t.Helper()
	version := e.sent[k].version
	e.silent[k], e.acked[k] = false, version
	if e.holds[k].version != version {
		e.acked[k] = ""
		m.history = append(m.history, fmt.Sprintf("envoy %d refuses %s %s", slices.Index(m.envoys, e), k, version))
		m.rollout.refuse(m.now, Refusal{Kind: k, Version: version, Node: "model"})
	}
	m.settle(t)
}

// moves are the deliveries and answers that may come next.
func (m *model) moves(t *testing.T) []func() {
	t.Helper()
	var moves []func()
	for _, e := range m.envoys {
		if len(e.queue) > 0 {
			moves = append(moves, func() { m.deliver(t, e) })
		}
		for k := range numKinds {
			if e.silent[k] && !slices.Contains(e.queue, k) {
				moves = append(moves, func() { m.answer(t, e, k) })
			}
		}
	}
	return moves
}

func (m *model) story() string {
	return fmt.Sprintf("at %s, wanted %q, live %s\n%s", m.rollout.step, m.wanted, m.rollout.live.words(), strings.Join(m.history, "\n"))
}

func (m *model) publish(t *testing.T, words string) {
	t.Helper()
	if _, known := m.states[words]; !known {
		m.states[words] = mustState(t, words)
	}
	m.wanted = words
	m.history = append(m.history, "publish "+words)
	m.rollout.publish(m.now, m.states[words])
	m.settle(t)
}

// drain lets everything arrive and be answered, in random order.
func (m *model) drain(t *testing.T) {
	t.Helper()
	for moves := m.moves(t); len(moves) > 0; moves = m.moves(t) {
		moves[m.IntN(len(moves))]()
	}
}

func (m *model) act(t *testing.T) {
	t.Helper()
	switch m.IntN(8) {
	case 0:
		m.publish(t, m.any(false))
	case 1:
		m.drain(t)
		m.now = m.now.Add(time.Duration(m.IntN(90)) * time.Second)
		if m.rollout.step >= stepServing {
			m.settle(t)
		} else {
			m.rollout.since = m.now // all have answered; nobody is overdue
		}
	default:
		if moves := m.moves(t); len(moves) > 0 {
			moves[m.IntN(len(moves))]()
		}
	}
}

func TestNoRequestIsLostWhateverComesInWhateverOrder(t *testing.T) {
	seeds := uint64(100)
	if testing.Short() {
		seeds = 20
	}
	states := make(map[string]state)
	for seed := range seeds {
		m := &model{
			Rand:    rand.New(rand.NewPCG(seed, 40)),
			rollout: rollout{timing: timing{ackTimeout: 5 * time.Second, removeAfter: time.Minute}},
			now:     time.Unix(1_800_000_000, 0),
			envoys:  []*modelEnvoy{{}, {}},
			states:  states,
		}
		m.publish(t, m.any(true))
		for _, e := range m.envoys {
			// A starting Envoy takes the kinds in their order.
			for range numKinds {
				m.deliver(t, e)
			}
		}
		for range 150 {
			m.act(t)
		}
		last := m.any(true)
		m.publish(t, last)
		for range 3 {
			m.drain(t)
			m.now = m.now.Add(time.Minute)
			m.settle(t)
		}
		m.drain(t)
		want := states[last]
		if m.rollout.step != stepServing || !m.rollout.live.same(&want) {
			t.Fatalf("seed %d: %q did not come through\n%s", seed, last, m.story())
		}
		for _, n := range m.rollout.refused {
			if n != nil {
				t.Fatalf("seed %d: %+v was not overcome\n%s", seed, n, m.story())
			}
		}
	}
}
