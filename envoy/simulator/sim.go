package simulator

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
)

// scriptHeader is the request header that carries a script where a gateway
// translates the body.
const scriptHeader = "X-Sim"

// markerOpen and markerClose enclose a script in the text of the last turn.
const (
	markerOpen  = "[[sim:"
	markerClose = "]]"
)

// markerIn finds the script that a text carries, nil if it has none. A text
// whose marker holds no JSON has none.
func markerIn(text string) []byte {
	_, rest, found := strings.Cut(text, markerOpen)
	if !found {
		return nil
	}
	var raw json.RawMessage
	d := json.NewDecoder(strings.NewReader(rest))
	if d.Decode(&raw) != nil || !strings.HasPrefix(rest[d.InputOffset():], markerClose) {
		return nil
	}
	return raw
}

// unmarked is a text without its marker.
func unmarked(text string) string {
	before, _, found := strings.Cut(text, markerOpen)
	if raw := markerIn(text); found && raw != nil {
		return before + text[len(before)+len(markerOpen)+len(raw)+len(markerClose):]
	}
	return text
}

// script merges what the request and the provider's fault ask for. All scripts
// of the request are checked, so that a slip is found wherever it stands.
func (p *Provider) script(a *ask) (*Script, *failure) {
	merged := Script{}
	for _, source := range [...]struct {
		name string
		raw  []byte
	}{{"sim", a.sim}, {"[[sim]]", plain(a.marker)}, {scriptHeader, plain(a.header)}} {
		if len(source.raw) == 0 {
			continue
		}
		s, f := p.scriptIn(source.name, source.raw)
		if f != nil {
			return nil, f
		}
		merged = s.over(merged)
	}
	if fault := p.fault.Load(); fault != nil {
		merged = fault.over(merged)
	}
	return &merged, nil
}

// scriptIn reads an object of scripts by provider name.
func (p *Provider) scriptIn(source string, raw []byte) (Script, *failure) {
	var common, own Script
	var bad *failure
	refuse := func(subject, detail string) bool {
		bad = &failure{status: http.StatusBadRequest, reason: badScript, subject: subject, detail: detail}
		return false
	}
	ok := members(raw, func(name string, value []byte) bool {
		s, err := ParseScript(value)
		switch {
		case err != nil:
			return refuse(source+"."+name, err.Error())
		case name == "*":
			common = s
		case name == p.config.Name:
			own = s
		}
		return true
	})
	if !ok {
		refuse(source, "want an object of scripts by provider name")
	}
	return own.over(common), bad
}

// plain lets a script stand by itself, for every provider, where it is no
// member of the vendor's request: its first member is a field of Script.
func plain(raw []byte) []byte {
	is := false
	members(raw, func(name string, value []byte) bool {
		_, is = fieldNamed(name)
		is = is && (!bytes.HasPrefix(value, []byte("{")) || name == "headers" || name == "usage")
		return false
	})
	if !is {
		return raw
	}
	return append(append([]byte(`{"*":`), raw...), '}')
}
