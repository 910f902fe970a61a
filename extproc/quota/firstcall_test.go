package quota_test

import (
	"context"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/quotatest"
)

// TestTheFirstRequestIsCountedInTheStoresWindow: a process that has just begun
// does not know the store's clock, and its own may show another minute.
func TestTheFirstRequestIsCountedInTheStoresWindow(t *testing.T) {
	store := quotatest.NewClock(time.Date(2027, 3, 1, 12, 0, 50, 0, time.UTC))
	began := time.Now()
	ahead := func() time.Time { return store.Now().Add(15*time.Second + time.Since(began)) }
	l := quota.NewLedger(quota.Config{
		Store: quotatest.NewMemory(store.Now, time.Minute), Journal: quotatest.NewJournal(quota.Owner{1}), Now: ahead, Wait: 10 * time.Second,
	})
	if err := l.Use([]quota.Limit{{Name: "m", Unit: quota.Requests, Window: quota.Minute, Amount: 10}}); err != nil {
		t.Fatal(err)
	}
	accounts, err := l.Accounts(&quota.Subject{}, "m")
	if err != nil {
		t.Fatal(err)
	}
	var r quota.Reservation
	refused := make(chan *quota.Refusal)
	go func() { refused <- l.Reserve(t.Context(), accounts, &quota.Amounts{quota.Requests: 1}, &r) }()
	<-time.After(50 * time.Millisecond) // it waits for the store by now
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- l.Run(ctx) }()
	if refusal := <-refused; refusal != nil {
		t.Fatal(refusal.Problem())
	}
	want, _ := quota.Minute.Of(store.Now())
	if got := r.Charges(nil); len(got) != 1 || got[0].Period != want {
		t.Errorf("charged %+v, want the period %d", got, want)
	}
	r.Settle(&quota.Amounts{})
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
