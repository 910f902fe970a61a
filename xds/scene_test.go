package xds

import (
	"testing"
	"time"
)

// scene is a rollout with one Envoy, at a virtual time.
type scene struct {
	t       *testing.T
	rollout *rollout
	now     time.Time
	// held are the versions the Envoy ACKed; connected and seen tell whether it
	// is there and ever was.
	held            [numKinds]string
	connected, seen bool
	// journal has every change of the live state, in words; last is its end,
	// also when the journal was forgotten.
	journal []string
	last    string
	overdue []Kind
}

func newScene(t *testing.T) *scene {
	t.Helper()
	return &scene{
		t:         t,
		rollout:   &rollout{timing: timing{ackTimeout: 5 * time.Second, removeAfter: time.Minute}},
		now:       time.Unix(1_800_000_000, 0),
		connected: true,
		seen:      true,
	}
}

func (s *scene) acks() acks {
	a := acks{anyone: s.seen, proven: s.connected}
	for k := range numKinds {
		a.current[k] = !s.connected || s.held[k] == s.rollout.live[k].version
		a.proven = a.proven && a.current[k]
	}
	return a
}

// settle lets the rollout go as far as it can now.
func (s *scene) settle() {
	for moved := true; moved; {
		s.note()
		var overdue []Kind
		moved, overdue = s.rollout.advance(s.now, s.acks())
		s.overdue = append(s.overdue, overdue...)
	}
	s.note()
}

func (s *scene) note() {
	words := s.rollout.live.words()
	if words != s.last {
		s.journal, s.last = append(s.journal, words), words
	}
}

// What happens in a scene.
type happening func(*scene)

func publishes(words string) happening {
	return func(s *scene) {
		s.rollout.publish(s.now, mustState(s.t, words))
		s.settle()
	}
}

// acked lets the Envoy take everything, until nothing new comes.
func acked(s *scene) {
	for before := [numKinds]string{"unlike"}; before != s.held; {
		before = s.held
		for k := range numKinds {
			s.held[k] = s.rollout.live[k].version
		}
		s.settle()
	}
}

// ackedOnce lets the Envoy take what is live now, and not what follows.
func ackedOnce(s *scene) {
	for k := range numKinds {
		s.held[k] = s.rollout.live[k].version
	}
	s.settle()
}

// ackedOnly lets the Envoy take what is live of some kinds.
func ackedOnly(ks ...Kind) happening {
	return func(s *scene) {
		for _, k := range ks {
			s.held[k] = s.rollout.live[k].version
		}
		s.settle()
	}
}

func refused(k Kind) happening {
	return func(s *scene) {
		s.held[k] = ""
		s.rollout.refuse(s.now, Refusal{Kind: k, Version: s.rollout.live[k].version, Node: "envoy", Detail: "no"})
		s.settle()
	}
}

func passes(d time.Duration) happening {
	return func(s *scene) { s.now = s.now.Add(d); s.settle() }
}

func disconnects(s *scene) { s.connected = false; s.held = [numKinds]string{}; s.settle() }
func connects(s *scene)    { s.connected, s.seen = true, true; s.settle() }
func neverConnected(s *scene) {
	s.connected, s.seen = false, false
}
func forgets(s *scene) { s.journal = nil; s.overdue = nil }
