// Package journal keeps reservations and settled charges in a file that is
// mapped into memory, so that a process may be killed at any instruction and
// its successor knows what was under way, what was settled and what the store
// has not heard of.
//
// The life of a slot, one exchange each:
//
//	free ─Begin─▶ open ─Settle─▶ settled ─Cut─▶ in a batch ─┬ Acknowledge ┬─▶ free
//	                                                        └ Recorded ───┘
//
// Promises: each of these steps is one atomic store after everything that it
// publishes has been written; there is nothing between. Settle never touches
// what Begin wrote: charges and note have a second area each, and the atomic
// word says which holds. A slot is free once its charges are acknowledged and
// its record is written, in either order. A batch has the same
// contents after a crash as before it, and numbers never repeat. Begin and
// Settle allocate nothing, make no system call (but for the first use of a
// stretch of the file) and take well under a microsecond.
//
// Refuses: more slots than Options.MaxSlots (Begin fails, nothing is
// overwritten), files that are not its own, files in use by another process.
// Nothing is flushed to the disk: the pages belong to the kernel, so the journal
// survives kill -9 but not the loss of power. What that tears is found by
// checksums: such a file is kept beside the journal, and what is sound in it is
// taken over.
//
// Concurrency: all methods may be called from any goroutine. Slots belong to
// shards with a lock each, held for some hundred nanoseconds; an exchange's
// random id picks its shard. Cut and Acknowledge take turns; Cut locks a shard to
// take its list, Acknowledge for one slot at a time. No goroutines are started.
package journal
