package extproc

import (
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/chain"
)

// comeBack is the way back of an express request whose answer is translated:
// its bytes are gathered, and the translated answer goes out with the last of
// them. An answer that another attempt gave has been translated by its attempt
// stage, and passes.
func (r *routing) comeBack(x *exchange) error {
	var (
		m      message
		body   []byte
		status int
	)
	defer m.release()
	defer func() { r.s.table.letGo(len(body)) }()
	for first := true; ; first = false {
		if err := r.st.RecvMsg(&m); err != nil {
			return nil // the client left, the provider broke off, or there is nothing to translate
		}
		if m.kind != responseBody {
			return errBroken // trailers: nothing can be put before them
		}
		if first {
			if status = passedStatus(m.metadata); status == 0 {
				return ignoreGone(r.st.SendMsg(&reply{part: toResponseBody})) // Envoy passes the rest by itself
			}
		}
		if len(body)+len(m.body) > maxAnswer || !r.s.table.hold(len(m.body)) {
			return errBroken
		}
		body = append(body, m.body...)
		out := &reply{part: toResponseBody, op: replaceBody}
		if m.end {
			var ok bool
			if out.body, ok = r.translated(x, status, body); !ok {
				x.breaks(1, chain.BrokenError)
				return errBroken
			}
			r.s.says(x, out.body)
		}
		if err := r.st.SendMsg(out); err != nil || m.end {
			return ignoreGone(err)
		}
	}
}

// passedStatus is the status of an answer that is the express attempt's own,
// as its guard says; 0 for any other.
func passedStatus(metadata []byte) (status int) {
	_ = fields(metadata, func(num protowire.Number, v []byte, _ uint64) error { // malformed metadata says nothing
		if num == 1 && string(bytesAt(v, 1)) == envoy.AnswerNamespace {
			status, _ = strconv.Atoi(string(stringOf(bytesAt(v, 2), envoy.AnswerStatus)))
		}
		return nil
	})
	return status
}

// translated is the whole answer, or the error, in the client's dialect. An
// error keeps the provider's status, which the guard passes only where it is
// the client's own. The guard has looked at the answer, too: one that cannot be
// read all the same is none.
func (r *routing) translated(x *exchange, status int, body []byte) (out []byte, ok bool) {
	d, t := &x.direct, &x.chain.Targets[0]
	if status >= 400 {
		p := d.codec.DecodeError(status, nil, body)
		x.passes(chain.Failure{Provider: t.Provider.Name, Model: t.Model.Name, Reason: passedReason(p.Kind), Status: status, Problem: p})
		return x.redact(t.Provider.Name, x.codec.EncodeError(p, string(r.text))), true
	}
	events, p := d.codec.DecodeAnswer(body)
	if p != nil {
		return nil, false
	}
	return x.codec.EncodeAnswer(nil, events, x.reply(t.Model.Name, d.wishes)), true
}
