package resource

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/envoy"
)

// allows says what a list means, the plain way.
func allows(list []string, name string) bool {
	for _, a := range list {
		if stem, open := strings.CutSuffix(a, "*"); a == name || open && strings.HasPrefix(name, stem) {
			return true
		}
	}
	return false
}

func FuzzComplementMatchesWhatIsNotAllowed(f *testing.F) {
	for _, list := range [][]string{envoy.ClientHeaders.Names, envoy.AnswerHeaders.Names, envoy.CORSHeaders.Names} {
		for _, name := range list {
			for _, n := range []string{name, name + "x", name[:len(name)-1], "x" + name, strings.TrimSuffix(name, "*") + "y"} {
				f.Add(n)
			}
		}
	}
	for _, n := range []string{"", ":status", "set-cookie", "x-ratelimit-", "x-ratelimit", "x-request-idx", "x", "-", "x-dragoman-route"} {
		f.Add(n)
	}
	lists := [][]string{envoy.ClientHeaders.Names, envoy.AnswerHeaders.Names, slices.Concat(envoy.ClientHeaders.Names, envoy.CORSHeaders.Names)}
	var expressions []*regexp.Regexp
	for _, l := range lists {
		expressions = append(expressions, regexp.MustCompile("^(?:"+complement(l)+")$"))
	}
	f.Fuzz(func(t *testing.T, name string) {
		name = strings.ToLower(name)
		if strings.ContainsAny(name, "\n\r") || strings.ToValidUTF8(name, "") != name {
			return // no header name
		}
		for i, e := range expressions {
			if got, want := e.MatchString(name), !allows(lists[i], name); got != want {
				t.Errorf("%q: removed %v, want %v, by %s", name, got, want, e)
			}
		}
	})
}
