package xds

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRefusal(t *testing.T) {
	for _, tt := range []struct {
		name string
		acts []happening
		want []string
		ends step
		// open are the kinds whose refusal is not overcome.
		open []Kind
	}{
		{
			name: "refused clusters are taken back at once, and the routes never change",
			acts: []happening{publishes("a"), acked, forgets, publishes("a* b"), refused(Clusters), acked, passes(time.Hour)},
			want: []string{
				"clusters a* b | listeners a edge | routes a",
				"clusters a | listeners a edge | routes a",
			},
			ends: stepRefused, open: []Kind{Clusters},
		},
		{
			name: "refused listeners take their clusters with them",
			acts: []happening{publishes("a"), acked, forgets, publishes("b"), ackedOnce, refused(Listeners), acked},
			want: []string{
				"clusters a b | listeners a edge | routes a",
				"clusters a b | listeners a b edge | routes a",
				"clusters a b | listeners a edge | routes a",
			},
			ends: stepRefused, open: []Kind{Listeners},
		},
		{
			name: "refused routes go back; clusters that nobody refused stay",
			acts: []happening{publishes("a"), acked, publishes("b"), ackedOnce, ackedOnce, forgets, refused(Routes), acked, passes(time.Hour)},
			want: []string{"clusters a b | listeners a b edge | routes a"},
			ends: stepRefused, open: []Kind{Routes},
		},
		{
			name: "a refused edge goes back; routes that all have ACKed stay",
			acts: []happening{publishes("a"), acked, publishes("b a edge*"), ackedOnce, ackedOnce, ackedOnce, forgets, refused(Listeners), acked},
			want: []string{"clusters a b | listeners a b edge | routes b a"},
			ends: stepRefused, open: []Kind{Listeners},
		},
		{
			name: "clusters refused after the routes changed leave last",
			acts: []happening{
				publishes("a"), acked, publishes("b"), passes(5 * time.Second), passes(5 * time.Second), forgets,
				refused(Clusters), passes(time.Second), ackedOnly(Routes, Listeners), passes(58 * time.Second), refused(Clusters), passes(time.Second), acked,
			},
			want: []string{
				"clusters a b | listeners a b edge | routes a",
				"clusters a | listeners a edge | routes a",
			},
			ends: stepRefused, open: []Kind{Clusters},
		},
		{
			name: "a good publish while refused clusters have not left yet comes through without them",
			acts: []happening{
				publishes("a"), acked, publishes("b"), passes(5 * time.Second), passes(5 * time.Second), refused(Clusters), ackedOnly(Routes, Listeners),
				forgets, publishes("c"), refused(Clusters), acked,
			},
			want: []string{
				"clusters a b c | listeners a b edge | routes a",
				"clusters a c | listeners a b edge | routes a",
				"clusters a c | listeners a b c edge | routes a",
				"clusters a c | listeners a b c edge | routes c",
			},
			ends: stepServing,
		},
		{
			name: "the minute starts over for what routes that went back use again",
			acts: []happening{
				publishes("a b"), acked, disconnects, publishes("b"), passes(30 * time.Second), connects, refused(Routes), acked,
				publishes("b c"), acked, forgets, passes(59 * time.Second), acked,
			},
			ends: stepServing,
		},
		{
			name: "a refusal does not wait for the timeout, and the timeout does not pass it",
			acts: []happening{publishes("a"), refused(Clusters), forgets, passes(time.Hour), publishes("a b"), refused(Clusters), passes(time.Hour)},
			want: []string{"clusters a b | listeners a edge | routes a"},
			ends: stepClusters, open: []Kind{Clusters},
		},
		{
			name: "a good publish clears a refusal",
			acts: []happening{publishes("a"), acked, publishes("bad"), refused(Clusters), acked, forgets, publishes("c"), acked, passes(time.Minute), acked},
			want: []string{
				"clusters a c | listeners a edge | routes a",
				"clusters a c | listeners a c edge | routes a",
				"clusters a c | listeners a c edge | routes c",
				"clusters a c | listeners c edge | routes c",
				"clusters c | listeners c edge | routes c",
			},
			ends: stepServing,
		},
		{
			name: "the refused set may be tried again",
			acts: []happening{publishes("a"), acked, publishes("a b"), refused(Clusters), acked, forgets, publishes("a b"), acked},
			want: []string{
				"clusters a b | listeners a edge | routes a",
				"clusters a b | listeners a b edge | routes a",
				"clusters a b | listeners a b edge | routes a b",
			},
			ends: stepServing,
		},
		{
			name: "a good publish does not suffer for the bad one it overtook",
			acts: []happening{publishes("a"), acked, publishes("bad"), publishes("c"), forgets, refused(Clusters), acked},
			want: []string{
				"clusters a c | listeners a edge | routes a",
				"clusters a c | listeners a c edge | routes a",
				"clusters a c | listeners a c edge | routes c",
			},
			ends: stepServing,
		},
		{
			name: "a good publish after a bad first one comes through",
			acts: []happening{publishes("a bad"), refused(Clusters), forgets, publishes("a"), acked, passes(time.Minute), acked},
			want: []string{
				"clusters a | listeners a bad edge | routes a bad",
				"clusters a | listeners a bad edge | routes a",
				"clusters a | listeners a edge | routes a",
			},
			ends: stepServing,
		},
		{
			name: "what all others hold is not taken from them because a newcomer refuses it",
			acts: []happening{publishes("a"), acked, disconnects, connects, forgets, refused(Clusters), passes(time.Hour)},
			ends: stepServing, open: []Kind{Clusters},
		},
		{
			name: "a newcomer that takes it after all clears its refusal",
			acts: []happening{publishes("a"), acked, disconnects, connects, forgets, refused(Clusters), acked},
			ends: stepServing,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t)
			for _, act := range tt.acts {
				act(s)
			}
			if diff := cmp.Diff(tt.want, s.journal); diff != "" {
				t.Errorf("offered (-want +got):\n%s", diff)
			}
			var open []Kind
			for _, n := range s.rollout.refused {
				if n != nil {
					open = append(open, n.Kind)
				}
			}
			if diff := cmp.Diff(tt.open, open); diff != "" {
				t.Errorf("refusals not overcome (-want +got):\n%s", diff)
			}
			if s.rollout.step != tt.ends {
				t.Errorf("ends at %s, want %s", s.rollout.step, tt.ends)
			}
		})
	}
}

func TestAnOldRefusalDoesNotHideARecentOne(t *testing.T) {
	s := newScene(t)
	publishes("a")(s)
	acked(s)
	publishes("b")(s)
	refused(Clusters)(s)
	want := s.rollout.refused[Clusters]
	want.Version = s.rollout.live[Clusters].version
	s.rollout.refuse(s.now, Refusal{Kind: Clusters, Version: "before", Node: "late"})
	if got := s.rollout.refused[Clusters]; got != want {
		t.Errorf("the refusal kept is %+v, want %+v", got, want)
	}
}
