package extproc

import (
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/journal"
	"github.com/dragoman-gateway/dragoman/extproc/settlement"
)

// record is what is kept of an exchange. Caller must hold x.mu.
func (s *Service) record(x *exchange, lines []settlement.Line, total *settlement.Total) *generation.Record {
	sp := &x.spend
	r := &generation.Record{
		ID: generation.ID(x.id), Started: x.started, Key: sp.subject.Key, Tenant: sp.subject.Tenant, Tags: sp.tags,
		User: x.envelope.Options.User, Surface: x.asked.endpoint.String(), Model: x.model, Stream: x.envelope.Stream,
		Lane: x.served.String(), Status: sp.end.status, Finish: finishWord(sp.finish), Usage: total.Usage,
		Cost: total.Cost, Market: total.Market, Priced: total.Priced, Estimated: total.Estimated,
		FirstToken: sp.first, Took: sp.end.took, Aborted: sp.end.aborted, Recovered: x.adopted,
	}
	if x.key != nil {
		r.KeyID = x.key.ID
	}
	r.Contents = x.contents.kept()
	if r.FirstToken == 0 && r.Status > 0 && r.Status < 400 {
		r.FirstToken = r.Took // in one piece
	}
	n := max(sp.end.attempts, len(lines), len(x.failures))
	for i := range n {
		r.Attempts = append(r.Attempts, x.attempt(i, lines))
	}
	if n > 0 {
		x.recordEnd(r, &r.Attempts[n-1])
	}
	return r
}

// recordEnd records how the last attempt ended, and the exchange with it. Caller
// must hold x.mu.
func (e *exchange) recordEnd(r *generation.Record, last *generation.Attempt) {
	end := &e.spend.end
	f, known := e.fate()
	if known && f.Reason != chain.None {
		last.Reason, last.Status, last.Took = f.Reason.String(), f.Status, f.Took
		if f.Took == 0 {
			last.Took = max(0, end.took-last.Began)
		}
	}
	switch {
	case end.status > 0 && end.status < 400:
		last.Status, last.Took = end.status, max(0, end.took-last.Began)
		r.Served, r.Provider = last.Model, last.Provider
		if t, ok := e.target(len(r.Attempts), last.Provider); ok {
			r.TargetID = t.ID
		}
		if known && f.Reason != chain.None {
			r.Error = generation.Broken
		}
	case known && f.Reason == chain.Aborted, f.Reason == chain.None && len(e.failures) == 0:
	case known && f.Problem != nil:
		r.Error = f.Problem.Kind.String()
	case known && f.Reason != chain.None:
		r.Error = chain.Verdict([]chain.Failure{f}).Kind.String()
	case len(e.failures) > 0:
		r.Error = chain.Verdict(e.failures).Kind.String()
	}
}

// finishWord is a record's word for why an answer ended; "" if nobody knows.
func finishWord(r llm.FinishReason) string {
	if r == llm.FinishUnknown {
		return ""
	}
	return r.String()
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
// there: who asked for what and what it was estimated to use, or, once it is
// settled, what it came to. It is names and then numbers, each but the last
// ended by a zero byte. Numbers always fit; a name that does not is left out,
// never cut: the rest could be another's name.
const (
	noteNames   = 8
	noteNumbers = 6
	// numberRoom is what the numbers take at most, in base 36: flags, a status,
	// two amounts, two counts of tokens (llm.MaxTokens) and what ends them.
	numberRoom = 2 + 3 + 2*13 + 2*8 + noteNumbers - 1
	mostStatus = 999
	tagEnds    = "\x1f"
)

// note is an open exchange's.
func (e *exchange) note(dst []byte) []byte {
	sp := &e.spend
	r := generation.Record{
		Key: sp.subject.Key, Tenant: sp.subject.Tenant, Tags: sp.tags, Surface: e.asked.endpoint.String(), Model: e.model,
		Stream: e.envelope.Stream, Cost: llm.NanoUSD(sp.estimate[quota.Money]), Usage: llm.Usage{
			Input: llm.Count(int64(sp.estimate[quota.Input])), Output: llm.Count(int64(sp.estimate[quota.Output])),
		},
	}
	if e.key != nil {
		r.KeyID = e.key.ID
	}
	return appendNote(dst, &r)
}

// appendNote writes what of a record fits into a journal's note. Names come in
// the order of what is lost without them: prices by the model, who may see the
// record by tenant and key.
func appendNote(dst []byte, r *generation.Record) []byte {
	served := r.Served
	if served == r.Model {
		served = ""
	}
	room := journal.MaxNote - numberRoom - noteNames
	for _, name := range [noteNames]string{r.Surface, r.Model, r.Tenant, r.Key, r.KeyID, r.Provider, served, strings.Join(r.Tags, tagEnds)} {
		if len(name) <= room && strings.IndexByte(name, 0) < 0 {
			dst = append(dst, name...)
			room -= len(name)
		}
		dst = append(dst, 0)
	}
	for _, n := range [noteNumbers]int64{
		int64(noteFlags(r)), int64(min(r.Status, mostStatus)), int64(r.Cost), int64(r.Market), int64(r.Usage.Input.Or(0)), int64(r.Usage.Output.Or(0)),
	} {
		dst = append(strconv.AppendInt(dst, max(n, 0), 36), 0)
	}
	return dst[:len(dst)-1]
}

// Flags of a note.
const (
	noteStream = 1 << iota
	notePriced
	noteEstimated
	noteUnobserved
	noteAborted
	noteBroken
)

func noteFlags(r *generation.Record) (flags int) {
	for _, f := range []struct {
		is   bool
		flag int
	}{{r.Stream, noteStream}, {r.Priced, notePriced}, {r.Estimated, noteEstimated}, {r.Unobserved, noteUnobserved}, {r.Aborted, noteAborted}, {r.Error == generation.Broken, noteBroken}} {
		if f.is {
			flags |= f.flag
		}
	}
	return flags
}

// readNote is the record that a note tells of; false for what is none.
func readNote(note []byte) (r generation.Record, ok bool) {
	parts := strings.Split(string(note), "\x00")
	if len(parts) != noteNames+noteNumbers {
		return r, false
	}
	var n [noteNumbers]int64
	for i := range n {
		var err error
		if n[i], err = strconv.ParseInt(parts[noteNames+i], 36, 64); err != nil || n[i] < 0 {
			return r, false
		}
	}
	if n[1] > mostStatus {
		return r, false
	}
	r = generation.Record{
		Surface: parts[0], Model: parts[1], Tenant: parts[2], Key: parts[3], KeyID: parts[4], Provider: parts[5], Served: parts[6],
		Stream: n[0]&noteStream != 0, Priced: n[0]&notePriced != 0, Estimated: n[0]&noteEstimated != 0,
		Unobserved: n[0]&noteUnobserved != 0, Aborted: n[0]&noteAborted != 0,
		Status: int(n[1]), Cost: llm.NanoUSD(n[2]), Market: llm.NanoUSD(n[3]),
	}
	if n[0]&noteBroken != 0 {
		r.Error = generation.Broken
	}
	if parts[7] != "" {
		r.Tags = strings.Split(parts[7], tagEnds)
	}
	if r.Served == "" && r.Provider != "" {
		r.Served = r.Model
	}
	if n[4] > 0 || n[5] > 0 {
		r.Usage = llm.Usage{Input: llm.Count(n[4]), Output: llm.Count(n[5])}
	}
	return r, true
}
