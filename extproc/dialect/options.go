package dialect

import (
	"slices"
	"strings"
	"unicode"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// Bounds of gateway options.
const (
	maxNames    = 64
	maxNameLen  = 256
	maxTags     = 10
	maxTagLen   = 64
	gatewayPath = "providerOptions.gateway"
)

// sorts are the orders a client may ask for: by cost, time to first token or
// tokens per second.
var sorts = []string{"cost", "ttft", "tps"}

var gatewayNames = scan.Names{"order", "only", "models", "sort", "onRefusal", "strict", "user", "tags"}

// ReadGateway reads providerOptions.gateway, which all dialects share. An
// option unknown here is refused: a client that limits where its data goes
// must not be served as if it had not.
func (o *Options) ReadGateway(raw []byte) *llm.Problem {
	if scan.IsNull(raw) {
		return nil
	}
	w := scan.Over(raw)
	if !w.Object() {
		return Invalid(gatewayPath, gatewayPath+" must be an object")
	}
	var seen scan.Seen
	for w.Member() && w.Guard(gatewayNames, &seen) {
		if p := o.readOption(string(w.Key()), w.Value()); p != nil {
			return p
		}
	}
	if err := w.End(); err != nil {
		return Invalid(gatewayPath, gatewayPath+": "+err.Text)
	}
	return nil
}

func (o *Options) readOption(name string, raw []byte) (p *llm.Problem) {
	path := gatewayPath + "." + name
	if !slices.Contains(gatewayNames, name) {
		return Invalid(path, "unknown gateway option "+path)
	}
	if scan.IsNull(raw) {
		return nil
	}
	switch name {
	case "order":
		o.Order, p = readNames(path, raw, maxNames, maxNameLen)
	case "only":
		o.Only, p = readNames(path, raw, maxNames, maxNameLen)
	case "models":
		return o.readModels(path, raw)
	case "tags":
		o.Tags, p = readNames(path, raw, maxTags, maxTagLen)
	case "sort":
		var ok bool
		if o.Sort, ok = scan.Text(raw); !ok || !slices.Contains(sorts, o.Sort) {
			return Invalid(path, path+` must be "cost", "ttft" or "tps"`)
		}
	case "onRefusal":
		var ok bool
		if o.OnRefusal, ok = scan.Truth(raw); !ok {
			return Invalid(path, path+" must be true or false")
		}
	case "strict":
		var ok bool
		if o.Strict, ok = scan.Truth(raw); !ok {
			return Invalid(path, path+" must be true or false")
		}
	case "user":
		var ok bool
		if o.User, ok = scan.Text(raw); !ok || len(o.User) > maxNameLen || !printable(o.User) {
			return Invalid(path, path+" must be a string of at most 256 bytes without control characters")
		}
	}
	return p
}

// ReadModels reads the top-level models of a request, the short way to write
// providerOptions.gateway.models.
func (o *Options) ReadModels(raw []byte) *llm.Problem {
	if scan.IsNull(raw) {
		return nil
	}
	return o.readModels("models", raw)
}

func (o *Options) readModels(path string, raw []byte) *llm.Problem {
	names, p := readNames(path, raw, maxNames, maxNameLen)
	if p != nil {
		return p
	}
	if o.Models != nil && !slices.Equal(o.Models, names) {
		return Invalid("models", "models and "+gatewayPath+".models contradict each other")
	}
	o.Models = names
	return nil
}

// printable tells whether a name may stand in records and on terminals as it is.
func printable(name string) bool { return !strings.ContainsFunc(name, unicode.IsControl) }

func readNames(path string, raw []byte, most, longest int) ([]string, *llm.Problem) {
	problem := Invalid(path, path+" must be an array of non-empty strings")
	w := scan.Over(raw)
	if !w.Array() {
		return nil, problem
	}
	names := []string{}
	for w.Element() {
		name, ok := scan.Text(w.Value())
		switch {
		case !ok || name == "":
			return nil, problem
		case len(names) == most:
			return nil, Invalid(path, path+" has too many entries")
		case len(name) > longest:
			return nil, Invalid(path, path+" has an entry that is too long")
		case !printable(name):
			return nil, Invalid(path, path+" has an entry with a control character")
		}
		names = append(names, name)
	}
	return names, nil
}

// Invalid is the problem of a request that is wrong at param.
func Invalid(param, message string) *llm.Problem {
	return &llm.Problem{Kind: llm.InvalidRequest, Param: param, Message: message}
}
