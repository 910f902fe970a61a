package bench

import (
	"fmt"
	"testing"
	"time"
)

// bars are DESIGN.md's: what must be reached, and what is hoped for.
type bars struct{ bar, stretch float64 }

// The loads of the gateway whose CPU is measured, as BENCH_PROFILE names them.
const (
	express        = "express"
	large          = "large"
	translatedJSON = "translated-json"
	leave          = "leave"
	translated     = "translated"
	leaveRush      = "leave-rush"
	translatedRush = "translated-rush"
)

const (
	publicName     = "sim/auto"
	translatedName = "sim/translated"
	requestSize    = 1 << 10
	largeSize      = 100 << 10
	streamEvents   = 100
	atATime        = 50
	// pace is the time between two events of a paced stream, in milliseconds:
	// short for a model, and long enough that Envoy reads each event by itself.
	pace = 5
)

func jsonLoad(name, model string, size int, ok check) load {
	return load{name: name, request: order{}.request(model, size), ok: ok, connections: 16}
}

// rush is a load of streams without pauses.
func rush(name, model string, ok check) load {
	return load{name: name, request: order{events: streamEvents}.request(model, requestSize), ok: ok, connections: atATime, events: streamEvents}
}

// paced is a load of streams with pauses, whose starts are spread out.
func paced(name, model string, ok check) load {
	l := rush(name, model, ok)
	l.request = order{events: streamEvents, pace: pace}.request(model, requestSize)
	l.spread = streamEvents * pace * time.Millisecond
	return l
}

// loads are the gateway's, by name.
func loads() map[string]load {
	out := map[string]load{}
	asIs, text := verbatim(left(streamEvents)), translatedStream(streamEvents)
	for _, l := range []load{
		jsonLoad(express, publicName, requestSize, verbatim(answer)),
		jsonLoad(large, publicName, largeSize, verbatim(answer)),
		jsonLoad(translatedJSON, translatedName, requestSize, translatedAnswer),
		paced(leave, publicName, asIs), paced(translated, translatedName, text),
		rush(leaveRush, publicName, asIs), rush(translatedRush, translatedName, text),
	} {
		out[l.name] = l
	}
	return out
}

// answers are the rows of JSON answers.
func (k *course) answers() []row {
	k.tb.Helper()
	ls := loads()
	small := k.race(
		contestant{k.plain, jsonLoad("1 KB", publicName, requestSize, verbatim(answer))},
		contestant{k.ours, ls[express]}, contestant{k.ours, ls[translatedJSON]})
	big := k.race(
		contestant{k.plain, jsonLoad("100 KB", publicName, largeSize, verbatim(answer))},
		contestant{k.ours, ls[large]})
	return []row{
		compare("1 KB JSON, same dialect (express)", "request", bars{4.5, 3.5}, small[0], small[1]),
		compare("100 KB JSON, same dialect", "request", bars{8, 5}, big[0], big[1]),
		compare("1 KB JSON, translated", "request", bars{7, 5}, small[0], small[2]),
	}
}

// streams are the rows of whole streams, per event: plain, leave and translated.
func (k *course) streams(how string, ls [3]load) []row {
	k.tb.Helper()
	costs := k.race(contestant{k.plain, ls[0]}, contestant{k.ours, ls[1]}, contestant{k.ours, ls[2]})
	perRead := func(i int) float64 {
		var t tally
		for _, c := range costs[i] {
			t.requests += c.tally.requests
			t.reads += c.tally.reads
		}
		return float64(t.requests) * streamEvents / float64(t.reads)
	}
	rows := []row{
		compare("stream of 100 events, 50 at a time, same dialect (leave), "+how, "event", bars{2, 1.4}, costs[0], costs[1]),
		compare("the same, translated, "+how, "event", bars{4.5, 3}, costs[0], costs[2]),
	}
	rows[0].Note = fmt.Sprintf("events per read of the client: plain %.1f, ours %.1f", perRead(0), perRead(1))
	rows[1].Note = fmt.Sprintf("events per read of the client: ours %.1f", perRead(2))
	return rows
}

func (k *course) pacedStreams() []row {
	k.tb.Helper()
	ls, plain := loads(), verbatim(untouched(streamEvents))
	return k.streams("one in 5 ms", [3]load{paced("stream", publicName, plain), ls[leave], ls[translated]})
}

// rushedStreams come as fast as the provider writes. Envoy then reads many
// events at once and the rest of a stream costs next to nothing beside its
// start, the more so the slower the machine.
func (k *course) rushedStreams() []row {
	k.tb.Helper()
	ls, plain := loads(), verbatim(untouched(streamEvents))
	rows := k.streams("no pause", [3]load{rush("stream", publicName, plain), ls[leaveRush], ls[translatedRush]})
	for i := range rows {
		rows[i].shown = true
	}
	return rows
}

// compare makes a row of costs beside plain Envoy's in the same rounds.
func compare(work, unit string, b bars, plain, ours []cost) row {
	ratios := each(len(plain), func(i int) float64 { return ours[i].total() / plain[i].total() })
	total := func(of []cost, f func(cost) float64) *float64 {
		m := median(each(len(of), func(i int) float64 { return f(of[i]) }))
		return &m
	}
	return row{
		Work: work, Unit: "CPU-µs per " + unit,
		Plain:    total(plain, cost.total),
		Envoy:    total(ours, func(c cost) float64 { return c.envoy }),
		Dragoman: total(ours, func(c cost) float64 { return c.dragoman }),
		Judged:   median(ratios), In: times, Low: quantile(ratios, 0.25), High: quantile(ratios, 0.75),
		Bar: b.bar, Stretch: b.stretch,
	}
}

// TestTable measures and prints the whole table with BENCH=1, and a small part
// of it otherwise.
func TestTable(t *testing.T) {
	s := chosen(t)
	if name := profiled(); name != "" {
		profile(t, s, name)
		return
	}
	r := report{Machine: machine(), Rounds: s.rounds}
	k := start(t, s)
	r.Rows = append(r.Rows, k.answers()...)
	r.Rows = append(r.Rows, k.pacedStreams()...)
	r.Rows = append(r.Rows, k.later())
	if s.full {
		r.Rows = append(r.Rows, k.rushedStreams()...)
	}
	r.Rows = append(r.Rows, k.latency()...)
	r.Rows = append(r.Rows, k.firstTokens()...)
	r.Rows = append(r.Rows, idle(t, s)...)
	r.publish(t, s.full)
	for i := range r.Rows {
		if !instrumented {
			r.Rows[i].mustNotBeFarOff(t)
		}
	}
}
