package xds

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRollout(t *testing.T) {
	for _, tt := range []struct {
		name  string
		acts  []happening
		want  []string // the live states, in words
		ends  step
		alone []Kind // overdue kinds
	}{
		{
			name: "the first publish offers everything at once",
			acts: []happening{publishes("a b"), acked},
			want: []string{"clusters a b | listeners a b edge | routes a b"},
			ends: stepServing,
		},
		{
			name: "an exchange of providers goes clusters, listeners, routes, then removes in the reverse order",
			acts: []happening{publishes("a"), acked, forgets, publishes("b"), acked, passes(time.Minute), acked},
			want: []string{
				"clusters a b | listeners a edge | routes a",
				"clusters a b | listeners a b edge | routes a",
				"clusters a b | listeners a b edge | routes b",
				"clusters a b | listeners b edge | routes b",
				"clusters b | listeners b edge | routes b",
			},
			ends: stepServing,
		},
		{
			name: "a new order changes the routes only",
			acts: []happening{publishes("a b"), acked, forgets, publishes("b a"), acked, passes(time.Hour), acked},
			want: []string{"clusters a b | listeners a b edge | routes b a"},
			ends: stepServing,
		},
		{
			name: "nothing follows before the ACK",
			acts: []happening{publishes("a"), acked, forgets, publishes("b"), passes(4999 * time.Millisecond)},
			want: []string{"clusters a b | listeners a edge | routes a"},
			ends: stepClusters,
		},
		{
			name: "after the timeout the next step follows without the ACK",
			acts: []happening{publishes("a"), acked, forgets, publishes("b"), passes(5 * time.Second)},
			want: []string{
				"clusters a b | listeners a edge | routes a",
				"clusters a b | listeners a b edge | routes a",
			},
			ends:  stepListeners,
			alone: []Kind{Clusters},
		},
		{
			name: "nothing is removed while routes without it are not ACKed",
			acts: []happening{publishes("a"), acked, publishes("b"), ackedOnce, ackedOnce, forgets, passes(time.Hour), passes(time.Hour)},
			ends: stepServing, alone: []Kind{Routes, Routes},
		},
		{
			name: "the minute counts from the ACK of the routes",
			acts: []happening{publishes("a"), acked, publishes("b"), passes(2 * time.Second), acked, forgets, passes(59 * time.Second), acked},
			ends: stepServing,
		},
		{
			name: "a new order does not prolong the stay of what is unwanted",
			acts: []happening{publishes("a b c"), acked, publishes("b c"), acked, passes(50 * time.Second), publishes("c b"), acked, forgets, passes(10 * time.Second), acked},
			want: []string{
				"clusters a b c | listeners b c edge | routes c b",
				"clusters b c | listeners b c edge | routes c b",
			},
			ends: stepServing,
		},
		{
			name: "what is wanted again stays",
			acts: []happening{publishes("a b"), acked, publishes("b"), acked, passes(50 * time.Second), publishes("a b"), acked, forgets, passes(time.Hour), acked},
			ends: stepServing,
		},
		{
			name: "a publish that overtakes another starts from all that is alive",
			acts: []happening{publishes("a"), acked, forgets, publishes("b"), publishes("c"), acked},
			want: []string{
				"clusters a b | listeners a edge | routes a",
				"clusters a b c | listeners a edge | routes a",
				"clusters a b c | listeners a c edge | routes a",
				"clusters a b c | listeners a c edge | routes c",
			},
			ends: stepServing,
		},
		{
			name: "changed clusters and listeners are replaced before the routes, the edge after them",
			acts: []happening{publishes("a"), acked, forgets, publishes("a* b edge*"), acked},
			want: []string{
				"clusters a* b | listeners a edge | routes a",
				"clusters a* b | listeners a* b edge | routes a",
				"clusters a* b | listeners a* b edge | routes a b",
				"clusters a* b | listeners a* b edge* | routes a b",
			},
			ends: stepServing,
		},
		{
			name: "the same set again changes nothing and does not start over",
			acts: []happening{publishes("a"), acked, forgets, publishes("b"), passes(3 * time.Second), publishes("b"), passes(2 * time.Second)},
			want: []string{
				"clusters a b | listeners a edge | routes a",
				"clusters a b | listeners a b edge | routes a",
			},
			ends: stepListeners, alone: []Kind{Clusters},
		},
		{
			name: "with nobody ever connected all steps follow at once",
			acts: []happening{neverConnected, publishes("a"), forgets, publishes("b")},
			want: []string{
				"clusters a b | listeners a edge | routes a",
				"clusters a b | listeners a b edge | routes a",
				"clusters a b | listeners a b edge | routes b",
				"clusters a b | listeners b edge | routes b",
				"clusters b | listeners b edge | routes b",
			},
			ends: stepServing,
		},
		{
			name: "an Envoy that has lost its stream may still use what is unwanted",
			acts: []happening{publishes("a"), acked, disconnects, forgets, publishes("b"), passes(59 * time.Second)},
			want: []string{
				"clusters a b | listeners a edge | routes a",
				"clusters a b | listeners a b edge | routes a",
				"clusters a b | listeners a b edge | routes b",
			},
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
			if s.rollout.step != tt.ends {
				t.Errorf("ends at %s, want %s", s.rollout.step, tt.ends)
			}
			if diff := cmp.Diff(tt.alone, s.overdue); diff != "" {
				t.Errorf("overdue (-want +got):\n%s", diff)
			}
		})
	}
}
