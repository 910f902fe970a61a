package quota

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAStarStandsForAnyText(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"acme", "acme", true},
		{"acme", "acme2", false},
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "anything/at.all", true},
		{"a*", "a", true},
		{"a*", "ba", false},
		{"*a", "ba", true},
		{"*a", "ab", false},
		{"a*a", "a", false},
		{"a*a", "aa", true},
		{"a*b*c", "a-b-b-c", true},
		{"a*b*c", "acb", false},
		{"openai/*-mini", "openai/gpt-5-mini", true},
		{"**", "x", true},
		{"a**b", "ab", true},
		{"*x*x", "x", false},
		{"*x*x", "xx", true},
		{"a?c", "abc", false},
	} {
		if got := glob(c.pattern, c.text); got != c.want {
			t.Errorf("glob(%q, %q) = %t", c.pattern, c.text, got)
		}
	}
}

// each counts the dimensions apart.
func each(l Limit, dimensions ...Dimension) Limit {
	for _, d := range dimensions {
		l.Each[d] = true
	}
	return l
}

func TestARequestIsCountedByTheLimitsThatMatchIt(t *testing.T) {
	all := Limit{Name: "all", Unit: Requests, Amount: 1}
	openai := Limit{Name: "openai", Unit: Requests, Amount: 1, Match: [NumDimensions][]string{Model: {"openai/*", "azure/*"}}}
	batch := Limit{Name: "batch", Unit: Requests, Amount: 1, Match: [NumDimensions][]string{Tag: {"batch*"}}}
	ledger := NewLedger(Config{Cached: 8})
	err := ledger.Use([]Limit{
		all, openai, batch,
		each(Limit{Name: "each key", Unit: Money, Amount: 1}, Key),
		each(Limit{Name: "product", Unit: Money, Amount: 1}, Tenant, Model),
		each(Limit{Name: "each batch", Unit: Money, Amount: 1, Match: batch.Match}, Tag),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		subject Subject
		model   string
		want    []string
	}{
		{
			Subject{Key: "k", Tenant: "acme"},
			"openai/gpt-5",
			[]string{"all: ", "openai: ", "each key: key k", "product: tenant acme, model openai/gpt-5"},
		},
		{
			Subject{Tags: []string{"batch1", "batch2", "x"}},
			"zai/glm",
			[]string{"all: ", "batch: ", "each key: no key", "product: no tenant, model zai/glm", "each batch: tag batch1", "each batch: tag batch2"},
		},
	} {
		a, err := ledger.Accounts(&c.subject, c.model)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		ids := make(map[Account]bool)
		for i := range a.views {
			got = append(got, a.views[i].account.rule.Name+": "+a.views[i].account.scope)
			ids[a.views[i].account.id] = true
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if len(ids) != len(got) {
			t.Errorf("%d accounts share numbers: %d", len(got), len(ids))
		}
	}
}

func TestValuesDoNotRunIntoEachOther(t *testing.T) {
	r := &rule{Limit: each(Limit{Name: "n"}, Key, Tenant)}
	a := r.account(&[NumDimensions]string{Key: "ab", Tenant: "c"})
	b := r.account(&[NumDimensions]string{Key: "a", Tenant: "bc"})
	if a.id == b.id {
		t.Error("one account for two")
	}
}

func TestMoreLimitsThanOneRequestCanHaveAreAnError(t *testing.T) {
	var limits []Limit
	for i := range MaxCharges + 1 {
		limits = append(limits, Limit{Name: fmt.Sprint(i), Unit: Tokens, Amount: 1})
	}
	ledger := NewLedger(Config{Cached: 8})
	for _, n := range []int{MaxCharges, MaxCharges + 1} {
		if err := ledger.Use(limits[:n]); err != nil {
			t.Fatal(err)
		}
		a, err := ledger.Accounts(&Subject{}, "m")
		if (err != nil) != (n > MaxCharges) || err == nil && a.Len() != n {
			t.Errorf("%d limits: %v", n, err)
		}
	}
}

func TestAccountsAreRememberedUntilLimitsChangeAndWithinBounds(t *testing.T) {
	ledger := NewLedger(Config{Cached: 64})
	use := func() {
		if err := ledger.Use([]Limit{each(Limit{Name: "n", Unit: Tokens, Amount: 1}, Key)}); err != nil {
			t.Fatal(err)
		}
	}
	find := func(key string) *Accounts {
		a, err := ledger.Accounts(&Subject{Key: key, Tags: []string{"t"}}, "m")
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	use()
	first := find("a")
	if find("a") != first || find("b") == first {
		t.Error("not remembered")
	}
	use()
	if again := find("a"); again == first || again.views[0].account.id != first.views[0].account.id {
		t.Error("not found anew, or another account")
	}
	for i := range 1000 {
		if a := find(fmt.Sprint(i)); a.subject.Key != fmt.Sprint(i) {
			t.Fatalf("found %s for %d", a.subject.Key, i)
		}
	}
	kept := 0
	for i := range ledger.cache.buckets {
		for j := range ledger.cache.buckets[i] {
			if ledger.cache.buckets[i][j].Load() != nil {
				kept++
			}
		}
	}
	if kept > 64 || kept < 48 {
		t.Errorf("%d are remembered", kept)
	}
}

func TestBadLimitsAreNamedAndChangeNothing(t *testing.T) {
	ledger := NewLedger(Config{Cached: 8})
	good := Limit{Name: "n", Unit: Tokens, Window: Day, Amount: 10}
	if err := ledger.Use([]Limit{good}); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*Limit){
		"has no name":       func(l *Limit) { l.Name = "" },
		"unknown unit":      func(l *Limit) { l.Unit = NumUnits },
		"unit or window":    func(l *Limit) { l.Window = NumWindows },
		"no window ends":    func(l *Limit) { l.Unit = Concurrent },
		"-1 is not between": func(l *Limit) { l.Amount = -1 },
		"9007199254740993":  func(l *Limit) { l.Amount = MaxAmount + 1 },
		"store is away":     func(l *Limit) { l.Away = -1 },
		"must rise":         func(l *Limit) { l.Soft = []uint8{50, 50} },
		"two limits":        func(l *Limit) { l.Unit = Money },
	} {
		bad := good
		spoil(&bad)
		if err := ledger.Use([]Limit{good, bad}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	if n := len(ledger.rules.Load().list); n != 1 {
		t.Errorf("%d limits", n)
	}
}

func TestAmountsSaturate(t *testing.T) {
	for _, c := range []struct{ got, want Amount }{
		{floor.plus(-1 << 60), floor},
		{Amount(1 << 60).plus(1 << 61), -floor},
		{Amount(5).plus(-7), -2},
		{MaxAmount.times(3), MaxAmount},
		{Amount(1 << 30).times(2), 1 << 31},
		{Amount(-5).used(), 0},
		{Amount(1<<63 - 1).used(), MaxAmount},
	} {
		if c.got != c.want {
			t.Errorf("%d, want %d", c.got, c.want)
		}
	}
	s := &lease{}
	for range 10_000 {
		s.put(-MaxAmount)
	}
	if Amount(s.free.Load()) != floor || s.take(0) != true || s.take(1) {
		t.Errorf("%d free", s.free.Load())
	}
}
