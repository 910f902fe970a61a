package simulator

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// errStopped is the cause with which a Fleet ends its handlers.
var errStopped = errors.New("the provider was stopped")

// writeBlock is how much of a JSON answer is gathered for one write, in bytes.
const writeBlock = 32 << 10

// outcome is how carrying out a plan went.
type outcome struct {
	gone bool  // the client left before the end
	err  error // of the connection, nil if none was noticed
	done bool  // the answer, as far as it was planned, is written
}

// perform carries out a plan. It returns when the answer is written, cut off,
// or the client has left.
func (p *Provider) perform(w http.ResponseWriter, r *http.Request, pl *plan, e *entry) outcome {
	s := &sink{w: w, rc: http.NewResponseController(w), ctx: r.Context(), split: pl.write, dice: dice(pl.seed), entry: e}
	s.next()
	if s.sleep(pl.first) && !pl.mute {
		for name, values := range pl.header {
			w.Header()[name] = values
		}
		w.WriteHeader(pl.status)
		p.recorder.answered(e, pl.status)
		if pl.firstEvent > 0 {
			s.flush()
		}
		if s.sleep(pl.firstEvent) {
			p.write(s, pl)
		}
		if pl.ending != endWhole && s.err == nil {
			s.flush()
		}
	}
	if s.err == nil && pl.ending == endHang {
		<-s.ctx.Done()
		s.err = context.Cause(s.ctx)
	}
	stopped := errors.Is(context.Cause(s.ctx), errStopped)
	out := outcome{gone: s.err != nil && !stopped, err: s.err, done: s.err == nil}
	// A message that is not whole must not look whole.
	if s.err != nil || pl.ending != endWhole {
		if err := abandon(w, r, pl.ending == endReset); err != nil && out.err == nil {
			out.err = err
		}
	}
	return out
}

// write writes the body of a plan and counts what the provider would bill: of a
// stream that does not come to its end, its prompt and a token for each content
// event; of a document that does not, all of it, since it was generated.
func (p *Provider) write(s *sink, pl *plan) {
	completion := pl.tokens.completion
	if pl.stream == nil {
		s.pause = pl.pause
		s.body(&pl.body, pl.sent)
	} else if s.frames(pl); s.err != nil || !s.finished {
		completion = min(completion, s.content)
	}
	p.recorder.prompt.Add(pl.tokens.prompt)
	p.recorder.completion.Add(completion)
}

// abandon ends a connection in the middle of its message. On HTTP/2, where
// other streams share the connection, it resets the stream: a write deadline
// in the past does so at once.
func abandon(w http.ResponseWriter, r *http.Request, hard bool) error {
	rc := http.NewResponseController(w)
	if r.ProtoMajor >= 2 {
		return rc.SetWriteDeadline(time.Unix(1, 0))
	}
	conn, _, err := rc.Hijack()
	if err != nil {
		return err
	}
	if tcp, ok := conn.(*net.TCPConn); ok && hard {
		// Without lingering the kernel sends RST instead of FIN.
		err = tcp.SetLinger(0)
	}
	return errors.Join(err, conn.Close())
}

// sink writes a body in the portions a script asks for. It keeps the first
// error and does nothing after it.
type sink struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	ctx   context.Context
	split Split
	dice  dice
	pause time.Duration // between portions
	entry *entry

	content  int64 // content events written
	finished bool  // the stream has come to its finish
	portion  int   // bytes of the next write; 0 = no limit
	pending  []byte
	timer    *time.Timer
	written  bool
	err      error
}

// next chooses the size of the next portion.
func (s *sink) next() {
	s.portion = int(s.split)
	if s.split == Odd {
		s.portion = 1 + 2*int(s.dice.throw()%24)
	}
}

// frames writes a stream.
func (s *sink) frames(pl *plan) {
	for f := range pl.stream {
		if f.wait > 0 {
			s.settle()
			s.sleep(f.wait)
		}
		s.pending = append(s.pending, f.bytes...)
		if s.entry.events.Add(1); s.portion > 0 {
			s.portions()
		} else if f.flush {
			s.settle()
		}
		if s.err != nil {
			return
		}
		switch f.part {
		case PartContent:
			s.content++
		case PartFinish:
			s.finished = true
		}
	}
	s.settle()
}

// body writes the first bytes of a document.
func (s *sink) body(d *document, sent int) {
	for part := range d.parts(sent) {
		s.pending = append(s.pending, part...)
		if s.portion > 0 {
			s.portions()
		} else if len(s.pending) >= writeBlock {
			s.put(s.pending)
			s.pending = s.pending[:0]
		}
		if s.err != nil {
			return
		}
	}
	if s.portion > 0 {
		s.settle()
	} else {
		s.put(s.pending)
	}
}

// portions writes what is pending as far as it fills portions.
func (s *sink) portions() {
	from := 0
	for s.err == nil && len(s.pending)-from >= s.portion {
		if s.written {
			s.sleep(s.pause)
		}
		s.put(s.pending[from : from+s.portion])
		s.flush()
		from += s.portion
		s.next()
	}
	s.pending = append(s.pending[:0], s.pending[from:]...)
}

// settle writes and flushes all that is pending.
func (s *sink) settle() {
	if len(s.pending) > 0 {
		s.put(s.pending)
		s.flush()
		s.pending = s.pending[:0]
	}
}

func (s *sink) put(b []byte) {
	if s.err != nil || len(b) == 0 {
		return
	}
	n, err := s.w.Write(b)
	s.entry.bytes.Add(int64(n))
	s.err, s.written = err, true
}

func (s *sink) flush() {
	if s.err == nil {
		s.err = s.rc.Flush()
	}
}

// sleep waits for a time, and tells whether all is well after it.
func (s *sink) sleep(d time.Duration) bool {
	if s.err != nil || d <= 0 {
		return s.err == nil
	}
	if s.timer == nil {
		s.timer = time.NewTimer(d)
	} else {
		s.timer.Reset(d)
	}
	select {
	case <-s.timer.C:
	case <-s.ctx.Done():
		s.timer.Stop()
		s.err = context.Cause(s.ctx)
	}
	return s.err == nil
}
