package extproc

import (
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/quota/journal"
	"github.com/dragoman-gateway/dragoman/extproc/settlement"
)

// record is what is kept of an exchange. Caller must hold x.mu.
func (s *Service) record(x *exchange, lines []settlement.Line, total *settlement.Total) *generation.Record {
	sp := &x.spend
	r := &generation.Record{
		ID: generation.ID(x.id), Started: x.started, Key: sp.subject.Key, Tenant: sp.subject.Tenant, Tags: sp.subject.Tags,
		User: x.envelope.Options.User, Surface: x.asked.endpoint.String(), Model: x.model, Stream: x.envelope.Stream,
		Lane: x.served.String(), Status: sp.end.status, Finish: sp.finish.String(), Usage: total.Usage,
		Cost: total.Cost, Market: total.Market, Priced: total.Priced, Estimated: total.Estimated,
		FirstToken: sp.first, Took: sp.end.took, Aborted: sp.end.aborted, Recovered: x.adopted,
	}
	if x.key != nil {
		r.KeyID = x.key.ID
	}
	if r.FirstToken == 0 && r.Status > 0 && r.Status < 400 {
		r.FirstToken = r.Took // in one piece
	}
	n := max(sp.end.attempts, len(lines), len(x.failures))
	for i := range n {
		r.Attempts = append(r.Attempts, x.attempt(i, lines))
	}
	if n > 0 && sp.end.status > 0 && sp.end.status < 400 {
		last := &r.Attempts[n-1]
		last.Status, last.Took = sp.end.status, max(0, sp.end.took-last.Began)
		r.Served, r.Provider = last.Model, last.Provider
		if t, ok := x.target(n, last.Provider); ok {
			r.TargetID = t.ID
		}
	} else if len(x.failures) > 0 {
		r.Error = chain.Verdict(x.failures).Kind.String()
	}
	return r
}

// attempt is what is kept of attempt i, from 0. Caller must hold x.mu.
func (e *exchange) attempt(i int, lines []settlement.Line) (a generation.Attempt) {
	if i < len(e.chain.Targets) {
		t := &e.chain.Targets[i]
		a.Provider, a.Model, a.Own = t.Provider.Name, t.Model.Name, t.Own
	}
	if i < len(lines) {
		l := &lines[i]
		if l.Target.Provider != "" {
			a.Provider, a.Model, a.Own = l.Target.Provider, l.Target.Model, l.Target.Own
		}
		a.Usage, a.Cost, a.Priced = l.Usage, l.Market, l.Priced
	}
	if i < len(e.spend.began) {
		a.Began = e.spend.began[i]
	}
	if i < len(e.failures) {
		f := &e.failures[i]
		a.Provider, a.Model = f.Provider, f.Model
		a.Reason, a.Status, a.Took = f.Reason.String(), f.Status, f.Took
	}
	return a
}

// A note is what the journal keeps of an exchange for a process that finds it
// there: who asked for what, and, once it is settled, what it came to.
const noteParts = 9

// note is an open exchange's.
func (e *exchange) note(dst []byte) []byte {
	return appendNote(dst, &generation.Record{
		Key: e.spend.subject.Key, Tenant: e.spend.subject.Tenant, Surface: e.asked.endpoint.String(), Model: e.model, Stream: e.envelope.Stream,
	})
}

// appendNote writes what of a record fits into a journal's note, names cut.
func appendNote(dst []byte, r *generation.Record) []byte {
	const longest = (journal.MaxNote - 80) / 3
	stream := "0"
	if r.Stream {
		stream = "1"
	}
	for _, part := range []string{cut(r.Key, longest), cut(r.Tenant, longest), cut(r.Model, longest), r.Surface, stream} {
		dst = append(append(dst, part...), 0)
	}
	for _, n := range []int64{int64(r.Status), int64(r.Cost), int64(r.Usage.Input.Or(0)), int64(r.Usage.Output.Or(0))} {
		dst = append(strconv.AppendInt(dst, n, 36), 0)
	}
	return dst[:len(dst)-1]
}

func cut(s string, most int) string { return s[:min(len(s), most)] }

// readNote is the record that a note tells of; false for what is none.
func readNote(note []byte) (r generation.Record, ok bool) {
	parts := strings.Split(string(note), "\x00")
	if len(parts) != noteParts {
		return r, false
	}
	var n [4]int64
	for i := range n {
		var err error
		if n[i], err = strconv.ParseInt(parts[5+i], 36, 64); err != nil {
			return r, false
		}
	}
	r = generation.Record{Key: parts[0], Tenant: parts[1], Model: parts[2], Surface: parts[3], Stream: parts[4] == "1", Status: int(n[0]), Cost: llm.NanoUSD(n[1])}
	if n[2] > 0 || n[3] > 0 {
		r.Usage = llm.Usage{Input: llm.Count(n[2]), Output: llm.Count(n[3])}
	}
	return r, true
}
