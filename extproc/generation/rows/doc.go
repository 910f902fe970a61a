// Package rows is what the SQL stores of generations share: one table, how
// records become its rows, and how questions become conditions and sums. A
// store opens a database, makes the table and says how its SQL differs (Dialect).
//
// Promises: a batch is written as a whole or not at all; what a client chose
// (names, users, tags) only ever stands in arguments, never in SQL text; sums
// do not overflow. Refuses to know where a database is or how to reach it.
//
// Concurrency: a Table is used by any number of goroutines; what may write at
// the same time is the database's affair.
package rows
