package xds

import "time"

// Refusal is a NACK: a subscriber did not take what it was offered.
type Refusal struct {
	Kind    Kind   `json:"kind"`
	Version string `json:"version"`
	Node    string `json:"node"`
	// Detail is the subscriber's own message, cut to 4 KiB.
	Detail string `json:"detail"`
}

// refuse takes a NACK into account. It only moves the rollout if it is about
// what is live and was not held by all before: an old version is on its way
// out already, and what all others hold is not taken from them because of a
// newcomer.
func (r *rollout) refuse(now time.Time, n Refusal) {
	live := r.live[n.Kind].version
	if known := r.refused[n.Kind]; known != nil && known.Version == live && n.Version != live {
		return // what is known is the more recent
	}
	r.refused[n.Kind] = &n
	if !r.blocked(n.Kind) || r.step >= stepReverting {
		return
	}
	r.spoilt[n.Kind] = r.spoilt[n.Kind] || n.Version == r.routed[n.Kind].version
	if r.dropLeftovers(n.Kind) {
		r.since = now
		return
	}
	r.revert(now, n.Kind)
}

// dropLeftovers takes back resources that came with a publish which was
// overtaken by the present one, and tells whether there were any: the wanted
// resources must not be refused for them. What was live when the routes last
// changed is no leftover, as the routes may use it; unless just that was
// refused and nothing good came before it: then only the wanted resources stay.
func (r *rollout) dropLeftovers(kind Kind) bool {
	live, wanted := r.live[kind], r.wanted[kind]
	var used collection
	if r.hasGood || !r.spoilt[kind] {
		used = r.routed[kind]
	}
	kept := used.only(func(name string, _ item) bool {
		_, alive := live.items[name]
		return alive
	}).with(live.only(func(name string, it item) bool {
		return used.has(name, it) || wanted.has(name, it)
	}))
	r.live[kind] = kept
	r.add(kind)
	return r.live[kind].version != live.version
}

// revert goes back to the last good state. If the routes have not changed yet
// nothing uses what is new, and it goes at once. Otherwise routes and edge go
// back first, beside all that either generation of them uses.
func (r *rollout) revert(now time.Time, kind Kind) {
	if !r.hasGood {
		return // nothing better is known; the step stays blocked
	}
	// What the good routes use is in use again.
	clear(r.retired)
	r.routed = r.good
	if r.routesAreGood() {
		r.live = r.good
		r.enter(stepRefused, now)
		return
	}
	r.live[Secrets] = r.good[Secrets].with(r.live[Secrets])
	r.live[Clusters] = r.good[Clusters].with(r.live[Clusters])
	r.live[Listeners] = r.good[Listeners].with(r.live[Listeners].internal())
	r.live[Routes] = r.good[Routes]
	if r.live[kind].version == r.good[kind].version {
		r.enter(stepRefused, now)
	} else {
		r.enter(stepReverting, now)
	}
}

// routesAreGood tells whether subscribers still route as in the good state.
func (r *rollout) routesAreGood() bool {
	return r.live[Routes].version == r.good[Routes].version &&
		r.live[Listeners].edge().version == r.good[Listeners].edge().version
}
