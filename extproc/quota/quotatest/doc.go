// Package quotatest has what tests of quotas need: Memory, a behaving store in
// memory with a virtual clock and lines to it that fail; Journal, a behaving
// journal that survives the crash of its ledger; Contract, what every
// quota.Store must do; and Reference, a ledger so simple that it is right.
//
// Promises: Memory follows the grant rules of quota.Store to the letter, so
// what a ledger does over it, it does over any other store that passes
// Contract.
//
// Refuses: real time; everything goes by the clock it is given.
//
// Concurrency: a mutex guards each Memory, Line, Journal and Clock; all may be
// used by any number of goroutines.
package quotatest
