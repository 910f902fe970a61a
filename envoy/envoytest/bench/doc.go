// Package bench measures what the gateway costs beside a plain Envoy route to
// the same provider, in one run: the table of DESIGN.md, "Numbers to stand by".
//
//	make bench                               the table; bin/bench.json, bin/bench.svg
//	BENCH=1 BENCH_ROUNDS=3 go test -v .      fewer rounds (9 are the default)
//	BENCH=1 BENCH_PROFILE=leave go test -v . a CPU profile of ext_proc under one load
//	go test .                                one small pass with loose limits
//
// Three processes do the work that counts: Envoy with everything on (keys,
// credentials, usage, guards, access logs), ext_proc beside it, and a second
// Envoy of the same binary with one plain route and no access log. Provider and
// load generator are other processes and are not counted. Every answer is
// checked: byte by byte where the gateway must not touch it, by its text and its
// end where it translates.
//
// CPU is read from the kernel's clock of each process, in nanoseconds and with
// the threads that have ended. Ways take turns in short rounds, and a ratio is
// the median of the rounds' ratios: what else runs on the machine disturbs all
// ways alike. After a round comes a pause in which access logs arrive, so that
// a round pays for its own settlement. Latencies are wall time: believe them
// only on an idle machine.
//
// A stream's events come one a write. The rows that compare with the bars pause
// for 5 ms between two, so that Envoy reads each by itself, as it does a
// model's; the same without a pause is shown beside them, with how many events
// were then read together. Time to first token is measured under streams of one
// event in 20 ms. Starts are spread out.
//
// Refuses: operating systems without per-process CPU clocks (all but Linux),
// and a verdict on noise: a missed bar is printed as a miss, and only two and a
// half times the bar, in CPU or memory, fails the test.
//
// Concurrency: a course belongs to its test; loads run their connections in
// goroutines that end before the round does.
package bench
