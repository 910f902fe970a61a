package xds

import "time"

// publish starts over with a new wanted state, from the union of all that is
// still alive.
func (r *rollout) publish(now time.Time, wanted state) {
	switch {
	case r.step == stepEmpty:
		r.wanted, r.live, r.routed = wanted, wanted, wanted
		r.enter(stepEdge, now)
		return
	case r.step < stepReverting && wanted.same(&r.wanted):
		return
	}
	r.wanted = wanted
	r.retire()
	r.enter(stepClusters, now)
	for _, k := range []Kind{Secrets, Clusters} {
		r.join(k)
	}
}

// join is add where what is live may have been refused before, as it is with
// these additions: nobody will say so again.
func (r *rollout) join(kind Kind) {
	if r.add(kind); r.blocked(kind) {
		r.dropLeftovers(kind)
	}
}

// add puts the wanted resources of a kind beside the live ones, as far as the
// present step is meant to.
func (r *rollout) add(kind Kind) {
	wanted := r.wanted[kind]
	switch {
	case kind == Listeners && r.step < stepListeners, kind == Routes && r.step < stepRoutes:
		return
	case kind == Listeners && r.step < stepEdge:
		wanted = wanted.internal()
	}
	r.live[kind] = r.live[kind].with(wanted)
}

// retire notes what is live and unwanted. What was unwanted before keeps its
// time.
func (r *rollout) retire() {
	next := make(map[resourceName]time.Time)
	for kind := range numKinds {
		for name := range r.live[kind].items {
			if _, wanted := r.wanted[kind].items[name]; !wanted {
				key := resourceName{kind, name}
				next[key] = r.retired[key]
			}
		}
	}
	r.retired = next
}
