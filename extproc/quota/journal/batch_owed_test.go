package journal

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

func TestWhatIsOwedIsAllThatIsNotAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, _, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	account := quota.Account{1}
	settle := func(id byte, n quota.Amount) {
		t.Helper()
		s, err := j.Begin(&Entry{ID: [16]byte{id}, Charges: []quota.Charge{{Account: account, Amount: 100}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Settle([]quota.Charge{{Account: account, Amount: n}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	owed := func() quota.Amount {
		t.Helper()
		var sum quota.Amount
		for _, c := range j.Owed() {
			if c.Account != account {
				t.Errorf("owed on another account: %v", c)
			}
			sum += c.Amount
		}
		return sum
	}
	settle(1, 1)
	batch, _ := j.Cut()
	settle(2, 10)
	if _, err := j.Begin(&Entry{ID: [16]byte{3}, Charges: []quota.Charge{{Account: account, Amount: 1000}}}); err != nil {
		t.Fatal(err)
	}
	if got := owed(); got != 11 {
		t.Errorf("%d are owed, want the batch's 1 and 10 beside", got)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if j.Owed() != nil {
		t.Error("a closed journal owes")
	}
	if j, _, err = Open(path, Options{}); err != nil {
		t.Fatal(err)
	}
	defer j.Close() //nolint:errcheck // only read
	if got := owed(); got != 11 {
		t.Errorf("after a restart %d are owed", got)
	}
	again, sums := j.Cut()
	if diff := cmp.Diff([]quota.Charge{{Account: account, Amount: 1}}, sums); again != batch || diff != "" {
		t.Errorf("batch %d became %d: %s", batch, again, diff)
	}
	j.Acknowledge(again)
	if got := owed(); got != 10 {
		t.Errorf("after the acknowledgement %d are owed", got)
	}
}
