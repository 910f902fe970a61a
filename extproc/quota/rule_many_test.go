package quota

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRulesOfManyTenantsAreFoundAsIfAllWereLookedAt compares what is found by
// name with what looking at every rule finds, also in its order.
func TestRulesOfManyTenantsAreFoundAsIfAllWereLookedAt(t *testing.T) {
	var limits []Limit
	for i := range 300 {
		l := Limit{Name: fmt.Sprint(i), Unit: Requests, Window: Day, Amount: 10}
		switch i % 5 {
		case 0:
			l.Match[Tenant] = []string{fmt.Sprintf("t%d", i%50)}
		case 1:
			l.Match[Key] = []string{fmt.Sprintf("k%d", i%50)}
		case 2:
			l.Match[Tenant] = []string{"t1*"}
		case 3:
			l.Match[Key], l.Match[Tenant] = []string{"k5", "k6"}, []string{"t5"}
		}
		limits = append(limits, l)
	}
	set, err := compile(limits)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		s := Subject{Key: fmt.Sprintf("k%d", i), Tenant: fmt.Sprintf("t%d", i/2)}
		var found, want []string
		for _, r := range set.candidates(&s) {
			if matches(r.Match[Key], s.Key) && matches(r.Match[Tenant], s.Tenant) {
				found = append(found, r.Name)
			}
		}
		for _, r := range set.list {
			if matches(r.Match[Key], s.Key) && matches(r.Match[Tenant], s.Tenant) {
				want = append(want, r.Name)
			}
		}
		if diff := cmp.Diff(want, found); diff != "" || !slices.Contains(found, "4") {
			t.Fatalf("%+v: %s", s, diff)
		}
	}
}

func BenchmarkAccountsOfANewSubjectAmongManyTenants(b *testing.B) {
	limits := make([]Limit, 100_000)
	for i := range limits {
		limits[i] = Limit{Name: fmt.Sprint(i), Unit: Money, Window: Month, Amount: 10}
		limits[i].Match[Tenant] = []string{fmt.Sprintf("tenant-%d", i)}
	}
	set, err := compile(limits)
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		s := Subject{Key: "k", Tenant: fmt.Sprintf("tenant-%d", i%len(limits))}
		if len(set.resolve(&s, "m")) != 1 {
			b.Fatal("the tenant's own limit is not found")
		}
	}
}
