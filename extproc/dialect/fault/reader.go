package fault

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// maxDepth bounds how deep errors may lie in each other.
const maxDepth = 4

// Reader collects what an error says, whatever its form: an error object
// (OpenAI, Anthropic), an error string, an array around either (Google), an
// object that is the error itself (vLLM, Mistral), FastAPI's detail (Mistral,
// vLLM), plain text.
type Reader struct {
	// Statuses are what the vendor's types stand for, nil = nothing.
	Statuses map[string]int

	Message string
	Param   string

	words  []string // types and codes
	status int      // a code that is an HTTP status, or what a type stands for
	object []byte   // the innermost error object
}

// Read takes an error answer in.
func (r *Reader) Read(body []byte) {
	json, text := Body(body)
	if json == nil {
		r.Message = text
		return
	}
	r.value(json, 0)
}

// Report is what has been read. The status counts unless it is below 400, as
// that of an error within a stream is; then the error's own does.
func (r *Reader) Report(status int, header http.Header) Report {
	if status < http.StatusBadRequest && r.status != 0 {
		status = r.status
	}
	fault := dialect.Fault{Status: status, Type: strings.Join(r.words, " "), Message: r.Message}
	return Report{
		Kind: fault.Kind(), Status: status, Message: r.Message, Param: r.Param,
		RetryAfter: dialect.RetryAfter(header), Object: r.object,
	}
}

func (r *Reader) value(raw []byte, depth int) {
	if depth > maxDepth {
		return
	}
	w := scan.Over(raw)
	switch scan.KindOf(raw) {
	case scan.String:
		if text, _ := scan.Text(raw); r.Message == "" {
			r.Message = text
		}
	case scan.Array:
		for i := 0; i == 0 && w.Array() && w.Element(); i++ {
			r.value(w.Value(), depth+1)
		}
	case scan.Object:
		r.object = raw
		var inner []byte
		for ok := w.Object(); ok && w.Member(); {
			switch string(w.Key()) {
			case "error":
				inner = w.Value()
			case "errors":
				if inner == nil {
					inner = w.Value()
				}
			}
		}
		if !scan.IsNull(inner) {
			r.value(inner, depth+1)
		}
		r.members(raw, depth)
	}
}

func (r *Reader) members(raw []byte, depth int) {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		key := string(w.Key())
		value := w.Value()
		switch key {
		case "message", "detail", "msg", "error_description":
			if r.Message == "" {
				object := r.object
				r.value(value, depth+1)
				r.object = object
			}
		case "type", "code", "status":
			word, ok := scan.Text(value)
			if !ok {
				word = string(value)
			} else if word != "error" { // what Anthropic calls the whole
				r.words = append(r.words, word)
			}
			n, err := strconv.Atoi(word)
			if err != nil {
				n = r.Statuses[word]
			}
			if n >= http.StatusBadRequest && n < 600 && r.status == 0 {
				r.status = n
			}
		case "param":
			if text, ok := scan.Text(value); ok && r.Param == "" {
				r.Param = text
			}
		}
	}
}
