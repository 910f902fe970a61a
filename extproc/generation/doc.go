// Package generation keeps the lasting record of every exchange: who asked for
// what, which targets were tried and why, what it used, what it cost and how
// long it took.
//
// The flow:
//
//	Writer.Add     a record, at the end of its exchange; never waits
//	Writer.Run     batches to the Store; then OnWritten, then the exporters
//	Writer.Get     finds a record at once, whether it is written or not
//	Reader         what the command line, the admin API and /v1 ask
//
// Promises: a record that Add has taken is written as soon as its store can be
// reached, once, however often it is added; a record replaces another of the
// same exchange only if it says more (Record.SaysMore); Add never waits for a
// store or an exporter. What a full queue refuses is counted and stays its
// caller's, whose journal still holds the exchange. Contents of requests and
// answers are dropped unless Config.Contents says otherwise. Money is exact to
// the nano-dollar in every form.
//
// Refuses: wire formats of providers, prices, and any decision about a request:
// nothing here is on its path. A View says whose records a question may see;
// the zero View sees none.
//
// Stores are packages of their own: sqlite for one machine, postgres for a
// fleet; package rows is what they share. Exporters are jsonl and otlp.
//
// Concurrency: any number of goroutines add and ask. One goroutine, Run's
// caller, writes; one that Run owns and waits for exports.
package generation
