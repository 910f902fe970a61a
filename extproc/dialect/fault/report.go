// Package fault turns providers' error answers into problems, for codecs: Body
// takes an answer apart, Reader collects what an error object says in the
// members that most vendors have, and a Report becomes the problem.
//
// Promises: what is read and kept of an error is bounded; the provider's text
// reaches the client, its error object as Problem.Vendor, except where the
// credential or its rights are at fault: they are the operator's affair, and
// the text goes into Cause only. Refuses to know what a vendor's own words
// mean: the Kind is told by the codec.
//
// Concurrency: all values belong to one goroutine.
package fault

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// Bounds of what is read and kept of an error.
const (
	maxBody    = 64 << 10
	maxMessage = 2 << 10
	maxVendor  = 16 << 10
)

// Body gives an error answer's JSON text, nil if it is none, and what of the
// body can serve as a message as it is: short, readable and no HTML.
func Body(body []byte) (json []byte, text string) {
	body = bytes.TrimSpace(body[:min(len(body), maxBody)])
	if plain(body) {
		text = string(body)
	}
	if scan.Validate(body) != nil {
		return nil, text
	}
	return body, text
}

func plain(body []byte) bool {
	return len(body) > 0 && len(body) <= maxMessage && body[0] != '<' && body[0] != '{' && utf8.Valid(body) &&
		bytes.IndexFunc(body, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' && r != '\r' }) < 0
}

// Report is what a provider's error says.
type Report struct {
	Kind       llm.Kind
	Status     int    // HTTP status; below 400 = none, within a stream
	Name       string // of an exception; stands in for a message
	Message    string
	Param      string
	RetryAfter time.Duration
	Object     []byte // the error object itself, nil if there is none
}

// Problem is the report as the client gets it.
func (r *Report) Problem() *llm.Problem {
	p := &llm.Problem{Kind: r.Kind, Message: shorten(r.Message), Param: r.Param, RetryAfter: r.RetryAfter}
	if len(r.Object) > len("{}") && len(r.Object) <= maxVendor {
		p.Vendor = bytes.Clone(r.Object)
	}
	switch {
	case p.Kind == llm.Unauthenticated || p.Kind == llm.Forbidden:
		p.Cause = errors.New("provider: " + strings.TrimSpace(r.Name+" "+p.Message))
		p.Message, p.Vendor = "the provider refused the gateway's credential", nil
	case p.Message != "":
	case r.Name != "":
		p.Message = "the provider reported " + shorten(r.Name)
	case r.Status >= 400:
		p.Message = "the provider answered with status " + strconv.Itoa(r.Status)
	default:
		p.Message = "the provider reported an error without a message"
	}
	return p
}

func shorten(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage], "") + "…"
}
