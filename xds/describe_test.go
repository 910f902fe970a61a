package xds

import (
	"fmt"
	"slices"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	groupv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/router/cluster_specifiers/priority_group/v3"
	"google.golang.org/protobuf/proto"
)

// describe says what a kind's resources are, in gateway's words. A provider
// that has only one of its two clusters is told by that cluster's name.
func describe[M proto.Message](kind Kind, messages map[string]M) string {
	var words []string
	for name, m := range messages {
		word := name
		switch m := any(m).(type) {
		case *clusterv3.Cluster:
			_, provider, _ := strings.Cut(name, "-")
			_, to := messages["to-"+provider]
			_, api := messages["api-"+provider]
			if to && api {
				word = provider
			}
			word += star(m.GetAltStatName() != "")
		case *listenerv3.Listener:
			word = strings.TrimPrefix(name, "at-") + star(m.GetStatPrefix() != "")
		case *routev3.RouteConfiguration:
			word = routedTo(m)
		}
		words = append(words, word)
	}
	if kind != Routes {
		slices.Sort(words)
	}
	return fmt.Sprintf("%s %s", kind, strings.Join(slices.Compact(words), " "))
}

func star(changed bool) string {
	if changed {
		return "*"
	}
	return ""
}

// routedTo lists a route configuration's providers in their order.
func routedTo(m *routev3.RouteConfiguration) string {
	var providers []string
	err := walk(m, func(m proto.Message) {
		if c, ok := m.(*groupv3.ClusterWeight); ok {
			providers = append(providers, strings.TrimPrefix(c.GetClusterName(), "to-"))
		}
	})
	if err != nil {
		return err.Error()
	}
	return strings.Join(providers, " ")
}

// words describes a whole state but for secrets.
func (s *state) words() string {
	var parts []string
	for _, kind := range []Kind{Clusters, Listeners, Routes} {
		messages := make(map[string]proto.Message)
		for name, it := range s[kind].items {
			messages[name] = it.message
		}
		parts = append(parts, describe(kind, messages))
	}
	return strings.Join(parts, " | ")
}
