package resource

import (
	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/dragoman-gateway/dragoman/envoy"
)

// readingPaths are those of Envoy's admin page that change nothing, with any
// query. Left out are dumps of the heap, which take long.
const readingPaths = `/(certs|clusters|config_dump|contention|help|hot_restart_version|init_dump|listeners|memory(/tcmalloc)?|ready|runtime|server_info|stats(/prometheus|/recentlookups)?)?(\?.*)?`

// admin is Envoy's admin page, of which only those paths answer: Envoy obeys a
// POST whoever sends it, also the page of another site in the browser of
// somebody on this machine. Who drains must know the word; such a page does not,
// for it cannot read what it is answered. Envoy matches the path with its query.
func (s Bootstrap) admin() *bootstrapv3.Admin {
	a := &bootstrapv3.Admin{
		Address:    socketAddress(s.Admin.Addr().String(), s.Admin.Port()),
		AllowPaths: []*matcherv3.StringMatcher{{MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: readingPaths}}}},
	}
	if s.DrainWord == "" {
		return a
	}
	for _, path := range envoy.DrainPaths(s.DrainWord) {
		a.AllowPaths = append(a.AllowPaths, &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: path}})
	}
	return a
}
