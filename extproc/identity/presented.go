package identity

import (
	"bytes"
	"fmt"
	"io"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// maxKey is the longest key that is looked at, in bytes. Tokens may be longer.
const maxKey = 4 << 10

// Presented is what a request shows of who sends it. The zero Presented is
// ready. It refers to the values it was offered.
type Presented struct {
	value []byte
	fault fault
	in    carrier // where the fault is
}

// carrier is a header that brings a credential.
type carrier uint8

const (
	none carrier = iota
	authorization
	xAPIKey
	apiKey
	xGoogAPIKey
	numCarriers
)

// carrierNames are the headers in which the vendors' SDKs send keys: OpenAI's
// and most others', Anthropic's, Azure's, Google's.
var carrierNames = [numCarriers]string{"", "authorization", "x-api-key", "api-key", "x-goog-api-key"}

func carrierOf(name []byte) carrier {
	for c := authorization; c < numCarriers; c++ {
		if len(name) == len(carrierNames[c]) && bytes.EqualFold(name, []byte(carrierNames[c])) {
			return c
		}
	}
	return none
}

// fault is what is wrong with what was presented.
type fault uint8

const (
	faultNone fault = iota
	faultScheme
	faultEmpty
	faultLong
	faultList
	faultGarbled
	faultSeveral
)

// Offer shows p a header of the request, in any order. credential tells that
// the header brings a credential, which no provider may see.
func (p *Presented) Offer(name, value []byte) (credential bool) {
	c := carrierOf(name)
	if c == none {
		return false
	}
	key, f := read(c, value)
	switch {
	case p.fault != faultNone:
	case f != faultNone:
		p.fault, p.in = f, c
	case p.value == nil:
		p.value = key
	case !bytes.Equal(p.value, key):
		p.fault = faultSeveral
	}
	return true
}

// read finds the key in a header's value: token68 after "Bearer" (RFC 6750,
// the scheme in any case, RFC 9110), or all of it.
func read(c carrier, value []byte) ([]byte, fault) {
	const white = 256 // for the scheme and optional white space
	if len(value) > MaxToken+white {
		return nil, faultLong
	}
	value = trim(value)
	if c == authorization && len(value) > 0 {
		const scheme = "Bearer"
		if len(value) < len(scheme) || !bytes.EqualFold(value[:len(scheme)], []byte(scheme)) {
			return nil, faultScheme
		}
		rest := value[len(scheme):]
		if len(rest) > 0 && rest[0] != ' ' && rest[0] != '\t' {
			return nil, faultScheme
		}
		value = trim(rest)
	}
	if len(value) == 0 {
		return nil, faultEmpty
	}
	if len(value) > MaxToken || len(value) > maxKey && !looksJWT(value) {
		return nil, faultLong
	}
	f := faultNone
	for _, b := range value {
		switch {
		case b == ',':
			return nil, faultList
		case b <= ' ' || b >= 0x7f:
			f = faultGarbled
		}
	}
	return value, f
}

// trim drops the optional white space around a field value.
func trim(value []byte) []byte { return bytes.Trim(value, " \t") }

// Format prints nothing of what was presented, whatever the verb.
func (p *Presented) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, credential.Redacted) }

const howTo = "send it as Authorization: Bearer <key>, or in the header x-api-key."

// problem says what is wrong with p; nil if there is one key to look up.
func (p *Presented) problem() *llm.Problem {
	name := carrierNames[p.in]
	switch p.fault {
	case faultScheme:
		return refused("The header authorization is not of the form Bearer <key>.")
	case faultEmpty:
		return refused("The header " + name + " holds no API key; " + howTo)
	case faultLong:
		return refused("The header " + name + " is longer than 4096 bytes, which no API key is.")
	case faultList:
		return refused("The header " + name + " holds a list; send one API key, once.")
	case faultGarbled:
		return refused("The API key in the header " + name + " holds spaces or characters that no key has.")
	case faultSeveral:
		return refused("The request has several different API keys; send one.")
	}
	if p.value == nil {
		return refused("The request has no API key; " + howTo)
	}
	return nil
}

func refused(message string) *llm.Problem {
	return &llm.Problem{Kind: llm.Unauthenticated, Message: message}
}
