package regions

import (
	"context"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// Count is one period of a budget in one region.
type Count struct {
	quota.AccountPeriod
	Ends  time.Time    // when books may be forgotten; the zero time: never
	Share quota.Amount // the region's
}

// Page is what a region's books have of a count.
type Page struct {
	Used, Leased quota.Amount
	// Given and Received are running sums by the other region's name.
	Given, Received map[string]quota.Amount
}

// Limit is what a share has become.
func (p Page) Limit(share quota.Amount) quota.Amount {
	for _, n := range p.Received {
		share += n
	}
	for _, n := range p.Given {
		share -= n
	}
	return share
}

// Entry raises a sum in a region's books.
type Entry struct {
	Count
	Peer string // the other region
	// Before is what the sum has to be for Give to raise it; Upto is what it
	// becomes, or for Give less, if there is no room for all.
	Before, Upto quota.Amount
	// Owed is what has been given at least, whatever the books say.
	Owed quota.Amount
}

// Books are one region's, beside its store. Each method applies as a whole or
// not at all, may be repeated, and answers with the page as it is then. Each
// lets the store grant no more than the page's limit from then on.
type Books interface {
	Page(ctx context.Context, of Count) (Page, error)
	// Give raises what was given to a peer by what is neither used nor leased.
	// It changes nothing if the sum is another than Before.
	Give(ctx context.Context, e Entry) (Page, error)
	// Take raises what was received from a peer to Upto, if it is less.
	Take(ctx context.Context, e Entry) (Page, error)
}
