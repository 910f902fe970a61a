// Package sqlite is the embedded quota.Store: a SQLite file in the state
// directory, shared by the processes of one machine. Other packages may keep
// their tables in the same file; this one's begin with quota_.
//
// Promises: a call is one transaction, applied as a whole or not at all, also
// when it is given up or its process is killed. Amounts are exact: 64-bit
// integers, used ones clamped to ±quota.MaxAmount. Counts are deleted after
// Ask.Ends, and owners that nobody has seen for 30 days, a bounded number a
// call, but always more than the call can have added.
//
// Refuses: network file systems, on which SQLite's locks do not hold. The last
// moments before a loss of power may be lost (the write-ahead log is flushed at
// checkpoints only).
//
// Concurrency: any number of goroutines and processes. Writers take turns,
// those of a process among themselves first; who waits, waits no longer than
// its context, and never more than five seconds for another process. Standing
// reads beside a writer.
package sqlite
