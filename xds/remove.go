package xds

import "time"

// sweep drops what has been unwanted for long enough. Listeners and routes go
// first; clusters when all subscribers have ACKed that, because routes inside
// listeners name them.
func (r *rollout) sweep(now time.Time, a acks) bool {
	if len(r.retired) == 0 || !a.current[Listeners] || !a.current[Routes] {
		return false
	}
	for key, since := range r.retired {
		if since.IsZero() {
			r.retired[key] = now
		}
	}
	wait := r.timing.removeAfter
	if !a.anyone {
		wait = 0
	}
	return r.drop(now, wait, Listeners, Routes) || r.drop(now, wait, Clusters, Secrets)
}

func (r *rollout) drop(now time.Time, wait time.Duration, from ...Kind) bool {
	dropped := false
	for _, kind := range from {
		kept := r.live[kind].only(func(name string, _ item) bool {
			since, retired := r.retired[resourceName{kind, name}]
			return !retired || now.Before(since.Add(wait))
		})
		dropped = dropped || kept.version != r.live[kind].version
		r.live[kind] = kept
	}
	for key := range r.retired {
		if _, alive := r.live[key.kind].items[key.name]; !alive {
			delete(r.retired, key)
		}
	}
	if dropped {
		r.since = now
	}
	return dropped
}

// deadline is the next moment at which time alone may bring the rollout on;
// zero if only subscribers or a publish can.
func (r *rollout) deadline(now time.Time) time.Time {
	var next time.Time
	consider := func(t time.Time) {
		if t.After(now) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	switch r.step {
	case stepClusters, stepListeners, stepRoutes, stepEdge:
		consider(r.since.Add(r.timing.ackTimeout))
	case stepServing:
		for _, since := range r.retired {
			if !since.IsZero() {
				consider(since.Add(r.timing.removeAfter))
			}
		}
	case stepReverting:
		consider(r.since.Add(r.timing.removeAfter))
	}
	return next
}
