package xds

import (
	"testing"
	"time"
)

func TestDeadline(t *testing.T) {
	s := newScene(t)
	if at := s.rollout.deadline(s.now); !at.IsZero() {
		t.Errorf("nothing was published, yet something is due at %s", at)
	}
	publishes("a")(s)
	if at, want := s.rollout.deadline(s.now), s.now.Add(5*time.Second); !at.Equal(want) {
		t.Errorf("the ACK is overdue at %s, want %s", at, want)
	}
	acked(s)
	if at := s.rollout.deadline(s.now); !at.IsZero() {
		t.Errorf("all is done, yet something is due at %s", at)
	}
	publishes("b")(s)
	acked(s)
	if at, want := s.rollout.deadline(s.now), s.now.Add(time.Minute); !at.Equal(want) {
		t.Errorf("the removal is due at %s, want %s", at, want)
	}
	s.now = s.now.Add(time.Hour)
	if at := s.rollout.deadline(s.now); !at.IsZero() {
		t.Errorf("a moment that has passed is due at %s: the loop would spin", at)
	}
}
