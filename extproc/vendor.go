package extproc

import (
	"bytes"
	"slices"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// vendorHeaders are the client's headers that mean something in its own dialect
// only. All attempts of a request share its headers, and what one of them
// removes is gone: so the exchange keeps these, and each call sets them or
// leaves them out.
type vendorHeaders []setHeader

// The names of vendor headers.
const (
	versionHeader = "anthropic-version"
	betaHeader    = "anthropic-beta"
)

// vendorNames are removed where the target speaks another dialect.
var vendorNames = [][]byte{[]byte(versionHeader), []byte(betaHeader), []byte("openai-beta")}

// offer keeps a header if it is a vendor's. What comes in several headers is
// one list (RFC 9110, section 5.3).
func (v *vendorHeaders) offer(name, value []byte) {
	if !slices.ContainsFunc(vendorNames, func(n []byte) bool { return bytes.Equal(n, name) }) {
		return
	}
	for i := range *v {
		if h := &(*v)[i]; h.name == string(name) {
			h.value = slices.Concat(h.value, []byte(","), value)
			return
		}
	}
	*v = append(*v, setHeader{string(name), slices.Clone(value)})
}

// get is the value of a header, nil if the client did not send it.
func (v vendorHeaders) get(name string) []byte {
	for i := range v {
		if v[i].name == name {
			return v[i].value
		}
	}
	return nil
}

// callHeaders are the headers of a call in a target's dialect: what the dialect
// wants, the client's own words where it speaks the same, and the credential.
func (e *exchange) callHeaders(c *dialect.Codec, keys []credential.Header) (set []setHeader, remove [][]byte) {
	same := c == e.codec
	if !same {
		remove = vendorNames
	}
	for _, h := range c.Headers {
		if !same || e.vendor.get(h.Name) == nil {
			set = append(set, setHeader{h.Name, []byte(h.Value)})
		}
	}
	if same {
		set = append(set, e.vendor...)
	}
	for _, h := range keys {
		set = append(set, setHeader{h.Name, h.Value})
	}
	return set, remove
}

// betas are the words of anthropic-beta, for targets that want them in the body.
func (e *exchange) betas() string {
	if e.codec.Name != llm.Anthropic {
		return ""
	}
	return string(e.vendor.get(betaHeader))
}
