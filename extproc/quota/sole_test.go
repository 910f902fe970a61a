package quota

import "testing"

func TestTheSoleAccountOfALimitIsTheOneThatLedgersCount(t *testing.T) {
	all := Limit{Name: "world/money", Unit: Money, Window: Month, Amount: 100, Match: [NumDimensions][]string{Key: {"ci-*"}}}
	l := NewLedger(Config{})
	if err := l.Use([]Limit{all}); err != nil {
		t.Fatal(err)
	}
	accounts, err := l.Accounts(&Subject{Key: "ci-1", Tenant: "acme"}, "a/b")
	if err != nil {
		t.Fatal(err)
	}
	counted := l.Periods(accounts, nil)
	sole, ok := all.Sole()
	if !ok || len(counted) != 1 || counted[0].Account != sole {
		t.Errorf("%x, %t; ledgers count %x", sole, ok, counted)
	}
	apart := all
	apart.Each[Tag] = true
	if _, ok := apart.Sole(); ok {
		t.Error("a limit that counts tags apart has no sole account")
	}
}
