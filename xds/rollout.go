package xds

import "time"

// step is where a rollout stands; the package comment tells what each does.
type step uint8

const (
	stepEmpty step = iota // nothing was ever published
	stepClusters
	stepListeners
	stepRoutes
	stepEdge
	stepServing
	stepReverting // routes are back, what they used stays RemoveAfter
	stepRefused   // back at the last good resources, until the next Publish
)

var stepNames = [...]string{"empty", "clusters", "listeners", "routes", "edge", "serving", "reverting", "refused"}

func (s step) String() string { return stepNames[s] }

// timing are the waits of a rollout.
type timing struct {
	// ackTimeout bounds how long a step waits for subscribers that are silent.
	ackTimeout time.Duration
	// removeAfter is how long what is unwanted stays, counted from the ACK of
	// routes that do not use it: requests in flight still may.
	removeAfter time.Duration
}

// acks is what the rollout must know of the subscribers.
type acks struct {
	// current tells by kind whether every subscriber that counts holds what is
	// live; true if there is none.
	current [numKinds]bool
	// proven is set if at least one Envoy holds all that is live.
	proven bool
	// anyone is set once a subscriber was seen, even if it is gone: it may
	// still serve by what it got.
	anyone bool
}

// resourceName identifies a resource across kinds.
type resourceName struct {
	kind Kind
	name string
}

// rollout brings subscribers from what is live to what is wanted, one kind at
// a time. Pure: it sees neither clock nor streams. Not safe for concurrent
// use.
//
// Invariant: every live state is consistent, but for clusters whose listeners
// follow in the next step. Those are new, so no route names them yet: a cluster
// of the same name always leads to the same listener.
type rollout struct {
	timing timing
	step   step
	since  time.Time // when this step's resources went live
	wanted state     // the last publish
	live   state     // what subscribers are offered
	// good is the last live state that all subscribers held and at least one
	// Envoy; hasGood is false before there was one.
	good    state
	hasGood bool
	// routed is the live state with which the routes last changed: they use
	// nothing that came later.
	routed state
	// spoilt kinds were refused as they are in routed.
	spoilt  [numKinds]bool
	refused [numKinds]*Refusal
	// retired are live resources nobody wants, with the time since which no
	// subscriber's routes use them; zero while that is not known.
	retired map[resourceName]time.Time
}

func (r *rollout) enter(s step, now time.Time) { r.step, r.since = s, now }

// advance takes at most one step. moved asks for another call with fresh acks,
// after the live state was offered; overdue names the kinds whose ACKs the
// step did not wait for any longer.
func (r *rollout) advance(now time.Time, a acks) (moved bool, overdue []Kind) {
	r.learn(a)
	switch r.step {
	case stepClusters:
		if overdue, moved = r.through(now, a, Secrets, Clusters); moved {
			r.enter(stepListeners, now)
			r.join(Listeners)
		}
	case stepListeners:
		if overdue, moved = r.through(now, a, Clusters, Listeners); moved {
			r.enter(stepRoutes, now)
			r.add(Routes)
			r.routed, r.spoilt = r.live, [numKinds]bool{}
		}
	case stepRoutes:
		if overdue, moved = r.through(now, a, Routes); moved {
			r.enter(stepEdge, now)
			r.add(Listeners)
		}
	case stepEdge:
		if overdue, moved = r.through(now, a, Secrets, Clusters, Listeners, Routes); moved {
			r.enter(stepServing, now)
		}
	case stepServing:
		moved = r.sweep(now, a)
	case stepReverting:
		if moved = a.current[Routes] && !now.Before(r.since.Add(r.timing.removeAfter)); moved {
			r.live = r.good
			r.enter(stepRefused, now)
		}
	}
	return moved, overdue
}

// learn remembers the live state once everybody holds it, and forgets
// refusals when the wanted one has come through.
func (r *rollout) learn(a acks) {
	for _, current := range a.current {
		if !current {
			return
		}
	}
	if a.proven {
		r.good, r.hasGood = r.live, true
	}
	if r.step == stepServing {
		r.refused = [numKinds]*Refusal{}
	}
}

// through tells whether the kinds hold the rollout back no longer: all have
// been ACKed, or the time for it is over and nobody refused them.
func (r *rollout) through(now time.Time, a acks, needed ...Kind) (overdue []Kind, ok bool) {
	for _, k := range needed {
		if a.current[k] {
			continue
		}
		if r.blocked(k) {
			return nil, false
		}
		overdue = append(overdue, k)
	}
	if len(overdue) > 0 && now.Before(r.since.Add(r.timing.ackTimeout)) {
		return nil, false
	}
	return overdue, true
}

// blocked tells whether what is live of a kind was refused and never held by
// all. A newcomer that refuses what all others hold blocks nobody.
func (r *rollout) blocked(k Kind) bool {
	n := r.refused[k]
	return n != nil && n.Version == r.live[k].version && (!r.hasGood || r.good[k].version != n.Version)
}
