// Package directory is what the operator manages while the gateway runs: keys,
// tenants, budgets and tenants' own provider credentials, in a store that all
// replicas share, beside the catalog's, which only a file changes.
//
// The flow: a verb (CreateKey, PutBudget …) writes one record with its audit
// event to the Store, under the condition that nobody has written it since; the
// store wakes every replica, which reads what is new and publishes an immutable
// Snapshot.
//
// Promises: a change is in the snapshots of all replicas that run and reach the
// store within two seconds, in that of its writer when the verb returns; what
// has not changed is not read again. A store that is away leaves the last
// snapshot as it is, and so does one that lost everything, until something is
// written to it; one that lost the last writes is read anew. A write that is sent
// again because its answer was lost is made once. What cannot be read of the
// store allows nothing that it may have forbidden: a key is refused, a tenant
// suspended, a budget stays as it was or refuses what it matches, an own
// credential is closed and yet the tenant's. No verb succeeds without its audit
// event, and no event holds a secret. Of a key only its hash is kept; own
// credentials are sealed with AES-256-GCM under a data key each, which the master
// key seals, both bound to tenant and provider. Touch is memory only.
//
// Refuses: secrets in listings, errors and logs; names that the catalog has;
// writes of records that changed meanwhile (ErrConflict); own credentials
// without a master key; to forget a tenant that still rules over somebody.
//
// Concurrency: everything may be called from any goroutine. Snapshots and what
// they point to are immutable. Run owns all goroutines and waits for them;
// without Run, a Directory still reads the store before each verb.
package directory
