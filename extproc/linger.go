package extproc

import "time"

// linger is how long a request outlives its answer's first content. A provider
// may break off right behind that, while Envoy still holds all of it: nobody has
// seen a byte then, and Envoy tries the next target.
const linger = time.Second

// release lets go of the request of an attempt whose answer goes to the client:
// after a while if another attempt may follow, and if the process has room.
func (s *Service) release(a *attempt) {
	if a.last() || s.table.crowded() {
		s.table.commit(a.x)
		return
	}
	s.lingering.add(a.x.id, s.now().Add(linger))
}

// letGoDue lets go of the requests whose answers have been on their way for long.
func (s *Service) letGoDue(now time.Time) {
	for _, id := range s.lingering.due(now) {
		if x := s.table.get(id); x != nil {
			s.table.commit(x)
		}
	}
}
