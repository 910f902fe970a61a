package extproc

import (
	"bytes"
	"strconv"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/identity"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// head is what the router stage reads of a request's headers, in one pass.
// Its slices point into the received message,
// but for the vendor headers, which the exchange keeps.
type head struct {
	method, path    []byte
	host, origin    []byte
	contentType     []byte
	contentEncoding []byte
	upgrade         []byte
	contentLength   int64 // -1 = not said
	google          bool  // the key comes as Google's SDKs send it
	vendor          vendorHeaders
	presented       identity.Presented
	// strip names the headers no provider may see.
	strip [][]byte
}

func readHead(m *message, h *head) {
	h.contentLength = -1
	h.strip = make([][]byte, 0, len(m.headers))
	for i := range m.headers {
		name, value := m.headers[i].name, m.headers[i].value
		switch string(name) {
		case ":method":
			h.method = value
		case ":path":
			h.path = value
		case ":authority":
			h.host = value
		case "origin":
			h.origin = value
		case "content-type":
			h.contentType = value
		case "content-encoding":
			h.contentEncoding = value
		case "upgrade":
			h.upgrade = value
		case "content-length":
			h.contentLength = parseLength(value)
			continue
		case "x-goog-api-key":
			h.google = true
		}
		h.presented.Offer(name, value)
		h.vendor.offer(name, value)
		if len(name) > 0 && !envoy.ProviderHeaders.Has(name) {
			h.strip = append(h.strip, name)
		}
	}
}

// lists is in whose shape the client wants models listed, by its headers: vendors
// have one path for it.
func (h *head) lists() llm.Dialect {
	switch {
	case h.vendor.get(versionHeader) != nil:
		return llm.Anthropic
	case h.google:
		return llm.Gemini
	}
	return llm.OpenAI
}

func parseLength(b []byte) int64 {
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// checkPost judges what can be judged of a JSON request before its body.
func (h *head) checkPost(limit int64) *llm.Problem {
	if string(h.method) != "POST" {
		return &llm.Problem{Kind: llm.MethodNotAllowed, Message: "Use POST for this endpoint, not " + printable(h.method) + "."}
	}
	// What follows an upgrade is no body with an end, so Envoy would wait for
	// it as long as it waits for any.
	if len(h.upgrade) > 0 {
		return &llm.Problem{
			Kind: llm.NotImplemented, Code: "unsupported_upgrade",
			Message: "The gateway does not serve upgrades to " + printable(h.upgrade) + "; send a plain POST.",
		}
	}
	if t := bytes.TrimSpace(h.contentType); len(t) > 0 && !isJSON(t) {
		return &llm.Problem{
			Kind: llm.UnsupportedMedia, Param: "content-type",
			Message: "The request body must be application/json, not " + printable(t) + ".",
		}
	}
	if e := bytes.TrimSpace(h.contentEncoding); len(e) > 0 && !bytes.EqualFold(e, []byte("identity")) {
		return &llm.Problem{
			Kind: llm.UnsupportedMedia, Param: "content-encoding",
			Message: "The request body is " + printable(e) + " encoded; send it without content-encoding.",
		}
	}
	if h.contentLength > limit {
		return tooLarge(limit)
	}
	return nil
}

func tooLarge(limit int64) *llm.Problem {
	return &llm.Problem{
		Kind:    llm.TooLarge,
		Message: "The request body is larger than the gateway's limit of " + strconv.FormatInt(limit, 10) + " bytes.",
	}
}

// isJSON accepts application/json and any application/…+json, with parameters.
func isJSON(mediaType []byte) bool {
	if i := bytes.IndexByte(mediaType, ';'); i >= 0 {
		mediaType = bytes.TrimSpace(mediaType[:i])
	}
	const prefix, suffix = "application/", "+json"
	if bytes.EqualFold(mediaType, []byte("application/json")) {
		return true
	}
	n := len(mediaType)
	return n > len(prefix)+len(suffix) && bytes.EqualFold(mediaType[:len(prefix)], []byte(prefix)) &&
		bytes.EqualFold(mediaType[n-len(suffix):], []byte(suffix))
}

// printable quotes a client's own words for an error message, cut short and
// without control characters.
func printable(b []byte) string {
	const most = 100
	if len(b) > most {
		b = b[:most]
	}
	return strconv.QuoteToASCII(string(b))
}
