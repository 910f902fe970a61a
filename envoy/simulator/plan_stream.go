package simulator

import (
	"bytes"
	"iter"
	"time"
)

// breach is where a stream is broken and what stands there.
type breach struct {
	at     Place                // "" = nowhere
	half   int                  // content events before Mid
	last   func(sent int) event // nil = nothing
	wait   time.Duration        // before last
	goesOn bool                 // after last the stream continues
}

// due tells whether the breach stands before an event.
func (b *breach) due(next Part, contents int) bool {
	switch b.at {
	case AtHead:
		return true
	case Prelude:
		return next != PartPrelude
	case Mid:
		// Where calls come whole there are fewer events than pieces.
		return next != PartPrelude && (contents >= b.half || next == PartFinish)
	}
	return false
}

// planStream plans the frames of a stream and where it breaks off.
func (x *exchange) planStream(pl *plan, s *Script, said *say) {
	_, b := s.breakages()
	cut := &breach{half: (said.pieces() + 1) / 2}
	switch b {
	case hangs, resets, closes:
		pl.breakOff(b, s.place())
		cut.at = s.place()
	case truncated, errorMid, garbledMid:
		cut.at = Mid
	case errorFirst, garbledFirst:
		cut.at = AtHead
	case errorAfterRole:
		cut.at, cut.wait = Prelude, afterRole
	}
	switch b {
	case errorFirst, errorAfterRole, errorMid:
		f := x.midway(s)
		cut.last = func(sent int) event { f.sent = sent; return x.speaks.streamFailure(f) }
	case garbledFirst, garbledMid:
		cut.last, cut.goesOn = func(int) event { return event{part: PartError, name: x.speaks.garbageName, data: x.garbled()} }, true
	}
	pl.stream = s.frames(x.speaks.events(said), cut, said.asked.framing)
}

// garbled is garbage as a stream carries it.
func (x *exchange) garbled() []byte {
	if x.speaks.garble != nil {
		return x.speaks.garble(x.route)
	}
	return []byte(x.speaks.garbage)
}

// frames spells events and puts pauses, batches and the breach between them.
func (s *Script) frames(events iter.Seq[event], cut *breach, in wire) iter.Seq[frame] {
	return func(yield func(frame) bool) {
		spelling, batch := newFraming(s, in), max(1, s.Batch)
		sent, contents, broken := 0, 0, false
		send := func(ev event, wait time.Duration) bool {
			f := frame{part: ev.part, bytes: spelling.spell(ev), wait: wait, flush: (sent+1)%batch == 0}
			if sent > 0 && sent%batch == 0 && ev.part <= PartFinish {
				f.wait += s.Pause
			}
			sent++
			return yield(f)
		}
		for ev := range events {
			if !broken && cut.due(ev.part, contents) {
				broken = true
				if cut.last != nil && !send(cut.last(sent), cut.wait) || !cut.goesOn {
					return
				}
			}
			if ev.part == PartContent {
				contents++
			}
			if ev.part == PartDone && s.NoDone {
				continue
			}
			if !send(ev, 0) {
				return
			}
		}
	}
}

// pieces is the number of content events of a stream.
func (s *say) pieces() int {
	_, thought := s.reasoning.size()
	if s.hidden {
		thought = 0
	}
	_, n := s.content.size()
	for _, c := range s.calls {
		_, fragments := c.fragments().size()
		n += fragments + 1
	}
	return n + thought
}

// framing spells events as server-sent events (HTML Living Standard, 9.2), or
// bare, or as elements of an array.
type framing struct {
	wire
	begun    bool // an event has been spelt
	eol      []byte
	comments []byte
	buf      []byte
}

func newFraming(s *Script, in wire) *framing {
	f := &framing{wire: in, eol: []byte(map[string]string{"crlf": "\r\n", "cr": "\r"}[s.EOL])}
	if len(f.eol) == 0 && in.crlf && s.EOL == "" {
		f.eol = []byte("\r\n")
	} else if len(f.eol) == 0 {
		f.eol = []byte("\n")
	}
	f.comments = bytes.Repeat(append([]byte(": ping"), append(f.eol, f.eol...)...), s.Comments)
	return f
}

// spell gives the bytes of an event, valid until the next call.
func (f *framing) spell(ev event) []byte {
	if f.array && ev.part != PartDone {
		separator := "\n,\r\n"
		if !f.begun {
			separator = "["
		}
		f.begun = true
		f.buf = append(append(f.buf[:0], separator...), ev.data...)
		return f.buf
	}
	if f.bare || f.array {
		return ev.data
	}
	f.buf = append(f.buf[:0], f.comments...)
	if ev.name != "" {
		f.buf = append(append(f.buf, "event: "...), ev.name...)
		f.buf = append(f.buf, f.eol...)
	}
	f.buf = append(append(f.buf, "data: "...), ev.data...)
	f.buf = append(f.buf, f.eol...)
	return append(f.buf, f.eol...)
}
