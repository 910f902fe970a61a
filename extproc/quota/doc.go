// Package quota keeps what may be spent: limits on requests, tokens, money and
// concurrency, checked in memory on every request and exact over any number of
// replicas.
//
// The words: a Limit is a rule of the operator's; an account is one count that
// a limit keeps (of one key, one tenant, or one product of several); a period
// is one window of an account. A process holds a lease on part of a period: it
// may spend that much without asking. A request reserves its estimate from the
// leases of all its accounts and settles what it really used.
//
// The flow:
//
//	Ledger.Accounts   who asks for which model → its accounts (cached)
//	Ledger.Reserve    estimate off the leases, all or nothing │ Refusal
//	Reservation.Settle  estimate back, the real amount to what is to be reported
//	Ledger.Run        every second one Store.Exchange: settled amounts there,
//	                  leases back; what an idle lease holds is returned
//	Ledger.Restore, Ledger.Owe   what a process that is gone left in the journal
//
// An Estimator tells how many tokens to reserve, from what requests of the
// dialect and the model took before.
//
// Promises: what all replicas have settled in a period exceeds its limit by no
// more than what requests in flight cost above their estimates, what Limit.Away
// let through, and what was under way in processes that the store has not seen
// for a lease's life and whose leases it gave to others; a refusal names
// its limit, what is used and when there is room again; nothing is counted
// twice and nothing is lost, because a Journal holds reservations and settled
// amounts until the store has acknowledged them. Reserving and settling touch
// memory only and allocate nothing; only an empty lease waits for the store,
// once and bounded.
//
// Refuses: floats, negative amounts, windows of local time (all are UTC, by the
// store's clock). It knows no prices and no secrets; of keys, tenants, models and dialects it knows names.
//
// Concurrency: any number of goroutines reserve and settle; a lease's free part
// is one atomic word, and only one exchange with the store is under way at a
// time. What a mutex guards stands beside it.
package quota
