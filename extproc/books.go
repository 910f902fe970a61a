package extproc

import (
	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/journal"
	"github.com/dragoman-gateway/dragoman/extproc/settlement"
)

// Books are what a Service keeps its accounts with. Nil Books keep none: every
// request is let in and nothing is recorded.
type Books struct {
	Ledger    *quota.Ledger
	Journal   *journal.Journal
	Estimator *quota.Estimator
	Records   *generation.Writer
	Reader    generation.Reader
	// Used hears of each use of a key that the directory keeps, by its id.
	Used func(id string)

	regional   *regional
	ratios     settlement.Ratios
	corrigible corrigible
	unwritten  unwritten[journal.Slot]
	refused    refused
}

// Written frees the journal of exchanges whose records are written.
func (b *Books) Written(ids []generation.ID) {
	for _, id := range ids {
		if slot, ok := b.unwritten.take(exchangeID(id)); ok {
			slot.Recorded()
		}
	}
	b.writeRefused()
}
