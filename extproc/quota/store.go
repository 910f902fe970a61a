package quota

import (
	"context"
	"errors"
	"time"
)

// ErrStale says that the store has seen a later call of the same owner; nothing
// of the call was applied.
var ErrStale = errors.New("quota: the store has seen a later call of this owner")

// Store keeps what all replicas have settled and what they hold leases on. It
// may serve many shards; a call is applied to each of them as a whole or not at
// all, and an error says nothing about which.
type Store interface {
	// Exchange applies a call and answers with leases in the order of Asks. It
	// returns ErrStale if it has seen a later call of this owner: calls that
	// timed out may arrive late.
	Exchange(ctx context.Context, c Call) (Reply, error)
	// Standing tells what is used and leased of periods, in their order.
	Standing(ctx context.Context, of []AccountPeriod) ([]Standing, error)
}

// AccountPeriod names one count.
type AccountPeriod struct {
	Account Account
	Period  Period
}

// Owner identifies a holder of leases: a process with its journal, over
// restarts.
type Owner [16]byte

// Call is what a process tells the store and asks of it.
type Call struct {
	Owner Owner
	// Seq rises with every call of the owner.
	Seq uint64
	// Batch numbers Settled; a store applies each number of an owner once, and
	// none that is smaller than one it has applied. 0: nothing is settled.
	Batch   uint64
	Settled []Charge
	Asks    []Ask
	// Adopt ends all leases of the owner that are not asked for: a process
	// begins anew.
	Adopt bool
}

// Ask is about the lease of one period.
type Ask struct {
	AccountPeriod
	// Ends is when the period's count may be forgotten, some time after its
	// window; the zero time: never.
	Ends  time.Time
	Limit Amount
	// Hold is what the owner keeps of the lease it has, Settled of this batch
	// taken off; the rest is free for others. A lease the store has taken back
	// meanwhile is granted again as far as there is room.
	Hold Amount
	// Need is granted whole or not at all, before Want, which is what the owner
	// would like beside it: a store grants as much of that as leaves others a
	// share.
	Need, Want Amount
}

// Lease is the answer to an Ask.
type Lease struct {
	Lease Amount // what the owner holds now, in all
	// Used and Before are what all owners have settled in the period, now and
	// before this call; Leased is what they all hold.
	Used, Before, Leased Amount
}

// Reply is the answer to a Call.
type Reply struct {
	Now    time.Time // the store's clock, by which windows begin
	Leases []Lease
}

// Standing is what a store knows of one count.
type Standing struct{ Used, Leased Amount }

// Journal outlives the process. It holds open reservations, and settled charges
// until they are acknowledged. When it is opened, what it holds open goes to
// Ledger.Restore and the sums of what is settled and not acknowledged to
// Ledger.Owe, both before Ledger.Run. A reservation is settled in the Ledger
// first and then here.
type Journal interface {
	Owner() Owner
	// Cut seals what has been settled since the last batch as one and gives its
	// charges summed by account and period; until it is acknowledged, the same
	// again. batch is 0 if there is nothing.
	Cut() (batch uint64, sums []Charge)
	// Acknowledge forgets a batch: the store has it.
	Acknowledge(batch uint64)
}
