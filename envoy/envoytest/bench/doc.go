// Package bench measures what the gateway costs beside a plain Envoy route to
// the same provider, in one run: the table of DESIGN.md, "Numbers to stand by".
//
//	make bench                            the table; bin/bench.json, bin/bench.svg
//	BENCH=1 BENCH_ROUNDS=3 go test . …    fewer rounds (9 are the default)
//	BENCH=1 BENCH_PROFILE=leave go test . a CPU profile of ext_proc under one load
//	go test .                             one small pass with loose limits
//
// Three processes do the work that counts: Envoy with everything on (keys,
// credentials, usage, guards, access logs), ext_proc beside it, and a second
// Envoy of the same binary with one plain route and no access log. Provider and
// load generator are processes of their own, are not counted, and check every
// request and every byte of every answer.
//
// CPU is read from the kernel's clock of each process, in nanoseconds and with
// the threads that have ended. Ways take turns in short rounds, and a ratio is
// the median of the rounds' ratios: what else runs on the machine disturbs all
// ways alike. After a round comes a pause in which access logs arrive, so that
// a round pays for its own settlement. Latencies are wall time: believe them
// only on an idle machine.
//
// Events come one a write and without a pause; the provider yields after each,
// so that 50 streams take turns. What Envoy still reads together shows in the
// events per read. Time to first token is measured under paced streams (one
// event in 20 ms), whose starts are spread out.
//
// Refuses: operating systems without per-process CPU clocks (all but Linux),
// and a verdict on noise: only twice the bar fails a test; a missed bar is
// printed as one.
//
// Concurrency: a course belongs to its test; loads run their connections in
// goroutines that end before the round does.
package bench
