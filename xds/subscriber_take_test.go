package xds

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"google.golang.org/protobuf/proto"
)

// ask subscribes to a kind unless it is subscribed to just so.
func (s *subscriber) ask(kind Kind, names ...string) {
	key := "=" + strings.Join(names, " ")
	if s.asked[kind] == key {
		return
	}
	s.asked[kind] = key
	if err := s.wire.subscribe(kind, names); err != nil {
		s.t.Errorf("subscribing to %s: %v", kind, err)
	}
}

func (s *subscriber) take(a answer) {
	offered := make(map[string]proto.Message)
	if !a.whole {
		maps.Copy(offered, s.holds[a.kind])
	}
	for _, packed := range a.resources {
		m, err := packed.UnmarshalNew()
		if err != nil {
			s.t.Errorf("an answer does not decode: %v", err)
			continue
		}
		offered[m.(named).GetName()] = m
	}
	for _, name := range a.removed {
		delete(offered, name)
	}
	words := describe(a.kind, offered)
	if s.refuses != nil {
		if detail := s.refuses(a.kind, words); detail != "" {
			s.journal = append(s.journal, "refused "+words)
			s.reply(a, detail)
			return
		}
	}
	s.holds[a.kind] = offered
	s.journal = append(s.journal, words)
	s.reply(a, "")
	switch a.kind {
	case Clusters:
		s.ask(Listeners)
	case Listeners:
		s.ask(Routes, s.namedRoutes()...)
	}
}

func (s *subscriber) reply(a answer, detail string) {
	if s.mute[a.kind] {
		s.kept = append(s.kept, a)
		return
	}
	if err := s.wire.reply(a, detail); err != nil {
		s.t.Errorf("answering %s: %v", a.kind, err)
	}
}

// speak sends the ACKs that were kept back.
func (s *subscriber) speak() {
	s.mute = [numKinds]bool{}
	kept := s.kept
	s.kept = nil
	for _, a := range kept {
		s.reply(a, "")
	}
}

func (s *subscriber) namedRoutes() []string {
	var names []string
	for _, m := range s.holds[Listeners] {
		refs, err := findReferences(m.(*listenerv3.Listener))
		if err != nil {
			s.t.Error(err)
		}
		names = append(names, refs[Routes]...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// took gives the journal so far and starts a new one.
func (s *subscriber) took() (journal []string) {
	s.do(func() { journal, s.journal = s.journal, nil })
	return journal
}

func unexpected(typeURL string) error { return fmt.Errorf("an answer of type %q", typeURL) }
