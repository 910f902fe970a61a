package quota

import (
	"testing"
	"time"
)

// TestWhoWaitsForALeaseThatIsForgottenFindsAnother is about a period that ends
// between a request's asking and the exchange.
func TestWhoWaitsForALeaseThatIsForgottenFindsAnother(t *testing.T) {
	l := NewLedger(Config{Cached: 8, Store: nowhere{}, Journal: blank{}})
	if err := l.Use([]Limit{{Name: "n", Unit: Tokens, Amount: 100}}); err != nil {
		t.Fatal(err)
	}
	a, err := l.Accounts(&Subject{}, "m")
	if err != nil {
		t.Fatal(err)
	}
	var r Reservation
	r.ledger, r.n = l, 1
	w := wanting{ledger: l, accounts: a, est: Amounts{Tokens: 5}, r: &r}
	w.join()
	gone := a.views[0].lease.Load()
	if !l.drop(gone) {
		t.Fatal("not dropped")
	}
	if err := l.exchange(t.Context(), waitedFor); err != nil {
		t.Fatal(err)
	}
	if free := Amount(gone.free.Load()); free != closed || gone.held.Load() != 0 {
		t.Errorf("the forgotten lease has %d free and holds %d", free, gone.held.Load())
	}
	round := w.join()
	if err := l.exchange(t.Context(), waitedFor); err != nil {
		t.Fatal(err)
	}
	select {
	case <-round:
	default:
		t.Error("the exchange has ended and nobody was told")
	}
	if missing, refusal := w.take(); missing > 0 || refusal != nil {
		t.Errorf("%d missing, %+v", missing, refusal)
	}
	if next := a.views[0].lease.Load(); next == gone || next.id != gone.id {
		t.Error("no other lease of the same period")
	}
}

func TestWhatIsPutOnAForgottenLeaseReachesTheOneInItsPlace(t *testing.T) {
	l := NewLedger(Config{Cached: 8})
	c := Charge{Account: Account{1}, Period: 7, Unit: Tokens}
	gone := l.known(c)
	gone.ends.Store(time.Hour.Nanoseconds())
	if !l.drop(gone) {
		t.Fatal("not dropped")
	}
	l.change(gone, -5)
	if next := l.known(c); next == gone || next.free.Load() != -5 {
		t.Errorf("%d free", next.free.Load())
	}
	if next := l.known(c); l.drop(next) {
		t.Error("a lease that owes was dropped")
	}
}
