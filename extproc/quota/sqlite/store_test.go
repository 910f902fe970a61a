package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/quotatest"
	"github.com/dragoman-gateway/dragoman/extproc/quota/sqlite"
)

const life = 5 * time.Minute

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, path string, now func() time.Time) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(path, sqlite.Options{Now: now, LeaseLife: life})
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	return s
}

// raw looks at the file from beside the store, as another process would.
func raw(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_txlock=immediate&_pragma=busy_timeout(5000)")
	check(t, err)
	t.Cleanup(func() { check(t, db.Close()) })
	return db
}

func count(t testing.TB, db *sql.DB, query string) (n int) {
	t.Helper()
	check(t, db.QueryRow(query).Scan(&n))
	return n
}

// sound checks the invariant of the tables.
func sound(t testing.TB, db *sql.DB) {
	t.Helper()
	for what, query := range map[string]string{
		"periods whose leased is not the sum of their leases": `SELECT COUNT(*) FROM quota_periods AS p WHERE leased <>
			(SELECT COALESCE(SUM(amount), 0) FROM quota_leases AS l WHERE l.account = p.account AND l.period = p.period)`,
		"leases without a period": `SELECT COUNT(*) FROM quota_leases AS l WHERE NOT EXISTS
			(SELECT 1 FROM quota_periods AS p WHERE l.account = p.account AND l.period = p.period)`,
		"leases of nobody": `SELECT COUNT(*) FROM quota_leases WHERE owner NOT IN (SELECT owner FROM quota_owners WHERE holding = 1)`,
	} {
		if n := count(t, db, query); n != 0 {
			t.Errorf("%d %s", n, what)
		}
	}
}

func ap(n int) quota.AccountPeriod {
	return quota.AccountPeriod{Account: quota.Account{byte(n), byte(n >> 8)}, Period: 29_000_000}
}

func TestTheStoreKeepsTheContract(t *testing.T) {
	var mu sync.Mutex
	paths := make(map[*testing.T]string)
	quotatest.Contract(t, func(t *testing.T, now func() time.Time, life time.Duration) quota.Store {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if paths[t] == "" {
			paths[t] = filepath.Join(t.TempDir(), "quota.db")
			db := raw(t, paths[t])
			t.Cleanup(func() { sound(t, db) })
		}
		s, err := sqlite.Open(paths[t], sqlite.Options{Now: now, LeaseLife: life})
		check(t, err)
		t.Cleanup(func() { check(t, s.Close()) })
		return s
	})
}

// Random calls have the same replies here as from the store in memory.
func TestTheStoreAnswersAsTheOneInMemory(t *testing.T) {
	lives := 4
	if os.Getenv("LONG") != "" {
		lives = 16
	}
	for seed := range lives {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { compare(t, rand.New(rand.NewPCG(uint64(seed), 1))) })
	}
}

func compare(t *testing.T, rng *rand.Rand) {
	t.Helper()
	clock := quotatest.NewClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	path := filepath.Join(t.TempDir(), "quota.db")
	model, store, beside := quotatest.NewMemory(clock.Now, life), open(t, path, clock.Now), raw(t, path)
	amount := func() quota.Amount {
		if rng.IntN(50) == 0 {
			return quota.MaxAmount - quota.Amount(rng.IntN(3))
		}
		return quota.Amount(rng.IntN(300))
	}
	var seq, batch uint64
	for step := range 250 {
		seq++
		c := quota.Call{Owner: quota.Owner{byte(rng.IntN(4))}, Seq: seq, Adopt: rng.IntN(12) == 0}
		if rng.IntN(15) == 0 {
			c.Seq -= min(c.Seq, uint64(rng.IntN(8)))
		}
		if rng.IntN(2) == 0 {
			batch++
			c.Batch = batch - min(batch-1, uint64(max(0, rng.IntN(8)-5)))
			for range rng.IntN(4) {
				of := ap(rng.IntN(6))
				c.Settled = append(c.Settled, quota.Charge{Account: of.Account, Period: of.Period, Amount: amount() - 40})
			}
		}
		for _, n := range rng.Perm(6)[:rng.IntN(4)] {
			c.Asks = append(c.Asks, quota.Ask{
				AccountPeriod: ap(n), Limit: amount() * 4, Hold: amount(), Need: amount(), Want: amount(),
				Ends: clock.Now().Add(1000 * time.Hour),
			})
			c.Asks[len(c.Asks)-1].Limit = min(c.Asks[len(c.Asks)-1].Limit, quota.MaxAmount)
		}
		want, wantErr := model.Exchange(t.Context(), c)
		got, err := store.Exchange(t.Context(), c)
		if diff := cmp.Diff(want, got); diff != "" || errors.Is(err, quota.ErrStale) != (wantErr != nil) {
			t.Fatalf("step %d: %v, want %v: %s\ncall: %+v", step, err, wantErr, diff, c)
		}
		of := []quota.AccountPeriod{ap(0), ap(1), ap(2), ap(3), ap(4), ap(5), ap(6)}
		wantStanding, _ := model.Standing(t.Context(), of)
		standing, err := store.Standing(t.Context(), of)
		check(t, err)
		if diff := cmp.Diff(wantStanding, standing); diff != "" {
			t.Fatalf("step %d: %s", step, diff)
		}
		if rng.IntN(4) == 0 {
			clock.Advance(time.Duration(rng.Int64N(int64(life))))
		}
	}
	sound(t, beside)
}

func TestWhatIsOverIsDeletedABoundedNumberACall(t *testing.T) {
	clock := quotatest.NewClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	path := filepath.Join(t.TempDir(), "quota.db")
	s, db := open(t, path, clock.Now), raw(t, path)
	var asks []quota.Ask
	for n := range 300 {
		asks = append(asks, quota.Ask{AccountPeriod: ap(n), Ends: clock.Now().Add(time.Hour), Limit: 10, Need: 5})
	}
	asks[0].Ends = time.Time{}
	call := quota.Call{Owner: quota.Owner{1}, Seq: 1, Asks: asks}
	_, err := s.Exchange(t.Context(), call)
	check(t, err)
	clock.Advance(2 * time.Hour)
	left := 300
	for left > 1 {
		call.Seq++
		call.Asks = nil
		_, err := s.Exchange(t.Context(), call)
		check(t, err)
		now := count(t, db, "SELECT COUNT(*) FROM quota_periods")
		if now >= left || now < left-64 {
			t.Fatalf("%d periods of %d are left after a call", now, left)
		}
		left = now
		sound(t, db)
	}
	call.Seq++
	_, err = s.Exchange(t.Context(), call)
	check(t, err)
	if left = count(t, db, "SELECT COUNT(*) FROM quota_periods"); left != 1 {
		t.Errorf("%d periods are left: the one without end should be", left)
	}
	clock.Advance(31 * 24 * time.Hour)
	for seq := range uint64(2) { // takes the leases of the dead first
		_, err = s.Exchange(t.Context(), quota.Call{Owner: quota.Owner{2}, Seq: seq + 1})
		check(t, err)
	}
	if n := count(t, db, "SELECT COUNT(*) FROM quota_owners"); n != 1 {
		t.Errorf("%d owners: who was not seen for a month should be forgotten", n)
	}
}

func TestWhatNobodyAsksForIsDeletedToo(t *testing.T) {
	clock := quotatest.NewClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	path := filepath.Join(t.TempDir(), "quota.db")
	s, db := open(t, path, clock.Now), raw(t, path)
	hour, _ := quota.Hour.Of(clock.Now())
	old, _ := quota.Hour.Of(clock.Now().AddDate(-1, 0, 0))
	call := quota.Call{Owner: quota.Owner{1}, Seq: 1, Batch: 1, Settled: []quota.Charge{
		{Account: quota.Account{1}, Period: hour, Amount: 5},
		{Account: quota.Account{1}, Period: old, Amount: 5},
		{Account: quota.Account{1}, Amount: 5},
	}}
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{0, 3}, {23 * time.Hour, 3}, {2 * time.Hour, 2}, {38 * 24 * time.Hour, 2}, {48 * time.Hour, 1}, {100 * 24 * time.Hour, 1}} {
		clock.Advance(c.after)
		_, err := s.Exchange(t.Context(), call)
		check(t, err)
		call.Seq++
		if n := count(t, db, "SELECT COUNT(*) FROM quota_periods"); n != c.want {
			t.Fatalf("another %v later there are %d periods, want %d", c.after, n, c.want)
		}
	}
}

func TestAsksThatGetNothingLeaveNothing(t *testing.T) {
	clock := quotatest.NewClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	path := filepath.Join(t.TempDir(), "quota.db")
	s, db := open(t, path, clock.Now), raw(t, path)
	_, err := s.Exchange(t.Context(), quota.Call{Owner: quota.Owner{1}, Seq: 1, Asks: []quota.Ask{
		{AccountPeriod: ap(1), Ends: clock.Now().Add(time.Hour), Limit: 10, Need: 11},
	}})
	check(t, err)
	if n := count(t, db, "SELECT COUNT(*) FROM quota_periods"); n != 0 {
		t.Errorf("%d periods", n)
	}
}

func TestTheLeasesOfTheDeadAreTakenInSteps(t *testing.T) {
	clock := quotatest.NewClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	path := filepath.Join(t.TempDir(), "quota.db")
	s, db := open(t, path, clock.Now), raw(t, path)
	var asks []quota.Ask
	for n := range 1200 {
		asks = append(asks, quota.Ask{AccountPeriod: ap(n), Limit: 10, Need: 5})
	}
	_, err := s.Exchange(t.Context(), quota.Call{Owner: quota.Owner{1}, Seq: 1, Asks: asks})
	check(t, err)
	clock.Advance(2 * life)
	standing, err := s.Standing(t.Context(), []quota.AccountPeriod{ap(0), ap(1199)})
	check(t, err)
	if diff := cmp.Diff([]quota.Standing{{}, {}}, standing); diff != "" {
		t.Error(diff)
	}
	for i, want := range []int{1200 - 512, 1200 - 1024, 0} {
		_, err := s.Exchange(t.Context(), quota.Call{Owner: quota.Owner{2}, Seq: uint64(i + 1)})
		check(t, err)
		sound(t, db)
		if n := count(t, db, "SELECT COUNT(*) FROM quota_leases"); n != want {
			t.Fatalf("%d leases are left, want %d", n, want)
		}
	}
}

func TestNumbersHaveAll64Bits(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "quota.db"), time.Now)
	c := quota.Call{Owner: quota.Owner{1}}
	settle := func(seq, batch uint64, amount quota.Amount) error {
		c.Seq, c.Batch = seq, batch
		c.Settled = []quota.Charge{{Amount: amount}}
		_, err := s.Exchange(t.Context(), c)
		return err
	}
	check(t, settle(1, 1, 1))
	check(t, settle(math.MaxInt64, math.MaxInt64, 10))
	check(t, settle(math.MaxInt64+1, math.MaxInt64+1, 100))
	check(t, settle(math.MaxUint64-1, math.MaxUint64, 1000))
	check(t, settle(math.MaxUint64, math.MaxInt64, 10000)) // an earlier batch
	if err := settle(1<<63, 1, 0); !errors.Is(err, quota.ErrStale) {
		t.Errorf("got %v", err)
	}
	used := func() quota.Amount {
		standing, err := s.Standing(t.Context(), []quota.AccountPeriod{{}})
		check(t, err)
		return standing[0].Used
	}
	if used() != 1111 {
		t.Errorf("used %d", used())
	}
	c.Owner = quota.Owner{2}
	check(t, settle(1, 1, math.MinInt64))
	if used() != -quota.MaxAmount {
		t.Errorf("used %d", used())
	}
	check(t, settle(2, 2, math.MaxInt64))
	if used() != quota.MaxAmount {
		t.Errorf("used %d", used())
	}
}

func TestAWriterElsewhereIsNotWaitedForBeyondTheDeadline(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quota.db")
	s := open(t, path, time.Now)
	tx, err := raw(t, path).BeginTx(t.Context(), nil)
	check(t, err)
	c := quota.Call{Owner: quota.Owner{1}, Seq: 1, Asks: []quota.Ask{{AccountPeriod: ap(1), Limit: 10, Need: 3}}}
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		began := time.Now()
		_, err = s.Exchange(ctx, c)
		took := time.Since(began)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || took > time.Second {
			t.Fatalf("after %v: %v", took, err)
		}
	}
	// Readers go on meanwhile.
	_, err = s.Standing(t.Context(), []quota.AccountPeriod{ap(1)})
	check(t, err)
	check(t, tx.Rollback())
	reply, err := s.Exchange(t.Context(), c)
	check(t, err)
	if reply.Leases[0].Lease != 3 {
		t.Errorf("%+v", reply)
	}
}

func TestFilesOfAnyNameAndOnlyDatabases(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c#d%20&e.db")
	open(t, path, nil)
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	text := filepath.Join(t.TempDir(), "notes.txt")
	check(t, os.WriteFile(text, []byte(strings.Repeat("my notes\n", 500)), 0o600))
	for _, path := range []string{text, filepath.Join(t.TempDir(), "no", "such", "directory.db")} {
		if _, err := sqlite.Open(path, sqlite.Options{}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestAClosedStoreRefuses(t *testing.T) {
	s, err := sqlite.Open(filepath.Join(t.TempDir(), "quota.db"), sqlite.Options{})
	check(t, err)
	check(t, s.Close())
	check(t, s.Close())
	if _, err := s.Exchange(t.Context(), quota.Call{Seq: 1}); err == nil {
		t.Error("Exchange answers")
	}
	if _, err := s.Standing(t.Context(), nil); err == nil {
		t.Error("Standing answers")
	}
}
